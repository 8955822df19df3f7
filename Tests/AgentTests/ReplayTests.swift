import Agent
import Exporters
import Fleet
import Forecast
import Policy
import Store
import Testing

/// Recorded ticks are derived again: what an agent did around midnight, when the state of the day before is kept.
@Suite struct ReplayTests {
    /// The first and the last tick; the 47th is the first of a new day of UTC.
    private static let (first, end) = (2300, 2400)

    /// Processes that begin at these ticks, each under settings that `configure` may change.
    private func record(
        _ pool: inout TestPool, starts: [Int] = [Self.first],
        _ configure: (inout PolicySettings, _ start: Int) -> Void = { _, _ in }
    ) async throws {
        for (start, next) in zip(starts, starts.dropFirst() + [Self.end]) {
            configure(&pool.settings, start)
            var ticker = try await pool.ticker(at: start)
            for tick in start..<next { await pool.tick(&ticker, tick, load: Double(5 + tick * 7 % 31)) }
        }
    }

    private func replay(_ pool: TestPool, from first: Int = 0, to end: Int = 10_000) async throws -> ReplayResult {
        try await pool.history().replay(of: TestPool.id, from: pool.moment(first), to: pool.moment(end))
    }

    @Test(
        "every decision is derived again bit for bit, over restarts and reloads",
        arguments: [[first], [first, 2303, 2330, 2362, 2363]])
    func whole(starts: [Int]) async throws {
        try await withPool(replicas: 1) { pool in
            try await record(&pool, starts: starts)
            let result = try await replay(pool)
            #expect(result.ticks == 100 && result.differences == [] && result.different == 0 && result.gaps == 0)
            #expect(result.first == pool.moment(Self.first) && result.last == pool.moment(Self.end - 1))
            // From the middle of either day; the state of the second was kept at its tick 2360.
            for from in [2310, 2355, 2361, 2380] {
                let part = try await replay(pool, from: from, to: from + 10)
                #expect(part.ticks == 10 && part.differences == [], "\(from)")
            }
        }
    }

    @Test("settings of their time are taken: those that keep what was learned, and those that begin anew")
    func settings() async throws {
        try await withPool(replicas: 1) { pool in
            try await record(&pool, starts: [Self.first, 2320, 2340, 2350, 2370]) { settings, start in
                switch start {
                case 2320: (settings.minimum, settings.boot.expected) = (2, .seconds(120))
                case 2340: settings.forecast.levels = [0.5, 0.8, 0.9]
                case 2350: settings.objective = nil
                case 2370: (settings.objective, settings.minimum) = (PolicySettings().objective, 1)
                default: break
                }
            }
            let result = try await replay(pool)
            #expect(result.ticks == 100 && result.differences == [] && result.gaps == 0)
            #expect(try await replay(pool, from: 2345).differences == [])
        }
    }

    @Test("what was changed in the record shows, and teaches nothing to other ticks")
    func tampered() async throws {
        try await withPool(replicas: 1) { pool in
            try await record(&pool)
            let history = try pool.history()
            let ticks = try await history.ticks(of: TestPool.id, from: pool.moment(0), to: pool.moment(9999))
            let calm = try #require(ticks.first { $0.output.action == nil && $0.input.now > pool.moment(2310) })
            func differences(_ change: (inout StoredTick) -> Void) async throws -> [TickDifference] {
                var tampered = calm
                change(&tampered)
                try await append(tampered, to: history)
                let result = try await replay(pool)
                #expect(result.different == result.differences.count && result.gaps == 0)
                return result.differences
            }
            let step = try await differences { $0.output.decision.steps[0].to += 1 }
            #expect(
                step.map(\.at) == [calm.input.now] && step.first?.parts == ["decision"] && step.first?.firstStep == 0)
            let memory = try await differences { $0.memoryBefore.actionsPlanned += 100 }
            #expect(memory.first?.at == calm.input.now && memory.allSatisfy { $0.parts == ["memory"] })
            let settings = try await differences { $0.settings.maximum = 1 }
            #expect(settings.first?.parts.contains("decision") == true && settings.count <= 2)
            #expect(try await differences { $0.input.observation.engines = [] }.first?.parts.contains("demand") == true)
            #expect(try await differences { _ in } == [])
        }
    }

    private func append(_ tick: StoredTick, to history: HistoryStore) async throws {
        try await history.append(
            TickRecord(
                pool: TestPool.id, settings: tick.settings, input: tick.input, memoryBefore: tick.memoryBefore,
                output: tick.output, memoryAfter: tick.memoryBefore, observer: PoolObserver()))
    }

    @Test("ticks that are missing are told, and what they taught is known from the next state that was kept")
    func gap() async throws {
        try await withPool(replicas: 1) { pool in
            try await record(&pool)
            let recorded = try pool.history()
            let sparse = try HistoryStore(path: nil)
            let ticks = try await recorded.ticks(of: TestPool.id, from: pool.moment(0), to: pool.moment(9999))
            for (index, tick) in ticks.enumerated() where index != 20 {
                try await append(tick, to: sparse)
            }
            for moment in try await recorded.learningKept(of: TestPool.id) {
                let state = try #require(try await recorded.learning(of: TestPool.id, upTo: moment))
                try await sparse.save(state.learning, of: TestPool.id, at: moment)
            }
            let result = try await sparse.replay(of: TestPool.id, from: pool.moment(0), to: pool.moment(9999))
            #expect(result.ticks == 99 && result.gaps == 1)
            let astray = result.differences
            #expect(
                !astray.isEmpty && astray.allSatisfy { $0.at > ticks[20].input.now && $0.at <= ticks[60].input.now })
        }
    }

    @Test("the ledger of the record is that of the running agent")
    func ledger() async throws {
        try await withPool(replicas: 1) { pool in
            try await record(&pool)
            var ticker = try await pool.ticker(at: Self.end)
            for tick in Self.end..<Self.end + 30 { await pool.tick(&ticker, tick, load: 60) }
            let live = ticker.snapshot.counters.rules
            let recorded = try await pool.history().ledger(
                of: TestPool.id, from: pool.moment(Self.end), to: pool.moment(9999))
            #expect(recorded == live)
            #expect(live.seconds == 29 * 15)
            #expect(
                live[.maximum].denied.replicaSeconds > 0
                    && live.entries.values.map(\.boundSeconds).reduce(0, +) == live.seconds)
        }
    }
}
