import HTTPTypes
import Hummingbird
import NIOCore

extension APIResponder {
    /// One completion or chat completion, streamed or not.
    func generate(
        _ endpoint: GenerationRequest.Endpoint, _ request: Request, _ connection: ObjectIdentifier,
        _ exchange: HTTPCounts.Exchange
    ) async -> Response {
        guard let body = try? await request.body.collect(upTo: Self.maxBodyBytes) else {
            return exchange.end(.json("{\"detail\":\"Payload Too Large\"}", .contentTooLarge))
        }
        do throws(APIError) {
            let asked = try GenerationRequest.parse([UInt8](buffer: body))
            let model = asked.model ?? modelNames[0]
            guard modelNames.contains(model) else {
                throw APIError.unknownModel(model, aliases: modelNames)
            }
            let work = try asked.work(endpoint, maxModelLength: maxModelLength)
            let updates = try engine.submit(work, connection: connection)
            let reply = GenerationReply(
                endpoint, model: model, promptTokens: work.promptTokens,
                includeUsage: asked.stream_options?.include_usage ?? false, created: Int(SystemProcess.wallClock))
            return asked.stream ?? false
                ? stream(updates, reply, exchange)
                : exchange.end(await collect(updates, reply))
        } catch {
            return exchange.end(.error(error))
        }
    }

    private func collect(_ updates: AsyncStream<EngineDriver.Update>, _ reply: GenerationReply) async -> Response {
        var count = 0
        for await update in updates {
            switch update {
            case .progress(let tokens, let ending):
                count += tokens
                if let ending { return .json(reply.body(tokens: count, reason: ending)) }
            case .failed(let error):
                return .error(error)
            }
        }
        // The client has hung up: nobody reads this.
        return .empty(.ok)
    }

    private func stream(
        _ updates: AsyncStream<EngineDriver.Update>, _ reply: GenerationReply, _ exchange: HTTPCounts.Exchange
    ) -> Response {
        let body = ResponseBody { writer in
            defer { exchange.end(status: 200, bytes: 0) }
            var count = 0
            var preamble = reply.preamble
            for await update in updates {
                var text = preamble
                preamble = ""
                switch update {
                case .progress(let tokens, let ending):
                    for index in 0..<tokens {
                        text += reply.chunk(token: count + index, reason: index == tokens - 1 ? ending : nil)
                    }
                    count += tokens
                    if let ending {
                        if tokens == 0 { text += reply.chunk(token: nil, reason: ending) }
                        text += reply.postamble(tokens: count)
                    }
                case .failed(let error):
                    text += reply.failure(error)
                }
                try await writer.write(ByteBuffer(string: text))
            }
            try await writer.finish(nil)
        }
        return Response(
            status: .ok, headers: [.contentType: "text/event-stream; charset=utf-8", .vary: "Origin"], body: body)
    }
}
