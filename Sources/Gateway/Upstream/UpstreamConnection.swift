import Admission
import NIOCore

/// Where a replica listens.
struct Endpoint: Hashable, Sendable {
    var host: String
    var port: Int
    /// Where the host is an address; a name is looked up for each connection.
    var address: SocketAddress?

    /// From a URL without a path, over plain HTTP; nil for any other text.
    init?(_ url: String) {
        let prefix = "http://"
        guard url.hasPrefix(prefix) else { return nil }
        var rest = url.dropFirst(prefix.count)
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        guard !rest.isEmpty, !rest.contains("/"), !rest.contains("@") else { return nil }
        let colon = rest.lastIndex(of: ":")
        if let colon, !rest[colon...].contains("]") {
            guard let port = Int(rest[rest.index(after: colon)...]), (1...65535).contains(port) else { return nil }
            self.port = port
            rest = rest[..<colon]
        } else {
            port = 80
        }
        host = rest.hasPrefix("[") && rest.hasSuffix("]") ? String(rest.dropFirst().dropLast()) : String(rest)
        address = try? SocketAddress(ipAddress: host, port: port)
    }
}

/// One HTTP/1.1 connection to a replica; carries one exchange at a time.
final class UpstreamConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let worker: Worker
    let destination: Destination
    let endpoint: Endpoint
    /// Whether an earlier exchange has used it, so that the replica may end it at any moment.
    private(set) var isReused = false
    private(set) var restingSince: NIODeadline?
    private(set) var lastHeard: NIODeadline
    private(set) var heardOfAnswer = false
    private var exchange: (any UpstreamUser)?
    private var context: ChannelHandlerContext?
    private var input = ByteBuffer()
    private var parser: HeadParser
    private var framing: BodyFraming?
    private var keeps = false
    private var isPaused = false

    init(worker: Worker, destination: Destination, endpoint: Endpoint) {
        self.worker = worker
        self.destination = destination
        self.endpoint = endpoint
        lastHeard = worker.clock
        parser = HeadParser(.response, limits: worker.settings.upstream.head)
    }

    // MARK: For the exchange

    var isActive: Bool { context?.channel.isActive ?? false }
    var isWritable: Bool { context?.channel.isWritable ?? false }

    func start(_ exchange: any UpstreamUser) {
        self.exchange = exchange
        restingSince = nil
        heardOfAnswer = false
        framing = nil
        lastHeard = worker.clock
    }

    func write(_ bytes: ByteBuffer) { context?.write(wrapOutboundOut(bytes), promise: nil) }
    func flush() { context?.flush() }

    /// Reads on after the client has taken what it was given.
    func resume() {
        guard isPaused else { return }
        isPaused = false
        lastHeard = worker.clock
        context?.read()
    }

    /// Ends it whatever it is doing; the exchange hears nothing more.
    func close() {
        exchange = nil
        context?.close(promise: nil)
    }

    var isWaitingForClient: Bool { isPaused }

    // MARK: Channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { context.read() }
    }

    func channelActive(context: ChannelHandlerContext) { context.read() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        lastHeard = worker.now()
        guard exchange != nil else { return close() }
        heardOfAnswer = true
        if input.readableBytes == 0 { input = bytes } else { input.writeBuffer(&bytes) }
        do throws(HTTPFault) { try process() } catch { lost(.malformed) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        exchange?.flushAnswer()
        if exchange?.takesMore ?? true { context.read() } else { isPaused = true }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { exchange?.upstreamBecameWritable() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        worker.forget(self)
        if framing?.state == .untilClose, !failed, let exchange = exchange.take() {
            exchange.answerEnded(trailers: nil)
            exchange.flushAnswer()
        } else {
            lost(.closed)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        failed = true
        context.close(promise: nil)
    }

    private var failed = false

    private func lost(_ loss: UpstreamLoss) {
        let user = exchange.take()
        context?.close(promise: nil)
        user?.upstreamLost(loss)
    }

    // MARK: The answer

    private func process() throws(HTTPFault) {
        while let exchange, input.readableBytes > 0 || framing?.isDone == true {
            if framing == nil {
                guard var head = try parser.next(&input) else { return }
                if head.status == 101 { return lost(.malformed) }
                // Interim answers confuse more clients than they help.
                if head.status < 200 { continue }
                framing = BodyFraming(try ResponseFraming.body(of: head), limits: worker.settings.upstream.head)
                keeps = head.keepsConnection
                head.markNamedByConnection()
                exchange.answerBegan(head, body: framing?.state ?? .done, upstream: self)
                continue
            }
            if framing?.isDone == false { try passBody(to: exchange) }
            if framing?.isDone == true { return try end() }
        }
        if input.readableBytes == 0 { input = ByteBuffer() }
    }

    private func passBody(to exchange: any UpstreamUser) throws(HTTPFault) {
        var payload = 0
        let takesPayload = exchange.takesPayload
        let count = try input.withUnsafeReadableBytes { (bytes) throws(HTTPFault) in
            try framing?.walk(bytes) { range in
                payload += range.count
                if takesPayload { exchange.payload(UnsafeRawBufferPointer(rebasing: bytes[range])) }
            } ?? 0
        }
        if let wire = input.readSlice(length: count) { exchange.answered(wire, payload: payload) }
    }

    private func end() throws(HTTPFault) {
        guard let user = exchange.take() else { return }
        let trailers = framing?.trailerBytes.isEmpty == false ? try framing?.trailers() : nil
        let isClean = input.readableBytes == 0
        input = ByteBuffer()
        framing = nil
        isReused = true
        if keeps && isClean && user.allowsReuse && isActive {
            restingSince = worker.clock
            // Before the end is told: the next request may be sent over it at once.
            worker.rest(self)
        } else {
            context?.close(promise: nil)
        }
        user.answerEnded(trailers: trailers)
        user.flushAnswer()
    }
}

enum UpstreamLoss {
    /// The connection ended where the answer had not.
    case closed
    /// What came is not HTTP.
    case malformed
    case silent
}

/// Who is served over an upstream connection: a client's exchange, or a probe.
protocol UpstreamUser: AnyObject {
    var takesMore: Bool { get }
    /// Whether it wants the answer's body without its framing, through `payload`, rather than as it came.
    var takesPayload: Bool { get }
    /// Whether the connection can take another request once this one is answered.
    var allowsReuse: Bool { get }
    func answerBegan(_ head: MessageHead, body: BodyFraming.State, upstream: UpstreamConnection)
    func payload(_ bytes: UnsafeRawBufferPointer)
    /// Bytes of the body as they came, with so much payload in them.
    func answered(_ wire: ByteBuffer, payload: Int)
    /// The answer is whole; the connection belongs to somebody else now.
    func answerEnded(trailers: MessageHead?)
    func upstreamLost(_ loss: UpstreamLoss)
    func upstreamBecameWritable()
    func flushAnswer()
}
