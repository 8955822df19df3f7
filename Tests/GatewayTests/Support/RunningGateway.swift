import Admission
import Fleet
import Gateway
import NIOCore
import Synchronization
import TestSupport
import Testing

let pool = PoolID(rawValue: "p")

/// A controller that a test plays itself.
final class TestController: GatewayController {
    let news: AsyncStream<FleetNews>
    private let input: AsyncStream<FleetNews>.Continuation
    private let heard = Mutex<[GatewayNotice]>([])
    private let reaction = Mutex<@Sendable (GatewayNotice, TestController) -> Void>({ _, _ in })

    init() { (news, input) = AsyncStream.makeStream(of: FleetNews.self) }

    func notify(_ notice: GatewayNotice) {
        heard.withLock { $0.append(notice) }
        reaction.withLock { $0 }(notice, self)
    }

    func react(_ reaction: @escaping @Sendable (GatewayNotice, TestController) -> Void) {
        self.reaction.withLock { $0 = reaction }
    }

    func tell(_ news: FleetNews) { input.yield(news) }

    /// What the pool's replicas are from now on, by the origins that play them.
    func serve(_ origins: Origin..., slots: Int? = nil) {
        tell(origins.map(\.url), slots: slots)
    }

    func tell(_ urls: [String], slots: Int? = nil, state: ObservedReplica.State = .up) {
        tell(
            .replicas(
                pool,
                urls.enumerated().map { index, url in
                    GatewayReplica(
                        ObservedReplica(id: ReplicaID(rawValue: "r\(index)"), state: state, slots: slots), endpoint: url
                    )
                }))
    }

    var notices: [GatewayNotice] { heard.withLock { $0 } }
    var wakes: Int { notices.count { if case .wake = $0 { true } else { false } } }

    /// Waits for a notice that there is something to say about.
    func next<T: Sendable>(_ find: @escaping @Sendable (GatewayNotice) -> T?) async -> T? {
        _ = await eventually { self.notices.lazy.compactMap(find).first != nil }
        return notices.lazy.compactMap(find).first
    }
}

/// A gateway before one pool, `p`, that serves the model `m`; it trusts replicas without a ladder unless told otherwise.
final class RunningGateway: Sendable {
    /// A port that nobody listens on, and that no test is given by chance.
    static let nobody = "http://127.0.0.1:1"

    let controller: TestController
    let addresses: [SocketAddress]
    let server: GatewayServer
    private let task: Task<Int, any Error>
    private let lines: Mutexed<[RequestLine]>
    private let said: Mutexed<[String]>

    final class Mutexed<Value: Sendable>: Sendable {
        let value: Mutex<Value>
        init(_ value: Value) { self.value = Mutex(value) }
    }

    private init(
        _ server: GatewayServer, _ controller: TestController, _ lines: Mutexed<[RequestLine]>,
        _ said: Mutexed<[String]>, _ task: Task<Int, any Error>, _ addresses: [SocketAddress]
    ) {
        self.server = server
        self.controller = controller
        self.lines = lines
        self.said = said
        self.task = task
        self.addresses = addresses
    }

    /// Runs a gateway for as long as `body` takes.
    static func run(
        _ configure: (inout GatewaySettings, inout PoolLimits, inout AdmissionSettings) -> Void = { _, _, _ in },
        _ body: (RunningGateway) async throws -> Void
    ) async throws {
        var settings = GatewaySettings(listeners: [.init(.tcp(host: "127.0.0.1", port: 0))])
        settings.drain = .seconds(1)
        // Nothing is asked for twice here, however slow the machine is.
        settings.controllerPatience = .seconds(36_000)
        var limits = PoolLimits()
        limits.ladder = []
        limits.idleGrace = .zero
        var admission = AdmissionSettings(models: ["m": pool])
        configure(&settings, &limits, &admission)
        admission.pools[pool] = limits
        let controller = TestController()
        let lines = Mutexed<[RequestLine]>([])
        let said = Mutexed<[String]>([])
        let server = try GatewayServer(
            settings: settings, admission: admission, controller: controller,
            log: { line in lines.value.withLock { $0.append(line) } },
            note: { text in said.value.withLock { $0.append(text) } })
        let (ready, input) = AsyncStream.makeStream(of: [SocketAddress].self)
        let task = Task {
            defer { input.finish() }
            return try await server.run { input.yield($0) }
        }
        for await addresses in ready {
            let gateway = RunningGateway(server, controller, lines, said, task, addresses)
            do { try await body(gateway) } catch {
                _ = try? await gateway.stop()
                throw error
            }
            break
        }
        _ = try await stop(task)
    }

    private static func stop(_ task: Task<Int, any Error>) async throws -> Int {
        task.cancel()
        return try await task.value
    }

    /// As SIGTERM does; returns how many requests were cut.
    func stop() async throws -> Int { try await Self.stop(task) }

    func beginStop() { task.cancel() }

    func client(_ listener: Int = 0) async throws -> Wire { try await Wire.connect(to: addresses[listener]) }

    func isListening() async -> Bool {
        do {
            try await client().close()
            return true
        } catch {
            return false
        }
    }

    /// A client that has sent one request.
    func request(_ text: String, listener: Int = 0) async throws -> Wire {
        let wire = try await client(listener)
        try await wire.send(text)
        return wire
    }

    /// Sends one request over a connection of its own and reads the answer.
    func ask(_ text: String, listener: Int = 0) async throws -> Message {
        let wire = try await request(text, listener: listener)
        defer { wire.close() }
        return try await wire.message()
    }

    var demand: PoolDemand? { get async { await server.numbers()?.demand.first { $0.pool == pool } } }

    func holds(_ count: Int) async -> Bool { await eventually { await self.demand?.held == count } }

    func isIdle() async -> Bool { await eventually { await self.demand.map { $0.held + $0.inFlight == 0 } ?? false } }

    /// What was logged about a request that has ended.
    func line(_ id: String) async -> RequestLine? {
        _ = await eventually { self.logged.contains { $0.requestID == id } }
        return logged.first { $0.requestID == id }
    }

    /// What was said of replicas that are not ready.
    var notes: [String] { said.value.withLock { $0 } }

    var logged: [RequestLine] { lines.value.withLock { $0 } }
}

/// A request to the model `m`.
func chat(
    stream: Bool = false, model: String = "m", path: String = "/v1/chat/completions", id: String? = nil,
    fields: String = ""
) -> String {
    let body = "{\"model\":\"\(model)\",\"stream\":\(stream)}"
    return "POST \(path) HTTP/1.1\r\nHost: g\r\n" + (id.map { "x-request-id: \($0)\r\n" } ?? "") + fields
        + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
}

/// A whole answer.
func whole(_ status: Int = 200, _ body: String = "ok", fields: String = "") -> String {
    "HTTP/1.1 \(status) Status\r\n\(fields)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
}

func chunk(_ text: String) -> String { String(text.utf8.count, radix: 16) + "\r\n" + text + "\r\n" }

let eventStream = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
