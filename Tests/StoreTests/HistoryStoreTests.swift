import Fleet
import Forecast
import Foundation
import Policy
import Store
import Testing

@Suite struct HistoryStoreTests {
    private let pool = PoolID(rawValue: "chat")
    private let start = Timestamp(millisecondsSince1970: 1_000_000_000)

    /// Ticks of a real controller: the first orders two replicas, a later one sees them come up.
    private func records(_ count: Int) -> [TickRecord] {
        var settings = PolicySettings()
        (settings.maximum, settings.capacity) = (8, 10)
        var controller = PoolController(pool: pool, settings: settings)
        var observer = PoolObserver()
        return (0..<count).map { index in
            let now = start + .seconds(15 * index)
            let names = index == 0 ? ["a"] : ["a", "b", "c"]
            let readings = names.map { name in
                var row = ModelSample(model: "m", engine: "0")
                (row.running, row.waiting, row.iterationsTotal) = (name == "a" ? 21 : 0, 0, Double(index))
                let known = name == "a" || index >= 4
                return EngineReading(
                    id: ReplicaID(rawValue: name), sample: known ? EngineSample(engine: "vllm", models: [row]) : nil,
                    sampledAt: known ? now : nil, error: known ? nil : "refused")
            }
            let fleet = FleetState(
                observedAt: now,
                replicas: names.map {
                    Replica(id: ReplicaID(rawValue: $0), state: .ready, launchedAt: $0 == "a" ? nil : start)
                })
            let observation = observer.observe(
                readings, enginesAreReplicas: true, maximumAge: .seconds(45), at: now)
            let input = TickInput(now: now, observation: observation, fleet: fleet)
            let before = controller.memory
            let output = controller.step(input)
            controller.forgetPending()
            return TickRecord(
                pool: pool, settings: settings, input: input, memoryBefore: before, output: output,
                memoryAfter: controller.memory, observer: observer)
        }
    }

    @Test("the demand of the ticks is what each of them had")
    func demand() async throws {
        let store = try HistoryStore(path: nil)
        var written = records(4)
        (written[3].output.demand.running, written[3].output.demand.waiting) = (nil, nil)
        for record in written { try await store.append(record) }
        let demand = try await store.demand(of: pool, from: start + .seconds(15), to: start + .seconds(60))
        #expect(demand.map(\.at) == written.dropFirst().map(\.input.now))
        #expect(demand.map(\.requests) == [21, 21, nil])
        #expect(written[1].output.demand.requests == 21)
    }

    @Test("the last fleet is that of the latest tick that knew one, groups and all")
    func lastFleet() async throws {
        let store = try HistoryStore(path: nil)
        #expect(try await store.lastFleet(of: pool) == nil)
        var written = records(3)
        written[1].input.fleet?.groups = [GroupState(id: GroupID(rawValue: "spot"), desired: 3)]
        written[2].input.fleet = nil
        for record in written { try await store.append(record) }
        #expect(try await store.lastFleet(of: pool) == written[1].input.fleet)
    }

    @Test("an infinite load, of demand on no replica, is written and comes back")
    func infinite() async throws {
        let store = try HistoryStore(path: nil)
        var record = records(1)[0]
        record.output.decision.steps = [
            DecisionStep(
                rule: .observedDemand, from: 0, to: 5, reason: .demand(requests: 50, capacity: 10, load: .infinity))
        ]
        try await store.append(record)
        let read = try await store.ticks(of: pool, from: start, to: start + .seconds(60))
        #expect(read.map(\.output) == [record.output])
    }

    @Test("while most engines are silent a forecast learns nothing")
    func silence() async throws {
        let store = try HistoryStore(path: nil)
        var written = records(2)
        (written[1].output.demand.engines, written[1].output.demand.missing) = (1, 2)
        for record in written { try await store.append(record) }
        let demand = try await store.demand(of: pool, from: start, to: start + .seconds(60))
        #expect(demand.map(\.requests) == written.map(\.output.demand.sample) && demand.map(\.requests) == [21, nil])
    }

    @Test("what was learned is kept, one state a day, and found by the moment")
    func learning() async throws {
        let store = try HistoryStore(path: nil)
        #expect(try await store.learning(of: pool, upTo: start) == nil)
        var learning = PoolLearning(PolicySettings())
        var kept: [PoolLearning] = []
        for hour in 0..<40 {
            let now = Timestamp(millisecondsSince1970: Int64(hour) * 3_600_000)
            learning.replay(PoolWork(arrivals: Double(hour), boot: .seconds(420)), PolicySettings(), now: now)
            kept.append(learning)
            try await store.save(learning, of: pool, at: now)
        }
        func found(_ hour: Int) async throws -> PoolLearning? {
            try await store.learning(of: pool, upTo: Timestamp(millisecondsSince1970: Int64(hour) * 3_600_000))?
                .learning
        }
        #expect(try await found(50) == kept[39])
        #expect(try await found(30) == kept[23])
        #expect(try await found(20) == nil)
        try await store.prune(before: Timestamp(millisecondsSince1970: 30 * 3_600_000))
        #expect(try await found(30) == kept[23], "without it the ticks that stay could not be derived again")
        try await store.prune(before: Timestamp(millisecondsSince1970: 60 * 3_600_000))
        #expect(try await found(30) == nil)
        #expect(try await found(50) == kept[39])
        #expect(try await store.learning(of: PoolID(rawValue: "other"), upTo: .init(secondsSince1970: 1e9)) == nil)
    }

    @Test("a recorded tick comes back whole and decides the same again, bit for bit")
    func replay() async throws {
        let store = try HistoryStore(path: nil)
        let written = records(6)
        for record in written { try await store.append(record) }
        let ticks = try await store.ticks(of: pool, from: start, to: start + .seconds(90))
        #expect(ticks.map(\.input) == written.map(\.input))
        #expect(ticks.map(\.output) == written.map(\.output))
        for tick in ticks {
            var controller = PoolController(pool: pool, settings: tick.settings, memory: tick.memoryBefore)
            #expect(controller.step(tick.input) == tick.output)
        }
        #expect(try await store.ticks(of: pool, from: start + .seconds(15), to: start + .seconds(45)).count == 2)
        #expect(try await store.ticks(of: PoolID(rawValue: "other"), from: start, to: start + .seconds(90)).isEmpty)
    }

    @Test("the last state is where a restart goes on")
    func lastState() async throws {
        let store = try HistoryStore(path: nil)
        #expect(try await store.lastState(of: pool) == nil)
        let written = records(3)
        for record in written { try await store.append(record) }
        let state = try await store.lastState(of: pool)
        #expect(state?.memory == written.last?.memoryAfter)
        #expect(state?.observer == written.last?.observer)
    }

    @Test("an intent is open until its outcome is known")
    func intents() async throws {
        let store = try HistoryStore(path: nil)
        let record = records(1)[0]
        let planned = try #require(record.output.action)
        try await store.append(record)
        #expect(try await store.openIntents(of: pool).map(\.id) == [planned.id])
        #expect(try await store.openIntents(of: pool).first?.action == planned.action)

        let lost = ActionOutcome(id: planned.id, result: .failed(.outcomeUnknown(message: "reset")))
        try await store.record(lost, at: start + .seconds(1))
        #expect(try await store.openIntents(of: pool).count == 1, "a lost answer leaves it open")

        try await store.close(planned.id, done: true, at: start + .seconds(16))
        #expect(try await store.openIntents(of: pool).isEmpty)
        let action = try #require(try await store.actions(of: pool, limit: 5).first)
        #expect(action.foundDone == true)
        #expect(action.outcome == lost.result)
    }

    @Test("an accepted action is closed by its receipt")
    func receipt() async throws {
        let store = try HistoryStore(path: nil)
        let record = records(1)[0]
        let planned = try #require(record.output.action)
        try await store.append(record)
        let accepted = ActionOutcome(id: planned.id, result: .accepted(Receipt(reference: "request-1")))
        try await store.record(accepted, at: start + .seconds(1))
        #expect(try await store.openIntents(of: pool).isEmpty)
        #expect(try await store.actions(of: pool, limit: 5).first?.outcome == accepted.result)
    }

    @Test("boots are kept with their times")
    func boots() async throws {
        let store = try HistoryStore(path: nil)
        for record in records(6) { try await store.append(record) }
        let boots = try await store.boots(of: pool, limit: 10)
        #expect(boots.map(\.replica.rawValue) == ["b", "c"])
        #expect(boots.allSatisfy { $0.launchedAt == start && $0.readyAt == start + .seconds(60) })
    }

    @Test("retention forgets old rows and keeps open actions")
    func retention() async throws {
        let store = try HistoryStore(path: nil)
        for record in records(6) { try await store.append(record) }
        try await store.prune(before: start + .seconds(45))
        #expect(try await store.ticks(of: pool, from: start, to: start + .seconds(900)).count == 3)
        #expect(try await store.openIntents(of: pool).count == 1)
        try await store.prune(before: start + .seconds(900))
        #expect(try await store.ticks(of: pool, from: start, to: start + .seconds(900)).isEmpty)
        #expect(try await store.lastState(of: pool) != nil, "the state is not history")
    }

    @Test("a file is opened again with all that was in it; a folder that cannot be is an error with its name")
    func files() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "history-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "deep/history.sqlite").path
        let first = try HistoryStore(path: path)
        for record in records(2) { try await first.append(record) }
        first.close()
        let second = try HistoryStore(path: path)
        #expect(try await second.ticks(of: pool, from: start, to: start + .seconds(90)).count == 2)
        second.close()
        try Data("not a database, and long enough to be taken for one".utf8).write(to: folder.appending(path: "bad"))
        let error = #expect(throws: HistoryError.self) {
            try HistoryStore(path: folder.appending(path: "bad").path)
        }
        #expect(error?.description.contains("bad") == true)
    }
}
