import FoundationEssentials

/// The body of `POST /v1/completions` or `/v1/chat/completions`, as far as the stand-in cares.
struct GenerationRequest: Decodable {
    enum Endpoint: Sendable { case completions, chat }

    struct Message: Decodable {
        var content: Content?
    }

    /// A string, an array of strings, tokens or arrays of tokens, or chat content parts.
    enum Content: Decodable {
        case text(String)
        case tokens(Int)
        case list([Content])
        case part(text: String?)

        private enum PartKey: CodingKey { case text }

        init(from decoder: any Decoder) throws {
            if let single = try? decoder.singleValueContainer() {
                if let text = try? single.decode(String.self) { self = .text(text); return }
                if (try? single.decode(Int.self)) != nil { self = .tokens(1); return }
                if let list = try? single.decode([Content].self) { self = .list(list); return }
            }
            self = .part(text: try decoder.container(keyedBy: PartKey.self).decodeIfPresent(String.self, forKey: .text))
        }

        /// Four bytes of text are one token.
        var tokenCount: Int {
            switch self {
            case .text(let text): (text.utf8.count + 3) / 4
            case .tokens(let count): count
            case .list(let list): list.reduce(0) { $0 + $1.tokenCount }
            case .part(let text): ((text?.utf8.count ?? 0) + 3) / 4
            }
        }
    }

    struct StreamOptions: Decodable {
        var include_usage: Bool?
    }

    var model: String?
    var prompt: Content?
    var messages: [Message]?
    var max_tokens: Int?
    var max_completion_tokens: Int?
    var n: Int?
    var stream: Bool?
    var stream_options: StreamOptions?

    static func parse(_ body: [UInt8]) throws(APIError) -> GenerationRequest {
        do {
            return try JSONDecoder().decode(GenerationRequest.self, from: Data(body))
        } catch DecodingError.typeMismatch(_, let context) {
            let field = context.codingPath.map(\.stringValue).joined(separator: ".")
            throw .badValue(field, "Input should have another type")
        } catch {
            throw .invalidJSON(offset: body.count)
        }
    }

    /// What the engine has to do for it.
    ///
    /// A request that names a limit gets exactly that many tokens (`length`); a chat without one stops by itself
    /// after `naturalTokens` (`stop`), or at the end of the context.
    func work(
        _ endpoint: Endpoint, maxModelLength: Int, naturalTokens: Int = 128
    ) throws(APIError) -> EngineScheduler.Work {
        guard (n ?? 1) == 1 else { throw .badValue("n", "vllm-sim generates one choice per request") }
        let prompt = try promptTokens(endpoint)
        guard prompt < maxModelLength else { throw .promptTooLong(limit: maxModelLength) }
        let room = maxModelLength - prompt
        let implied = endpoint == .completions ? min(16, room) : nil
        guard let limit = max_completion_tokens ?? max_tokens ?? implied else {
            let output = min(room, max(1, naturalTokens))
            return .init(
                promptTokens: prompt, outputTokens: output, maxTokens: room,
                ending: output < naturalTokens ? .length : .stop)
        }
        guard limit >= 1 else { throw .badValue("max_tokens", "max_tokens must be at least 1, got \(limit).") }
        guard limit <= room else {
            throw .outputTooLong(limit: maxModelLength, prompt: prompt, output: limit)
        }
        return .init(promptTokens: prompt, outputTokens: limit, maxTokens: limit, ending: .length)
    }

    private func promptTokens(_ endpoint: Endpoint) throws(APIError) -> Int {
        switch endpoint {
        case .completions:
            guard let prompt else { throw .missing("prompt") }
            return max(1, prompt.tokenCount)
        case .chat:
            guard let messages else { throw .missing("messages") }
            // The chat template adds the role and the separators.
            return messages.reduce(3) { $0 + 4 + ($1.content?.tokenCount ?? 0) }
        }
    }
}
