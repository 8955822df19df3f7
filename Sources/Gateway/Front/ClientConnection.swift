import Glibc
import NIOCore

/// A client's HTTP/1.1 connection, or one stream of an HTTP/2 one that was brought into this form.
///
/// Reads one request at a time; what comes behind it waits, most of it in the socket.
final class ClientConnection: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase {
        /// Between requests.
        case idle
        case head
        /// The body goes to the exchange, or to nobody where the answer is already known.
        case body
        /// The request is read; the answer is not written.
        case answer
        /// All is answered. What still comes is read and dropped, for an early close would destroy the answer.
        case lingering
        case closed
    }

    /// Bytes read ahead of the request that is being answered.
    private static let readAhead = 64 << 10
    /// A refused body up to this size is read to its end, so that the connection can go on.
    private static let shortBody = 64 << 10
    private static let lingering: TimeAmount = .seconds(2)

    let worker: Worker
    let needsKey: Bool
    /// Whether an HTTP/2 stream carries it, which ends with the request.
    let isStream: Bool
    /// Where the worker keeps it.
    var slot = 0
    private(set) var context: ChannelHandlerContext?
    /// Asked for once, for the system is asked each time; and the channel, for the streams of HTTP/2 know it by that alone.
    private lazy var remote = context?.channel.remoteAddress?.ipAddress
    private var input = ByteBuffer()
    private var parser: HeadParser
    private var framing: BodyFraming
    private var exchange: Exchange?
    private var phase = Phase.idle
    private var phaseBegan = NIODeadline.now()
    private var bodyBytes = 0
    private var isPaused = false
    private var isProcessing = false
    private var isFlushing = false
    private var unwritableSince: NIODeadline?
    /// Replaces this handler when the client begins with HTTP/2's preface.
    private var upgrade: ((ChannelHandlerContext, ByteBuffer) -> Void)?

    init(
        worker: Worker, needsKey: Bool, isStream: Bool = false,
        upgrade: ((ChannelHandlerContext, ByteBuffer) -> Void)? = nil
    ) {
        self.worker = worker
        self.needsKey = needsKey
        self.isStream = isStream
        self.upgrade = upgrade
        parser = HeadParser(.request, limits: worker.settings.limits.head)
        framing = BodyFraming(.done, limits: worker.settings.limits.head)
    }

    // MARK: Channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        worker.add(self)
        if context.channel.isActive { context.read() }
    }

    func handlerRemoved(context: ChannelHandlerContext) { gone() }

    func channelActive(context: ChannelHandlerContext) {
        context.read()
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        switch phase {
        case .lingering, .closed: return
        default: break
        }
        if input.readableBytes == 0 { input = bytes } else { input.writeBuffer(&bytes) }
        process()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        exchange?.flushBody()
        if wantsRead { context.read() } else { isPaused = true }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        unwritableSince = context.channel.isWritable ? nil : .now()
        guard context.channel.isWritable else { return }
        exchange?.clientBecameWritable()
        resume()
    }

    func channelInactive(context: ChannelHandlerContext) { gone() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func gone() {
        guard phase != .closed || context != nil else { return }
        phase = .closed
        context = nil
        input = ByteBuffer()
        worker.remove(self)
        exchange.take()?.clientGone()
    }

    // MARK: Requests

    private var wantsRead: Bool {
        switch phase {
        case .idle, .head: takesRequests
        case .lingering: true
        case .body: exchange?.wantsBody ?? true
        case .answer: input.readableBytes < Self.readAhead
        case .closed: false
        }
    }

    /// A client that does not read its answers gets no further ones, and nothing that it sends is kept for them.
    private var takesRequests: Bool { isStream || isWritable }

    /// Goes on with what was left unread, for the exchange takes more now.
    func resume() {
        guard context != nil, !isProcessing else { return }
        process()
        exchange?.flushBody()
        guard isPaused, wantsRead else { return }
        if phase == .body { restartBodyClock() }
        readOn()
    }

    private func process() {
        guard !isProcessing else { return }
        isProcessing = true
        defer { isProcessing = false }
        do throws(HTTPFault) {
            while input.readableBytes > 0 {
                switch phase {
                case .idle, .head:
                    guard takesRequests else { return }
                    if upgrade != nil, try !isHTTP1() { return }
                    if phase == .idle { enter(.head) }
                    guard let head = try parser.next(&input) else { return }
                    try begin(head)
                case .body:
                    guard exchange?.wantsBody ?? true else { return }
                    try takeBody()
                case .answer, .lingering, .closed:
                    return
                }
            }
            // An emptied buffer would keep the memory of what was in it.
            input = ByteBuffer()
        } catch {
            if let exchange { return exchange.refuseBody(ClientError(error)) }
            refuse(ClientError(error))
        }
    }

    /// Answers what is no request that could be read.
    private func refuse(_ error: ClientError) {
        var line = RequestLine(requestID: worker.makeRequestID(), method: "", path: "", remote: remote)
        line.status = error.status
        line.outcome = error.code
        answer(error, id: line.requestID, closes: true)
        worker.count(line)
    }

    /// Whether the first bytes are not HTTP/2's preface; hands the connection over when they are.
    private func isHTTP1() throws(HTTPFault) -> Bool {
        let preface: StaticString = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        let count = min(input.readableBytes, preface.utf8CodeUnitCount)
        let isPrefix = input.withUnsafeReadableBytes { bytes in
            (0..<count).allSatisfy { bytes[$0] == preface.utf8Start[$0] }
        }
        if isPrefix, count < preface.utf8CodeUnitCount { return false }
        guard isPrefix, let upgrade = upgrade.take(), let context else {
            upgrade = nil
            return true
        }
        let bytes = input
        worker.remove(self)
        phase = .closed
        upgrade(context, bytes)
        return false
    }

    private func begin(_ head: MessageHead) throws(HTTPFault) {
        var head = head
        let request = try RequestFraming(head)
        head.markNamedByConnection()
        framing = BodyFraming(request.body, limits: worker.settings.limits.head)
        bodyBytes = 0
        let isDone = framing.isDone
        let decision = worker.door.decide(
            head, request, needsKey: needsKey, remote: remote, newID: worker.makeRequestID)
        switch decision {
        case .answer(let answer):
            let keeps = keepsConnection(head) && isShort(request.body)
            write(answer.bytes(closes: !keeps))
            worker.log?(answer.line)
            flush()
            answered(keeps: keeps)
        case .refuse(let error, let line):
            let keeps = keepsConnection(head) && isShort(request.body) && !request.expectsContinue
            answer(error, id: line.requestID, closes: !keeps)
            worker.count(line)
        case .pass(let passed):
            enter(isDone ? .answer : .body)
            let exchange = Exchange(
                passed, head: head, request: request, client: self, keepsClient: keepsConnection(head))
            self.exchange = exchange
            if request.expectsContinue, !isDone {
                write(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n"))
                flush()
            }
            exchange.begin()
        }
    }

    private func keepsConnection(_ head: MessageHead) -> Bool { head.keepsConnection && !worker.isDraining }

    private func isShort(_ body: BodyFraming.State) -> Bool {
        switch body {
        case .done: true
        case .length(let bytes): bytes <= Self.shortBody
        default: false
        }
    }

    private func takeBody() throws(HTTPFault) {
        let exchange = exchange
        var payload = 0
        let count = try input.withUnsafeReadableBytes { (bytes) throws(HTTPFault) in
            try framing.walk(bytes) { range in
                payload += range.count
                exchange?.scan(UnsafeRawBufferPointer(rebasing: bytes[range]))
            }
        }
        guard let wire = input.readSlice(length: count) else { return }
        bodyBytes += payload
        let isDone = framing.isDone
        if let exchange {
            if isDone { enter(.answer) }
            guard bodyBytes <= worker.settings.limits.bodyBytes else { return exchange.refuseBody(.bodyTooLarge) }
            // Before its last bytes are passed on, so that no engine gets such a body whole.
            guard !exchange.isAmbiguous else { return exchange.refuseBody(.ambiguousBody) }
            exchange.body(wire, payload: payload, isLast: isDone)
        } else if isDone {
            enter(.idle)
        }
    }

    // MARK: Answers

    var isWritable: Bool { context?.channel.isWritable ?? false }

    func write(_ bytes: ByteBuffer) { context?.write(wrapOutboundOut(bytes), promise: nil) }

    func flush() { context?.flush() }

    private func answer(_ error: ClientError, id: String, closes: Bool) {
        write(
            ownAnswer(
                error.status, fields: error.fields, body: error.json + "\n", id: id, closes: closes))
        flush()
        answered(keeps: !closes)
    }

    /// An answer is written whole. Goes on with the next request, or ends the connection in order.
    func answered(keeps: Bool) {
        exchange = nil
        guard context != nil, phase != .closed else { return }
        switch (keeps && !isStream && !worker.isDraining, framing.isDone) {
        case (true, true):
            enter(.idle)
            if !isProcessing { resume() }
        case (true, false) where isShort(framing.state):
            enter(.body)
        default:
            finish()
        }
    }

    /// Closes once the answer is on its way, and the client has sent what it still had to.
    private func finish() {
        let isAllRead = framing.isDone && phase != .head && input.readableBytes == 0
        enter(.lingering)
        input = ByteBuffer()
        // A stream ends by itself when both sides have.
        guard !isStream, let context else { return readOn() }
        isFlushing = true
        let written = context.eventLoop.makePromise(of: Void.self)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: written)
        written.futureResult.assumeIsolated().whenComplete { _ in
            self.isFlushing = false
            self.enter(.lingering)
            self.context?.close(mode: isAllRead ? .all : .output, promise: nil)
        }
        readOn()
    }

    /// Whether an answer is whole but for what the client has not taken yet. A stream ends when it has.
    var isUnsent: Bool { phase == .lingering && (isStream ? framing.isDone : isFlushing) }

    private func readOn() {
        guard isPaused else { return }
        isPaused = false
        context?.read()
    }

    /// Ends an answer that is not whole, so that the client can tell.
    /// - Parameter byReset: where the end of the connection is the only mark of the end.
    func abort(byReset: Bool) {
        exchange = nil
        guard let context, phase != .closed else { return }
        phase = .closed
        if byReset, let socket = context.channel as? any SocketOptionProvider {
            _ = socket.setSoLinger(linger(l_onoff: 1, l_linger: 0))
        }
        context.close(promise: nil)
    }

    // MARK: Time

    private func enter(_ phase: Phase) {
        self.phase = phase
        phaseBegan = worker.clock
        if phase == .body { restartBodyClock() }
    }

    private func restartBodyClock() {
        phaseBegan = worker.clock
        bodyClockBytes = bodyBytes
    }

    private var bodyClockBytes = 0

    /// Ends what takes too long. Comes every half second or so.
    func checkTime(_ now: NIODeadline) {
        let limits = worker.settings.limits
        if let since = unwritableSince, now - since > TimeAmount(limits.unreadTime) {
            exchange.take()?.clientGone()
            return abort(byReset: true)
        }
        let time = now - phaseBegan
        switch phase {
        case .idle:
            if worker.isDraining { return finish() }
            if time > TimeAmount(limits.idleTime) { context?.close(promise: nil) }
        case .head:
            guard time > TimeAmount(limits.headTime) else { return }
            refuse(.headTimeout)
        case .body:
            guard !isPaused else { return restartBodyClock() }
            let earned = Double(bodyBytes - bodyClockBytes) / Double(limits.bodyBytesPerSecond)
            guard time > TimeAmount(limits.bodyTime) + .milliseconds(Int64(earned * 1000)) else { return }
            if let exchange { exchange.refuseBody(.bodyTimeout) } else { context?.close(promise: nil) }
        case .lingering:
            // While the answer is being written, the time that it may lie unread counts instead.
            let isLate = isStream ? time > TimeAmount(limits.unreadTime) : time > Self.lingering
            if isLate, unwritableSince == nil { context?.close(promise: nil) }
        case .answer, .closed:
            break
        }
    }
}

extension ClientError {
    static let bodyTooLarge = ClientError(
        413, "request_too_large", "the request's body is larger than is accepted here")
    static let ambiguousBody = ClientError(
        400, "ambiguous_body", "the body names model or stream twice, or in a way that engines may read differently")
    static let tooManyBodies: ClientError = {
        var error = ClientError(
            429, "queue_full", "too many bodies are being read that name no model yet", type: "rate_limit_error")
        error.retryAfter = .seconds(1)
        return error
    }()
    static let headTimeout = ClientError(408, "request_timeout", "the request's head took too long")
    static let bodyTimeout = ClientError(408, "request_timeout", "the request's body took too long")
}
