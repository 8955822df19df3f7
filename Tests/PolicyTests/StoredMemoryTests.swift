import Fleet
import Foundation
import Testing

@testable import Policy

@Suite struct StoredMemoryTests {
    @Test("a memory that the first version stored is read; what came later has its default")
    func firstVersion() throws {
        let stored = """
            {"lastTick": 1767225600000, "watchingSince": 1767220000000, "wasBlind": false, "lastScaleUp": 1767225000000,
             "recentSteps": [{"at": 1767225000000, "change": 2}], "draining": [{"id": "i-a", "since": 1767225500000}],
             "booting": [], "dead": [], "lastDesired": 4, "learnedCapacity": 12, "boots": {"measured": [[22, 14171630378389864448]]},
             "pending": {"planned": {"id": "p-1", "action": {"grow": {"to": 4}}}, "at": 1767225600000, "growth": 1,
                         "leaving": []},
             "actionsPlanned": 7}
            """
        let memory = try JSONDecoder().decode(PoolMemory.self, from: Data(stored.utf8))
        let at = Timestamp(millisecondsSince1970: 1_767_225_600_000)
        var expected = PoolMemory()
        (expected.lastTick, expected.watchingSince) = (at, at - .seconds(5600))
        expected.lastScaleUp = at - .seconds(600)
        expected.recentSteps = [PoolMemory.Step(at: at - .seconds(600), change: 2)]
        expected.draining = [PoolMemory.Since(id: ReplicaID(rawValue: "i-a"), since: at - .seconds(100))]
        (expected.lastDesired, expected.learnedCapacity, expected.actionsPlanned) = (4, 12, 7)
        expected.boots.record(.seconds(420))
        expected.pending = PoolMemory.Pending(
            planned: PlannedAction(id: ActionID(rawValue: "p-1"), action: .grow(to: 4)), at: at, growth: 1, leaving: [])
        #expect(memory == expected)
    }

    @Test("settings that were stored without the later parts have their defaults, and other parts may not be missing")
    func settings() throws {
        let whole = try JSONEncoder().encode(PolicySettings())
        var fields = try #require(try JSONSerialization.jsonObject(with: whole) as? [String: Any])
        for part in ["signals", "schedules", "forecast"] { #expect(fields.removeValue(forKey: part) != nil) }
        func decoded() throws -> PolicySettings {
            try JSONDecoder().decode(PolicySettings.self, from: JSONSerialization.data(withJSONObject: fields))
        }
        #expect(try decoded() == PolicySettings())
        fields["minimum"] = nil
        #expect(throws: DecodingError.self) { try decoded() }
    }

    @Test("a memory goes through storage unchanged")
    func roundTrip() throws {
        var memory = PoolMemory()
        (memory.crashes, memory.spending) = (3, Spending(day: CivilDate(daysSince1970: 20_000), usd: 1.5))
        memory.silent = [PoolMemory.Since(id: ReplicaID(rawValue: "a"), since: Timestamp(millisecondsSince1970: 5))]
        #expect(try JSONDecoder().decode(PoolMemory.self, from: JSONEncoder().encode(memory)) == memory)
    }
}
