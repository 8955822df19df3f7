import Exporters
import Fleet
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Testing

@testable import Agent
@testable import Policy

@Suite struct AdminRoutesTests {
    /// A board on which the pool `chat` wants 3 replicas, or has not decided.
    private func board(decided: Bool) -> SnapshotBoard {
        let now = TestPool.start
        let board = SnapshotBoard(version: "test", startedAt: now)
        var pool = PoolSnapshot(pool: TestPool.id, driver: "fake", settings: PolicySettings(), authority: .act)
        if decided {
            pool.output = TickOutput(
                decision: Decision(current: 2, target: 3, steps: []), supply: nil,
                demand: Demand(
                    PoolObservation(at: now, engines: []), leaving: [], lost: [], capacity: nil),
                action: nil, events: [], nextTick: now + .seconds(15))
        }
        board.publish(pool, at: now)
        return board
    }

    private func answer(
        _ uri: String, _ headers: HTTPFields = [:], method: HTTPRequest.Method = .get, board: SnapshotBoard? = nil,
        wakes: WakeBoard = WakeBoard(), mayChange: Bool = true, reload: AdminRoutes.ReloadResult = .reloaded("done")
    ) async throws -> TestResponse {
        let routes = AdminRoutes(
            board: board ?? self.board(decided: true), wakes: wakes, mayChange: mayChange, now: { TestPool.start },
            reload: { reload })
        return try await Application(router: routes.router()).test(.router) { client in
            try await client.execute(uri: uri, method: method, headers: headers) { $0 }
        }
    }

    private func bytes(_ response: TestResponse) -> [UInt8] { Array(response.body.readableBytesView) }

    @Test(
        "metrics come in the format that is asked for",
        arguments: [
            ("", "text/plain; version=0.0.4; charset=utf-8"),
            ("text/plain", "text/plain; version=0.0.4; charset=utf-8"),
            (
                "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5",
                "application/openmetrics-text; version=1.0.0; charset=utf-8"
            ),
        ])
    func formats(accept: String, type: String) async throws {
        let response = try await answer("/metrics", accept.isEmpty ? [:] : [.accept: accept])
        #expect(response.status == .ok)
        #expect(response.headers[.contentType] == type)
        #expect(response.headers[.contentEncoding] == nil)
        let text = String(buffer: response.body)
        #expect(text.contains("process_resident_memory_bytes "))
        #expect(text.hasSuffix("# EOF\n") == type.hasPrefix("application/openmetrics"))
    }

    @Test("bodies come packed to those who take gzip, and unpack to the same", arguments: ["/status.json", "/metrics"])
    func packed(uri: String) async throws {
        let plain = try await answer(uri)
        let packed = try await answer(uri, [.acceptEncoding: "gzip, deflate"])
        #expect(packed.headers[.contentEncoding] == "gzip")
        #expect(packed.headers[.vary] == "Accept, Accept-Encoding")
        #expect(packed.headers[.contentType] == plain.headers[.contentType])
        let unpacked = try #require(gunzip(bytes(packed)))
        // What the process is using differs between two requests; all else does not.
        func lines(_ bytes: [UInt8]) -> [Substring] {
            String(decoding: bytes, as: UTF8.self).split(separator: "\n").filter { !$0.hasPrefix("process_") }
        }
        #expect(lines(unpacked) == lines(bytes(plain)))
        let refused = try await answer(uri, [.acceptEncoding: "gzip;q=0"])
        #expect(refused.headers[.contentEncoding] == nil)
    }

    @Test("HEAD answers as GET does, without a body", arguments: ["/", "/metrics", "/status.json", "/-/healthy"])
    func head(uri: String) async throws {
        let response = try await answer(uri, method: .head)
        #expect(response.status == .ok)
        #expect(response.headers[.contentType] == (try await answer(uri)).headers[.contentType])
        #expect(response.body.readableBytes == 0)
    }

    @Test("healthy at once, ready after the first decision of every pool")
    func readiness() async throws {
        let none = SnapshotBoard(version: "test", startedAt: TestPool.start)
        #expect(try await answer("/-/healthy", board: none).status == .ok)
        #expect(try await answer("/-/ready", board: none).status == .serviceUnavailable)
        let waiting = try await answer("/-/ready", board: board(decided: false))
        #expect(waiting.status == .serviceUnavailable)
        #expect(String(buffer: waiting.body).contains("chat"))
        #expect(try await answer("/-/ready").status == .ok)
    }

    @Test("the status is JSON of the board")
    func status() async throws {
        let board = board(decided: true)
        let response = try await answer("/status.json", board: board)
        #expect(response.headers[.contentType] == "application/json; charset=utf-8")
        #expect(bytes(response) == StatusExporter.status(board.current))
    }

    @Test("the page runs no script and may load nothing")
    func page() async throws {
        let response = try await answer("/")
        #expect(response.headers[.contentType] == "text/html; charset=utf-8")
        #expect(response.headers[.contentSecurityPolicy]?.contains("default-src 'none'") == true)
        #expect(response.headers[.xContentTypeOptions] == "nosniff")
        #expect(!String(buffer: response.body).lowercased().contains("<script"))
    }

    @Test(
        "a recommendation is for a pool that has decided",
        arguments: [
            ("?pool=chat", true, HTTPResponse.Status.ok), ("?pool=chat", false, .notFound),
            ("?pool=other", true, .notFound), ("", true, .badRequest), ("?pol=chat", true, .badRequest),
        ])
    func recommendation(query: String, decided: Bool, status: HTTPResponse.Status) async throws {
        let response = try await answer("/api/v1/recommendation" + query, board: board(decided: decided))
        #expect(response.status == status)
        if status == .ok { #expect(String(buffer: response.body).contains("\"target\"")) }
    }

    @Test("reload says what it did, and is for the trusted only")
    func reload() async throws {
        let done = try await answer("/-/reload", method: .post, reload: .reloaded("pools started anew: chat"))
        #expect(done.status == .ok)
        #expect(String(buffer: done.body) == "pools started anew: chat\n")
        let kept = try await answer("/-/reload", method: .post, reload: .kept(because: "line 3"))
        #expect(kept.status == .badRequest)
        #expect(String(buffer: kept.body).contains("line 3"))
        #expect(try await answer("/-/reload", method: .post, mayChange: false).status == .forbidden)
        #expect(try await answer("/-/reload").status == .notFound)
    }

    @Test("a wake is noted for a pool that there is, and is for the trusted only")
    func wake() async throws {
        let wakes = WakeBoard()
        #expect(
            try await answer("/-/wake?pool=chat", method: .post, wakes: wakes, mayChange: false).status == .forbidden)
        #expect(try await answer("/-/wake", method: .post, wakes: wakes).status == .badRequest)
        #expect(try await answer("/-/wake?pool=other", method: .post, wakes: wakes).status == .notFound)
        #expect(try await answer("/-/wake?pool=chat", wakes: wakes).status == .notFound)
        #expect(wakes.take(TestPool.id) == nil)
        #expect(try await answer("/-/wake?pool=chat", method: .post, wakes: wakes).status == .accepted)
        #expect(wakes.take(TestPool.id) == TestPool.start && wakes.take(TestPool.id) == nil)
    }

    @Test(
        "a page that a browser of this host shows can change nothing",
        arguments: [
            ("localhost:9839", nil, true), ("127.0.0.1:9839", nil, true), ("[::1]:9839", nil, true),
            ("[::1]", nil, true),
            ("LOCALHOST", nil, true), ("127.0.0.1:9839", "http://127.0.0.1:9839", true),
            ("127.0.0.1:9839", "https://pages.example", false), ("127.0.0.1:9839", "http://localhost:3000", false),
            ("127.0.0.1:9839", "null", false), ("pages.example:9839", nil, false),
            ("pages.example:9839", "http://pages.example:9839", false), ("127.pages.example", nil, false),
        ] as [(String, String?, Bool)])
    func pages(host: String, origin: String?, isHeard: Bool) async throws {
        #expect(AdminRoutes.isFromHere(authority: host, origin: origin) == isHeard)
    }

    @Test(
        "what a page asks for is refused",
        arguments: [("/-/wake?pool=chat", true), ("/-/reload", true), ("/api/v1/replicas", false)])
    func foreign(uri: String, isPost: Bool) async throws {
        let wakes = WakeBoard()
        let method: HTTPRequest.Method = isPost ? .post : .get
        for (origin, status) in [("http://pages.example", 403), ("http://localhost", isPost ? 0 : 200)] {
            let seen = try await answer(uri, [.origin: origin], method: method, wakes: wakes).status.code
            #expect(status == 0 ? seen < 300 : seen == status)
            if status == 403 { #expect(wakes.take(TestPool.id) == nil) }
        }
    }

    @Test("an unknown path is not found", arguments: ["/nothing", "/metrics/", "/api/v1", "/-/quit"])
    func unknown(uri: String) async throws {
        let found = try await answer(uri).status
        #expect(uri == "/metrics/" ? found == .ok : found == .notFound)
    }

    @Test("the process is seen in /proc")
    func process() {
        let process = ProcessSnapshot.read()
        #expect((process.residentBytes ?? 0) > 1_000_000)
        #expect((process.cpuSeconds ?? 0) > 0)
        #expect((process.openFiles ?? 0) >= 3)
        #expect(process.startTime.map { $0 > TestPool.start - .seconds(86_400 * 365) } == true)
    }
}
