import Fleet
import Synchronization
import TestSupport
import Testing
import Transport

@testable import Collectors

/// Engines over HTTP: found out by asking, and found out again.
@Suite struct EngineProbeTests {
    /// Paths and what they answer; the rest is 404.
    private final class Site: Sendable {
        let pages: Mutex<[String: String]>
        init(_ pages: [String: String]) { self.pages = Mutex(pages) }

        func server() throws -> RawHTTPServer {
            try RawHTTPServer { request in
                guard let page = self.pages.withLock({ $0[request.target] }) else { return [.answer(404, body: "{}")] }
                let type = page.hasPrefix("{") || page.hasPrefix("[") ? "application/json" : "text/plain; version=0.0.4"
                return [.answer(headers: ["Content-Type: \(type)"], body: page)]
            }
        }
    }

    private static func fixture(_ name: String) throws -> String {
        String(decoding: try SharedFixtures.ownBytes(name), as: UTF8.self)
    }

    private let transport = HTTPTransport()
    private let now = Timestamp(secondsSince1970: 1_800_000_000)

    private func collector(_ profiles: [EngineProfile] = EngineProfile.all) -> EngineCollector {
        var settings = EngineCollectorSettings()
        settings.profiles = profiles
        return EngineCollector(transport: transport, settings: settings)
    }

    private func read(_ collector: EngineCollector, _ server: RawHTTPServer) async throws -> EngineReading {
        let target = EngineTarget(id: ReplicaID(rawValue: "r"), endpoint: server.url)
        return try #require(await collector.read([target], at: now).first)
    }

    @Test(arguments: [
        ("/metrics", "sglang"), ("/metrics", "tgi"), ("/metrics", "llama_cpp"), ("/metrics", "triton"),
        ("/prometheus/metrics", "tensorrt_llm"), ("/api/ps", "ollama"),
    ])
    func `an engine is found out by asking, and asked once from then on`(_ path: String, _ engine: String) async throws
    {
        let body = try Self.fixture("engines/\(engine).\(engine == "ollama" ? "json" : "prom")")
        let models = #"{"object": "list", "data": [{"id": "served-model", "object": "model"}]}"#
        // `/metrics` of trtllm-serve is JSON.
        let site = Site(["/metrics": "[]", "/v1/models": models].merging([path: body]) { $1 })
        let (server, collector) = (try site.server(), collector())
        let reading = try await read(collector, server)
        #expect(reading.sample?.engine == engine && reading.error == nil)
        #expect(reading.sample?.models.contains { $0.model.isEmpty } == false)
        if ["tgi", "llama_cpp"].contains(engine) { #expect(reading.sample?.models.map(\.model) == ["served-model"]) }
        let asked = server.requests.count
        #expect(try await read(collector, server).sample == reading.sample)
        #expect(Set(server.requests.dropFirst(asked).map(\.target)) == [path, "/health"])
    }

    @Test func `another engine at the same address is found out in the same reading`() async throws {
        let site = Site(["/metrics": try Self.fixture("engines/sglang.prom")])
        let (server, collector) = (try site.server(), collector())
        #expect(try await read(collector, server).sample?.engine == "sglang")
        site.pages.withLock { $0 = ["/api/ps": #"{"models": []}"#] }
        let idle = try await read(collector, server)
        #expect(idle.sample?.engine == "ollama" && idle.sample?.models == [] && idle.error == nil)
        let llama = try Self.fixture("engines/llama_cpp.prom")
        site.pages.withLock { $0 = ["/metrics": llama] }
        #expect(try await read(collector, server).sample?.total(\.running) == 4)
        // What answers as nothing known keeps the last sample, as an error.
        site.pages.withLock { $0 = ["/metrics": "python_info 1\n"] }
        let other = try await read(collector, server)
        #expect(other.sample?.engine == "llama_cpp" && other.error?.contains("no series of llama_cpp, vllm") == true)
    }

    @Test func `what a replica said at another address is forgotten`() async throws {
        let metrics = try Self.fixture("engines/sglang.prom")
        let (server, collector) = (try Site(["/metrics": metrics]).server(), collector([.sglang]))
        #expect(try await read(collector, server).sample != nil)
        let elsewhere = try await read(collector, try Site([:]).server())
        #expect(elsewhere.sample == nil && elsewhere.error?.contains("found 404") == true)
        #expect(try await read(collector, server).error == nil)
    }

    @Test func `a configured kind is not looked for anywhere else`() async throws {
        let server = try Site(["/api/ps": #"{"models": []}"#]).server()
        let reading = try await read(collector([.vllm]), server)
        #expect(reading.sample == nil && reading.error == "\(server.url)/metrics: expected status 200, found 404")
        #expect(Set(server.requests.map(\.target)) == ["/metrics", "/health"])
    }

    @Test func `an older vLLM in development mode says whether it sleeps`() async throws {
        let metrics = try Self.fixture("vllm/0.10.0/metrics-load.prom")
        let site = Site(["/metrics": metrics, "/is_sleeping": #"{"is_sleeping": true}"#])
        let (server, collector) = (try site.server(), collector())
        let asleep = try #require(try await read(collector, server).sample)
        #expect(asleep.sleeping == true && !asleep.missing.contains("sleeping"))
        site.pages.withLock { $0["/is_sleeping"] = nil }
        for _ in 0..<3 { #expect(try await read(collector, server).sample?.sleeping == nil) }
        #expect(server.requests.count { $0.target == "/is_sleeping" } == 2)
    }
}
