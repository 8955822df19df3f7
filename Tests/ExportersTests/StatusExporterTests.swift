import Exporters
import Fleet
import FoundationEssentials
import Policy
import TestSupport
import Testing

@Suite struct StatusExporterTests {
    @Test("the whole status is as recorded")
    func golden() throws {
        try Golden.expect(StatusExporter.status(SampleSnapshot.growing), at: "Tests/Golden/exporters/status.json")
    }

    @Test(
        "whatever the names are, the output is JSON and says them",
        arguments: Sample.allCases)
    func wellFormed(sample: Sample) throws {
        let snapshot = sample.snapshot
        let status = try JSONDecoder().decode(Status.self, from: Data(StatusExporter.status(snapshot)))
        #expect(status.version == snapshot.version)
        #expect(status.pools.map(\.pool) == snapshot.pools.map(\.pool.rawValue))
        #expect(status.pools.map(\.driver) == snapshot.pools.map(\.driver))
        #expect(status.pools.map(\.fleet_error) == snapshot.pools.map { $0.input?.fleetError })
        #expect(status.pools.map(\.target) == snapshot.pools.map { $0.output?.decision.target })
        #expect(status.pools.map(\.cordoned) == snapshot.pools.map { $0.memory.draining.map(\.id.rawValue) })
    }

    private struct Status: Decodable {
        struct Pool: Decodable {
            var pool: String
            var driver: String
            var target: Int?
            var fleet_error: String?
            var cordoned: [String]
        }
        var version: String
        var pools: [Pool]
    }

    @Test("what is unknown is absent, never null")
    func absent() {
        let text = String(decoding: StatusExporter.status(SampleSnapshot.fresh), as: UTF8.self)
        #expect(!text.contains("null"))
        #expect(!text.contains("\"target\"") && !text.contains("\"usd_per_hour\"") && !text.contains("\"demand\""))
    }

    @Test("infinite load, demand on nothing, is no number in JSON")
    func infinite() throws {
        var snapshot = SampleSnapshot.growing
        snapshot.pools[0].output?.decision.current = 0
        let bytes = StatusExporter.status(snapshot)
        #expect(!String(decoding: bytes, as: UTF8.self).contains("\"load\""))
        _ = try JSONDecoder().decode(Status.self, from: Data(bytes))
    }

    @Test("the recommendation is the decision's target")
    func recommendation() throws {
        let bytes = try #require(
            StatusExporter.recommendation(PoolID(rawValue: "chat"), in: SampleSnapshot.growing))
        #expect(String(decoding: bytes, as: UTF8.self) == #"{"pool":"chat","target":5,"current":4}"#)
    }

    @Test("there is no recommendation for an unknown pool, before the first decision, and for an unknown fleet")
    func noRecommendation() {
        let chat = PoolID(rawValue: "chat")
        #expect(StatusExporter.recommendation(PoolID(rawValue: "other"), in: SampleSnapshot.growing) == nil)
        #expect(StatusExporter.recommendation(chat, in: SampleSnapshot.fresh) == nil)
        let unknown = PoolID(rawValue: SampleSnapshot.hostile)
        #expect(StatusExporter.recommendation(unknown, in: SampleSnapshot.troubled) == nil)
    }
}
