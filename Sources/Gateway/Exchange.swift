import Admission
import Fleet
import NIOCore

/// One request that was let through the door, from its head to the last byte of its answer.
///
/// Lives on its client's event loop, as does the replica's connection, so that nothing on the way of a chunk changes
/// threads. What the client sent is kept, as it goes to the replica, until the answer begins.
final class Exchange {
    enum Phase {
        /// Reading as much of the body as tells the model.
        case reading
        /// Admission has it.
        case waiting
        case connecting
        /// With a replica that has not answered.
        case sent
        case answering
        case over
    }

    /// How an answer's body goes to the client.
    enum Relay {
        /// As it came.
        case wire
        case chunks
        /// Without framing; the end of the connection ends it.
        case plain
        /// Kept back: what a client gets that was already promised a stream.
        case collect
    }

    /// How much of a body is read at once while its request waits; of one that may be sent again, `heldBodyBytes`.
    private static let readAhead = 8 << 10
    /// After which so much is read of every body, for a client that leaves is noticed only behind its body. Of one that is
    /// longer than `heldBodyBytes`, the rest stays in the client's socket until its request is dispatched.
    private static let shortHold: TimeAmount = .seconds(1)
    /// What is kept of an answer that becomes one event.
    static let maximumCollected = 256 << 10

    let worker: Worker
    let path: InferencePath
    let key: KeyID
    let id: RequestID
    var line: RequestLine
    let beganAt: NIODeadline
    let isHTTP10: Bool
    let keepsClient: Bool
    let retryCount: Int
    let identity: UInt64?
    let affinity: UInt64?
    let patience: Duration?
    let announcedBytes: Int?
    var client: ClientConnection?
    var phase = Phase.reading {
        didSet {
            // From here on admission counts it, or nobody holds it.
            if oldValue == .reading || phase == .sent || phase == .over { budget(0) }
        }
    }
    var upstream: UpstreamConnection?

    // The request
    var outgoing: ByteBuffer
    var bodyIsWhole: Bool
    /// Whether all that was sent to a replica is still in `outgoing`.
    var isRepeatable = true
    private var scanned = BodyScan()
    /// Instead, where the body is a form.
    private var form: FormScan?
    /// Whether the head says in two ways, or in an odd one, what the body is.
    private let hasOddType: Bool
    private let headBytes: Int
    /// What was taken of the budget of bodies.
    private var budgeted = 0
    private var isHeldLong = false
    private(set) var sentAt = NIODeadline.uptimeNanoseconds(0)
    /// Whether a replica may have seen the request in this attempt, over a connection that broke.
    private var mayBeSeen = false
    var needsBodyFlush = false
    var attempt = 0
    var destination: Destination?
    var endpoint: Endpoint?

    // The answer
    var relay = Relay.wire
    /// Whether a heartbeat has promised the client a stream.
    var isCommitted = false
    var clientIsChunked = false
    var payloadBytes = 0
    /// Whether a comment may still go before the answer's first byte: engines send the head before they read the prompt.
    var takesComment = false
    /// The answer's head while it waits for the first bytes of the body, to go out with them.
    var unsentHead: ByteBuffer?
    var needsAnswerFlush = false
    var closesClient = false
    var collected = ByteBuffer()
    var lastPayloadAt: NIODeadline?
    /// Set when it is over and its connection goes on: later news about it only goes to the log.
    var status = 0

    init(
        _ passed: Door.Passed, head: MessageHead, request: RequestFraming, client: ClientConnection, keepsClient: Bool
    ) {
        worker = client.worker
        path = passed.path
        key = passed.key
        line = passed.line
        id = worker.nextID()
        beganAt = worker.now()
        isHTTP10 = head.isHTTP10
        self.keepsClient = keepsClient
        self.client = client
        retryCount = head.value(.retryCount).flatMap { Int($0) } ?? 0
        identity = head.value(.idempotencyKey).map(stableHash)
        affinity = head.value(.session).map(stableHash)
        // A little less, so that an answer does not race with a client that gives up.
        patience = head.value(.patience).flatMap { Double($0) }.flatMap {
            $0 > 0 && $0 < 86_400 ? .seconds($0 - min(10, $0 / 10)) : nil
        }
        bodyIsWhole = request.body == .done
        if case .length(let bytes) = request.body { announcedBytes = bytes } else { announcedBytes = nil }
        let types = head.fields.filter { $0.kind == .contentType }
        let type = types.first.map { head.text($0.value) } ?? ""
        form = FormScan(contentType: type)
        hasOddType = types.count > 1 || form == nil && type.lowercased().contains("multipart/")
        outgoing = worker.requestHead(head, request, id: passed.line.requestID)
        headBytes = outgoing.readableBytes
    }

    // MARK: The request

    func begin() {
        worker.exchanges[id.rawValue] = self
        considerArrival()
    }

    var wantsBody: Bool {
        switch phase {
        case .reading: heldBytes < worker.settings.limits.heldBodyBytes
        case .waiting, .connecting:
            heldBytes < heldBodyBytes
                || isHeldLong && heldBytes < worker.settings.limits.heldBodyBytes && !worker.bodies.isFull
        case .sent, .answering: upstream?.isWritable ?? true
        case .over: false
        }
    }

    private var heldBytes: Int { outgoing.readableBytes - headBytes }

    private func budget(_ bytes: Int) {
        guard bytes != budgeted else { return }
        worker.bodies.add(bytes - budgeted)
        budgeted = bytes
    }

    /// Reads on what has waited for longer than a moment.
    func checkHold(_ now: NIODeadline) {
        guard phase == .waiting, !bodyIsWhole, now - beganAt > Self.shortHold else { return }
        isHeldLong = true
        client?.resume()
    }

    /// What holding the request may cost.
    private var heldBodyBytes: Int {
        let most = worker.settings.limits.heldBodyBytes
        return isSafeToRepeat ? most : min(Self.readAhead, most)
    }

    private var isSafeToRepeat: Bool { !path.isGeneration || worker.settings.repeatsGenerations }

    var allowsReuse: Bool { bodyIsWhole }

    /// Reads on when the request has long been let in: what its body says last may belie what was let in.
    func scan(_ payload: UnsafeRawBufferPointer) {
        if form == nil { scanned.read(payload) } else { form?.read(payload) }
    }

    /// Whether an engine may serve another model than the one that is let in, as far as the body is known.
    var isAmbiguous: Bool {
        if hasOddType || scanned.isAmbiguous || form?.isAmbiguous == true { return true }
        guard phase != .reading, let model = namedModel else { return false }
        return model != line.model
    }

    private var namedModel: String? { form == nil ? scanned.model : form?.model }

    func body(_ wire: ByteBuffer, payload: Int, isLast: Bool) {
        var wire = wire
        bodyIsWhole = isLast
        line.bodyBytes += payload
        switch phase {
        case .reading:
            outgoing.writeBuffer(&wire)
            considerArrival()
            guard phase == .reading else { return }
            budget(heldBytes)
            if worker.bodies.isFull { refuseBody(.tooManyBodies) }
        case .waiting, .connecting:
            outgoing.writeBuffer(&wire)
            if isHeldLong, heldBytes > heldBodyBytes {
                budget(heldBytes)
            } else if announcedBytes == nil, phase == .waiting {
                worker.tell(.bodyGrew(id, bytes: line.bodyBytes))
            }
        case .sent, .answering:
            isRepeatable = false
            outgoing = ByteBuffer()
            upstream?.write(wire)
            needsBodyFlush = true
        case .over: break
        }
    }

    func flushBody() {
        guard needsBodyFlush else { return }
        needsBodyFlush = false
        upstream?.flush()
    }

    /// Asks to be let in as soon as it is known which model, and whether the answer streams.
    private func considerArrival() {
        let isFull = !wantsBody
        let needsStream = path.streaming == .onRequest
        guard bodyIsWhole || isFull || scanned.model != nil && (!needsStream || scanned.stream != nil) else { return }
        guard let model = namedModel ?? (worker.door.models.count == 1 ? worker.door.models[0] : nil) else {
            let error =
                bodyIsWhole
                ? ClientError(400, "missing_model", "the body names no model")
                : ClientError(
                    413, "missing_model", "no model within the first \(outgoing.readableBytes - headBytes) bytes")
            return refuseBody(error)
        }
        line.model = model
        guard worker.models[model] != nil else {
            return refuseBody(ClientError(404, "model_not_found", "the model \(model) does not exist here"))
        }
        switch path.streaming {
        case .always: line.isStreaming = true
        case .never: line.isStreaming = false
        case .onRequest: line.isStreaming = scanned.stream ?? false
        }
        phase = .waiting
        worker.tell(
            .arrived(
                Arrival(
                    id: id, model: model, key: key,
                    bodyBytes: max(line.bodyBytes, min(announcedBytes ?? 0, heldBodyBytes)),
                    isStreaming: line.isStreaming, isSafeToRepeat: bodyIsWhole && isSafeToRepeat,
                    retryCount: retryCount, identity: identity, affinity: affinity,
                    patience: line.isStreaming ? nil : patience)))
    }

    /// Answers a request whose body is wrong, where that is still possible.
    func refuseBody(_ error: ClientError) {
        let isKnown = phase != .reading
        switch phase {
        case .over: return
        case .answering:
            closeUpstream()
            client?.abort(byReset: clientEndsByClose)
            line.outcome = error.code
        case .reading, .waiting, .connecting, .sent:
            closeUpstream()
            refuse(error)
        }
        end()
        if isKnown { worker.tell(.cancelled(id)) }
    }

    // MARK: What admission wants

    func dispatch(to destination: Destination, _ endpoint: Endpoint?, attempt: Int) {
        guard phase == .waiting else { return }
        self.destination = destination
        self.endpoint = endpoint
        self.attempt = attempt
        mayBeSeen = false
        if line.waited == nil { line.waited = time }
        phase = .connecting
        if let pooled = worker.takeConnection(to: destination, endpoint) { attach(pooled) } else { connect() }
    }

    private func connect() {
        guard let endpoint, let destination else { return failed(.unreachable) }
        phase = .connecting
        let failure = mayBeSeen ? DispatchFailure.unanswered : .unreachable
        let attempt = attempt
        worker.connect(to: destination, endpoint) { connection in
            guard self.phase == .connecting, self.attempt == attempt else {
                connection?.close()
                return
            }
            guard let connection else { return self.failed(failure) }
            self.attach(connection)
        }
    }

    /// Sends the request once more, over a connection that cannot have gone stale.
    func reconnect() {
        mayBeSeen = true
        connect()
    }

    private func attach(_ connection: UpstreamConnection) {
        upstream = connection
        phase = .sent
        sentAt = worker.clock
        connection.start(self)
        connection.write(outgoing)
        connection.flush()
        if !bodyIsWhole { client?.resume() }
    }

    func heartbeat(eta: Duration?) {
        guard phase != .over, let client, client.isWritable, line.isStreaming, phase != .answering || takesComment
        else { return }
        var text = ": working\n\n"
        if phase == .waiting {
            text = eta.map { ": waking eta=\(Int($0.seconds.rounded(.up)))s\n\n" } ?? ": waking\n\n"
        }
        if !isCommitted, phase != .answering {
            isCommitted = true
            status = 200
            clientIsChunked = !isHTTP10
            closesClient = !keepsClient || isHTTP10 || worker.isDraining
            client.write(
                ByteBuffer(
                    string: "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
                        + "Cache-Control: no-cache, no-transform\r\nX-Accel-Buffering: no\r\n"
                        + "x-request-id: \(line.requestID)\r\n"
                        + (clientIsChunked ? "Transfer-Encoding: chunked\r\n" : "")
                        + (closesClient ? "Connection: close\r\n\r\n" : "\r\n")))
        }
        writePayload(ByteBuffer(string: text))
        client.flush()
        worker.numbers.heartbeats += 1
    }

    func reject(_ refusal: Refusal) {
        guard phase != .over else { return }
        closeUpstream()
        refuse(ClientError(refusal))
        phase = .over
    }

    /// Ends both sides so that the client can tell.
    func cut() {
        guard phase != .over else { return }
        closeUpstream()
        client?.abort(byReset: clientEndsByClose)
        client = nil
        phase = .over
    }

    func ended(_ record: RequestRecord) {
        line.pool = record.pool?.rawValue
        line.replica = record.replica?.rawValue
        line.attempts = record.attempts
        line.isCold = record.isCold
        if line.outcome.isEmpty {
            switch record.outcome {
            case .served: line.outcome = "served"
            case .refused(let code): line.outcome = code.rawValue
            case .cancelled: line.outcome = "cancelled"
            case .brokenOff: line.outcome = "broken_off"
            case .drainDeadline: line.outcome = "drain_deadline"
            case .superseded: line.outcome = "superseded"
            }
        }
        end()
    }

    // MARK: Ends

    func clientGone() {
        client = nil
        guard phase != .over else { return }
        let isKnown = phase != .reading
        closeUpstream()
        phase = .over
        line.outcome = "cancelled"
        if isKnown { worker.tell(.cancelled(id)) } else { end() }
    }

    func clientBecameWritable() {
        guard phase == .answering else { return }
        upstream?.resume()
    }

    /// Tells admission that this attempt came to nothing; what is next comes back as an action.
    func failed(_ failure: DispatchFailure) {
        closeUpstream()
        if failure == .midway {
            client?.abort(byReset: clientEndsByClose)
            client = nil
            phase = .over
        } else {
            phase = .waiting
            collected = ByteBuffer()
        }
        worker.tell(.failed(id, failure))
    }

    private func end() {
        phase = .over
        client = nil
        outgoing = ByteBuffer()
        guard worker.exchanges.removeValue(forKey: id.rawValue) != nil else { return }
        line.status = status
        line.took = time
        line.answerBytes = payloadBytes
        worker.count(line)
    }

    var time: Duration { .nanoseconds((worker.now() - beganAt).nanoseconds) }

    /// Whether the client cannot tell a whole answer from a part of one but by a reset.
    var clientEndsByClose: Bool { isHTTP10 && status != 0 }

    func closeUpstream() {
        upstream?.close()
        upstream = nil
    }

    /// Answers by an error: an event where the stream was promised, else with a status.
    func refuse(_ error: ClientError) {
        guard let client else { return }
        if isCommitted {
            line.outcome = error.code
            writePayload(ByteBuffer(string: error.event(isAnthropic: path.isAnthropic)))
            return endClientAnswer()
        }
        status = error.status
        let keeps = keepsClient && !worker.isDraining
        line.outcome = error.code
        client.write(
            ownAnswer(
                error.status, fields: error.fields, body: error.json + "\n", id: line.requestID,
                closes: !keeps || !bodyIsWhole))
        client.flush()
        self.client = nil
        client.answered(keeps: keeps && bodyIsWhole)
    }
}

/// FNV-1a: the same on every gateway, so that they agree on where a session belongs.
private func stableHash(_ text: String) -> UInt64 {
    text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
}
