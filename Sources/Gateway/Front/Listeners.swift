import NIOCore
import NIOHTTP2
import NIOPosix
import NIOSSL
import NIOTLS
import Synchronization

/// Opens the doors, and builds what serves a connection that comes in.
struct Listeners: Sendable {
    /// Connections over all listeners and loops.
    private final class Count: Sendable {
        let value = Atomic(0)
    }

    private let settings: GatewaySettings
    private let workers: [BoundWorker]
    private let count = Count()

    init(_ settings: GatewaySettings, workers: [BoundWorker]) {
        self.settings = settings
        self.workers = workers
    }

    func open(on group: MultiThreadedEventLoopGroup) async throws -> [any Channel] {
        var channels: [any Channel] = []
        do {
            for listener in settings.listeners { channels.append(try await open(listener, on: group)) }
        } catch {
            for channel in channels { try? await channel.close() }
            throw error
        }
        return channels
    }

    private func open(
        _ listener: GatewaySettings.Listener, on group: MultiThreadedEventLoopGroup
    ) async throws -> any Channel {
        let tls = try listener.tls.map(context)
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 4096)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            // So that a request can be held after each read.
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try accept(channel, listener, tls) }
            }
        switch listener.address {
        case .tcp(let host, let port):
            return try await bootstrap.childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .bind(host: host, port: port).get()
        case .unix(let path):
            return try await bootstrap.bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
        }
    }

    private func context(_ tls: GatewaySettings.TLS) throws -> NIOSSLContext {
        do { return try readContext(tls) } catch {
            throw GatewayServer.Unavailable(
                description: "TLS with \(tls.certificateChain) and \(tls.privateKey): \(error)")
        }
    }

    private func readContext(_ tls: GatewaySettings.TLS) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMFile(tls.certificateChain).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(file: tls.privateKey, format: .pem)))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["h2", "http/1.1"]
        return try NIOSSLContext(configuration: configuration)
    }

    private func accept(
        _ channel: any Channel, _ listener: GatewaySettings.Listener, _ tls: NIOSSLContext?
    ) throws {
        guard let worker = workers.first(where: { $0.eventLoop === channel.eventLoop })?.bound.value else {
            return channel.close(promise: nil)
        }
        let open = count.value.add(1, ordering: .relaxed).newValue
        let count = count
        channel.closeFuture.whenComplete { _ in count.value.subtract(1, ordering: .relaxed) }
        if let allow = listener.allow {
            guard let remote = channel.remoteAddress, allow.contains(where: { $0.contains(remote) }) else {
                worker.numbers.refusedConnections += 1
                return channel.close(promise: nil)
            }
        }
        guard open <= settings.limits.connections else {
            worker.numbers.refusedConnections += 1
            guard tls == nil else { return channel.close(promise: nil) }
            // The connection is complete only after this.
            return channel.eventLoop.execute {
                channel.writeAndFlush(tooManyConnections).whenComplete { _ in channel.close(promise: nil) }
            }
        }
        let pipeline = channel.pipeline.syncOperations
        guard let tls else {
            try pipeline.addHandler(
                ClientConnection(
                    worker: worker, needsKey: listener.needsKey,
                    upgrade: listener.acceptsPriorKnowledge
                        ? { context, bytes in
                            upgrade(context, bytes, worker, listener)
                        } : nil))
            return
        }
        // Until it is known what is spoken, the handshake reads; after that, whoever speaks it.
        try channel.syncOptions?.setOption(.autoRead, value: true)
        try pipeline.addHandler(NIOSSLServerHandler(context: tls))
        let bound = NIOLoopBound(worker, eventLoop: channel.eventLoop)
        let handshake = channel.eventLoop.scheduleTask(in: TimeAmount(settings.limits.headTime)) {
            channel.close(promise: nil)
        }
        channel.closeFuture.whenComplete { _ in handshake.cancel() }
        try pipeline.addHandler(
            ApplicationProtocolNegotiationHandler { result, channel in
                handshake.cancel()
                return channel.eventLoop.makeCompletedFuture {
                    if case .negotiated("h2") = result { return try configureHTTP2(channel, bound.value, listener) }
                    try channel.syncOptions?.setOption(.autoRead, value: false)
                    try channel.pipeline.syncOperations.addHandler(
                        ClientConnection(worker: bound.value, needsKey: listener.needsKey))
                }
            })
    }

    private var tooManyConnections: ByteBuffer {
        let error = ClientError(
            503, "too_many_connections", "the gateway has too many connections", type: "server_error")
        return ownAnswer(503, fields: [("Retry-After", "5")], body: error.json, id: "none", closes: true)
    }

    /// Hands a connection that began with HTTP/2's preface over, with what was read of it.
    private func upgrade(
        _ context: ChannelHandlerContext, _ bytes: ByteBuffer, _ worker: Worker, _ listener: GatewaySettings.Listener
    ) {
        let channel = context.channel
        do {
            try configureHTTP2(channel, worker, listener)
            context.fireChannelRead(NIOAny(bytes))
            context.fireChannelReadComplete()
            context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
        } catch {
            channel.close(promise: nil)
        }
    }

    private func configureHTTP2(
        _ channel: any Channel, _ worker: Worker, _ listener: GatewaySettings.Listener
    ) throws {
        let limits = settings.limits
        let bound = NIOLoopBound(worker, eventLoop: channel.eventLoop)
        var connection = NIOHTTP2Handler.ConnectionConfiguration()
        connection.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: limits.streamsPerConnection),
            HTTP2Setting(parameter: .maxHeaderListSize, value: limits.head.bytes),
            HTTP2Setting(parameter: .initialWindowSize, value: 1 << 18),
        ]
        _ = try channel.pipeline.syncOperations.configureHTTP2Pipeline(
            mode: .server, connectionConfiguration: connection, streamConfiguration: .init()
        ) { stream in
            stream.eventLoop.makeCompletedFuture {
                try stream.syncOptions?.setOption(.autoRead, value: false)
                let pipeline = stream.pipeline.syncOperations
                try pipeline.addHandler(HTTP2Translation(limits: limits.head))
                try pipeline.addHandler(
                    ClientConnection(worker: bound.value, needsKey: listener.needsKey, isStream: true))
            }
        }
        try channel.pipeline.syncOperations.addHandler(HTTP2Idle(worker: worker))
        channel.setOption(.autoRead, value: true).whenFailure { _ in channel.close(promise: nil) }
    }
}
