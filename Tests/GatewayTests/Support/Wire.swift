import Glibc
import NIOCore
import NIOPosix
import Synchronization

/// One end of a connection that a test plays itself, byte by byte. It ends by itself after a while, so that nothing waits
/// for ever.
final class Wire: Sendable {
    static let deadline: TimeAmount = .seconds(120)
    static let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    /// The connection ended before what was waited for; with what came instead.
    struct Ended: Error {
        var rest: String
    }

    private struct State {
        var input = ByteBuffer()
        var isReset = false
    }

    let channel: any Channel
    private let chunks: AsyncStream<ByteBuffer>
    private let source: AsyncStream<ByteBuffer>.Continuation
    private let state = Mutex(State())

    private init(_ channel: any Channel) {
        self.channel = channel
        (chunks, source) = AsyncStream.makeStream(of: ByteBuffer.self)
    }

    static func connect(to address: SocketAddress) async throws -> Wire {
        try await ClientBootstrap(group: group).connect(to: address) { channel in
            channel.eventLoop.makeCompletedFuture { try attach(channel) }
        }
    }

    static func attach(_ channel: any Channel) throws -> Wire {
        let wire = Wire(channel)
        try channel.pipeline.syncOperations.addHandler(Handler(wire))
        let limit = channel.eventLoop.scheduleTask(in: deadline) { channel.close(promise: nil) }
        channel.closeFuture.whenComplete { _ in limit.cancel() }
        return wire
    }

    private final class Handler: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer
        let wire: Wire
        init(_ wire: Wire) { self.wire = wire }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) { wire.source.yield(unwrapInboundIn(data)) }

        func channelInactive(context: ChannelHandlerContext) { wire.source.finish() }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            wire.state.withLock { $0.isReset = true }
            context.close(promise: nil)
        }
    }

    // MARK: Out

    func send(_ text: String) async throws { try await channel.writeAndFlush(ByteBuffer(string: text)).get() }

    func send(_ bytes: [UInt8]) async throws { try await channel.writeAndFlush(ByteBuffer(bytes: bytes)).get() }

    func close() { channel.close(promise: nil) }

    /// Ends the connection by a reset.
    func reset() {
        _ = (channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
        channel.close(promise: nil)
    }

    func reads(_ isReading: Bool) { _ = channel.setOption(.autoRead, value: isReading) }

    // MARK: In

    var wasReset: Bool { state.withLock { $0.isReset } }

    /// Everything up to the end of the connection.
    func rest() async -> String {
        while await more() {}
        return state.withLock { $0.input.readString(length: $0.input.readableBytes) ?? "" }
    }

    func read(_ count: Int) async throws -> String {
        try await read { $0.readableBytes >= count ? count : nil }
    }

    func bytes(_ count: Int) async throws -> [UInt8] {
        while true {
            if let bytes = state.withLock({ $0.input.readBytes(length: count) }) { return bytes }
            guard await more() else { throw Ended(rest: await rest()) }
        }
    }

    func read(through mark: String) async throws -> String {
        let mark = Array(mark.utf8)
        return try await read { input in
            let view = input.readableBytesView
            var from = view.startIndex
            while let index = view[from...].firstIndex(of: mark[0]) {
                guard view.endIndex - index >= mark.count else { return nil }
                if view[index..<index + mark.count].elementsEqual(mark) {
                    return index + mark.count - view.startIndex
                }
                from = index + 1
            }
            return nil
        }
    }

    private func read(_ length: (ByteBuffer) -> Int?) async throws -> String {
        while true {
            let found: String? = state.withLock { state in
                length(state.input).flatMap { state.input.readString(length: $0) }
            }
            if let found { return found }
            guard await more() else { throw Ended(rest: await rest()) }
        }
    }

    private func more() async -> Bool {
        for await chunk in chunks {
            state.withLock { _ = $0.input.writeImmutableBuffer(chunk) }
            return true
        }
        return false
    }

    /// A whole request or answer.
    func message() async throws -> Message {
        var message = Message(head: try await read(through: "\r\n\r\n"))
        if message["transfer-encoding"] == "chunked" {
            while true {
                let line = try await read(through: "\r\n")
                let size = Int(line.dropLast(), radix: 16) ?? 0
                message.chunks.append(size)
                if size == 0 { break }
                message.body += try await read(size)
                _ = try await read(through: "\r\n")
            }
            while true {
                let line = try await read(through: "\r\n")
                if line == "\r\n" { break }
                message.trailers.append(String(line.dropLast()))
            }
        } else if let length = message["content-length"].flatMap({ Int($0) }) {
            message.body = try await read(length)
        }
        return message
    }
}

/// An HTTP/1.1 message as it was read off a wire.
struct Message: Sendable {
    /// With the empty line.
    var head: String
    var body = ""
    /// Their sizes, with the last.
    var chunks: [Int] = []
    var trailers: [String] = []

    var lines: [String] { head.split(separator: "\r\n").map(String.init) }
    var status: Int { Int(head.dropFirst(9).prefix(3)) ?? 0 }

    subscript(name: String) -> String? {
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":"), line[..<colon].lowercased() == name else { continue }
            return String(line[line.index(after: colon)...].drop { $0 == " " })
        }
        return nil
    }
}

/// A replica that a test plays itself.
final class Origin: Sendable {
    let url: String
    private let listener: any Channel
    private let accepted: AsyncStream<Wire>

    init() async throws {
        let (accepted, source) = AsyncStream.makeStream(of: Wire.self)
        self.accepted = accepted
        listener = try await ServerBootstrap(group: Wire.group)
            .serverChannelOption(.backlog, value: 1024)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { _ = source.yield(try Wire.attach(channel)) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        url = "http://127.0.0.1:\(listener.localAddress?.port ?? 0)"
        Wire.group.next().scheduleTask(in: Wire.deadline) { source.finish() }
    }

    deinit { listener.close(promise: nil) }

    /// The next connection that the gateway makes.
    func accept() async throws -> Wire {
        for await wire in accepted { return wire }
        throw Wire.Ended(rest: "no connection")
    }

    /// Answers whatever comes, until the task is cancelled.
    func answerAll() async {
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled, let wire = try? await accept() {
                group.addTask {
                    while (try? await wire.message()) != nil { try? await wire.send(whole()) }
                }
            }
            group.cancelAll()
        }
    }

    /// Takes no more connections; those that are open stay.
    func stop() async throws { try await listener.close() }
}
