import Admission
import Fleet
import NIOCore

/// The way back: from a replica's bytes to the client's.
extension Exchange: UpstreamUser {
    /// Bodies up to this size go out in one piece with their head.
    private static let joined = 16 << 10

    var takesMore: Bool { relay == .collect || (client?.isWritable ?? true) }

    var takesPayload: Bool { relay != .wire }

    func answerBegan(_ head: MessageHead, body: BodyFraming.State, upstream: UpstreamConnection) {
        guard client != nil else { return }
        if head.status == 503, attempt == 1, isRepeatable {
            // The replica turns it away; perhaps another one does not.
            return failed(.turnedAway)
        }
        let hasBody = body != .done
        phase = .answering
        let streams =
            line.isStreaming && head.status == 200
            && head.first(.contentType).map { head.text($0.value).lowercased().hasPrefix("text/event-stream") } ?? false
        if isCommitted {
            relay = !streams ? .collect : !clientIsChunked ? .plain : body == BodyFraming.chunked ? .wire : .chunks
            if relay == .collect { status = head.status } else { outgoing = ByteBuffer() }
            takesComment = true
            return
        }
        outgoing = ByteBuffer()
        status = head.status
        switch body {
        case .done, .length: relay = .wire
        case .untilClose: relay = isHTTP10 ? .plain : .chunks
        default: relay = isHTTP10 ? .plain : .wire
        }
        clientIsChunked = relay == .chunks || relay == .wire && body == BodyFraming.chunked
        takesComment = streams && (clientIsChunked || relay == .plain)
        closesClient = !keepsClient || worker.isDraining
        var capacity = head.bytes.count + 64
        if case .length(let bytes) = body, bytes <= Self.joined { capacity += bytes }
        unsentHead = answerHead(head, capacity: capacity)
        needsAnswerFlush = true
        if !hasBody { worker.tell(.responseStarted(id)) }
    }

    func payload(_ bytes: UnsafeRawBufferPointer) {
        var buffer = ByteBuffer()
        switch relay {
        case .wire: return
        case .collect:
            guard collected.readableBytes + bytes.count <= Self.maximumCollected else { return }
            collected.writeBytes(bytes)
            return
        case .chunks, .plain: buffer.writeBytes(bytes)
        }
        writePayload(buffer)
        needsAnswerFlush = true
    }

    func answered(_ wire: ByteBuffer, payload: Int) {
        guard phase == .answering else { return }
        takesComment = takesComment && relay == .collect
        if relay == .wire {
            if unsentHead != nil, wire.readableBytes <= Self.joined {
                unsentHead?.writeImmutableBuffer(wire)
            } else {
                sendHead()
                client?.write(wire)
            }
            needsAnswerFlush = true
        }
        guard payload > 0, relay != .collect else { return }
        let now = worker.clock
        if payloadBytes == 0 {
            line.firstByte = .nanoseconds((now - beganAt).nanoseconds)
            worker.tell(.responseStarted(id))
        } else if line.isStreaming, let lastPayloadAt {
            worker.numbers.interChunk.add(Double((now - lastPayloadAt).nanoseconds) / 1e9)
        }
        lastPayloadAt = now
        payloadBytes += payload
    }

    func flushAnswer() {
        guard needsAnswerFlush else { return }
        needsAnswerFlush = false
        sendHead()
        client?.flush()
    }

    private func sendHead() {
        if let head = unsentHead.take() { client?.write(head) }
    }

    func answerEnded(trailers: MessageHead?) {
        upstream = nil
        guard phase == .answering else { return }
        if relay == .collect { return promisedStreamEnded() }
        // Chunks of the replica's own end by themselves.
        if relay == .wire { needsAnswerFlush = true } else { writeEnd(trailers) }
        finishClient()
        phase = .over
        worker.tell(.finished(id, status: status))
    }

    func upstreamLost(_ loss: UpstreamLoss) {
        guard let lost = upstream else { return }
        upstream = nil
        guard phase == .sent || phase == .answering else { return }
        let isEarly = worker.now() - sentAt < TimeAmount(worker.settings.upstream.staleTime)
        let isStale = loss == .closed && lost.isReused && !lost.heardOfAnswer && isEarly
        if phase == .sent, isStale, isRepeatable { return reconnect() }
        let isPassedOn = phase == .answering && relay != .collect
        failed(isPassedOn ? .midway : .unanswered)
    }

    func upstreamBecameWritable() { if !bodyIsWhole { client?.resume() } }

    // MARK: Writing

    /// The replica's head: every field in its place and spelling, but for those of the one connection.
    private func answerHead(_ head: MessageHead, capacity: Int) -> ByteBuffer {
        var buffer = worker.allocator.buffer(capacity: capacity)
        buffer.writeStaticString("HTTP/1.1 ")
        // Status and reason follow a version of eight bytes.
        buffer.writeBytes(head.bytes[9..<head.reason.upperBound])
        buffer.writeStaticString("\r\n")
        for field in head.fields {
            switch field.kind {
            case .connection, .hopByHop: continue
            case .transferEncoding where relay != .wire: continue
            default: break
            }
            buffer.writeBytes(head.bytes[field.name.lowerBound..<field.value.upperBound])
            buffer.writeStaticString("\r\n")
        }
        if relay == .chunks { buffer.writeStaticString("Transfer-Encoding: chunked\r\n") }
        if closesClient || isHTTP10 { buffer.writeStaticString("Connection: close\r\n") }
        buffer.writeStaticString("\r\n")
        return buffer
    }

    /// A piece of body for a client that is not given the replica's own framing.
    func writePayload(_ bytes: ByteBuffer) {
        guard let client else { return }
        sendHead()
        guard clientIsChunked else { return client.write(bytes) }
        var bytes = bytes
        var buffer = worker.allocator.buffer(capacity: bytes.readableBytes + 16)
        buffer.writeString(String(bytes.readableBytes, radix: 16))
        buffer.writeStaticString("\r\n")
        buffer.writeBuffer(&bytes)
        buffer.writeStaticString("\r\n")
        client.write(buffer)
    }

    private func writeEnd(_ trailers: MessageHead?) {
        guard clientIsChunked, let client else { return }
        sendHead()
        var buffer = ByteBuffer(staticString: "0\r\n")
        for field in trailers?.fields ?? [] {
            buffer.writeBytes(trailers?.bytes[field.name.lowerBound..<field.value.upperBound] ?? [])
            buffer.writeStaticString("\r\n")
        }
        buffer.writeStaticString("\r\n")
        client.write(buffer)
        needsAnswerFlush = true
    }

    private func finishClient() {
        guard let client else { return }
        flushAnswer()
        self.client = nil
        client.answered(keeps: !closesClient && !isHTTP10 && bodyIsWhole)
    }

    func endClientAnswer() {
        writeEnd(nil)
        needsAnswerFlush = true
        finishClient()
    }

    /// A client that was promised a stream gets what came instead as an event: the error itself, or all of the answer.
    private func promisedStreamEnded() {
        let text = String(buffer: collected)
        let isError = status >= 400
        let lines = text.split(whereSeparator: \.isNewline)
        let isErrorObject = lines.count == 1 && text.hasPrefix("{\"error\"")
        if isError && !isErrorObject {
            let error = ClientError(
                status, "upstream_error", "the replica answered \(status): \(text.prefix(2000))",
                type: status < 500 ? "invalid_request_error" : "server_error")
            writePayload(ByteBuffer(string: error.event(isAnthropic: path.isAnthropic)))
        } else {
            let name = isError && path.isAnthropic ? "event: error\n" : ""
            writePayload(ByteBuffer(string: name + lines.map { "data: \($0)\n" }.joined() + "\n"))
        }
        worker.tell(.responseStarted(id))
        endClientAnswer()
        phase = .over
        worker.tell(.finished(id, status: status))
    }
}
