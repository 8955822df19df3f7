import Agent
import Exporters
import Fleet
import Policy
import Store
import Testing

@Suite struct PoolTickerTests {
    @Test("a busy pool grows: intent first, receipt after, and the boots are remembered")
    func growth() async throws {
        try await withPool(replicas: 1, boot: .seconds(60)) { pool in
            let history = try pool.history()
            var ticker = try await pool.ticker(history: history)
            for tick in 0..<8 { await pool.tick(&ticker, tick, load: 30) }

            #expect(await pool.fleet.effects == [.grow(to: 4)])
            #expect(await pool.fleet.replicas.count == 4)
            let actions = try await history.actions(of: TestPool.id, limit: 10)
            #expect(actions.map(\.action) == [.grow(to: 4)])
            #expect(actions.first?.at == pool.moment(0))
            let id = try #require(actions.first?.id)
            #expect(actions.first?.outcome == .accepted(Receipt(reference: id.rawValue)))
            #expect(try await history.openIntents(of: TestPool.id).isEmpty)
            let boots = try await history.boots(of: TestPool.id, limit: 10)
            #expect(boots.map(\.replica.rawValue) == ["r-2", "r-3", "r-4"])
            #expect(boots.allSatisfy { $0.launchedAt == pool.moment(0) && $0.readyAt == pool.moment(4) })
            #expect(ticker.snapshot.counters.accepted == ["grow": 1])
            #expect(ticker.snapshot.counters.booted == 3)
            #expect(ticker.snapshot.recent.map(\.result) == ["accepted"])
            #expect(ticker.snapshot.history.map(\.target) == Array(repeating: 4, count: 8))
        }
    }

    @Test(
        "metrics that fail are an error with an age, and never shrink the pool", arguments: FakeEngines.Trouble.allCases
    )
    func blind(trouble: FakeEngines.Trouble) async throws {
        try await withPool(replicas: 3) { pool in
            pool.timeout = .milliseconds(trouble == .hang ? 250 : 5000)
            var ticker = try await pool.ticker()
            for tick in 0..<2 { await pool.tick(&ticker, tick, load: 24) }
            pool.engines.set(trouble: trouble)
            for tick in 2..<14 { await pool.tick(&ticker, tick, load: 0) }

            #expect(await pool.fleet.submits == 0)
            let snapshot = ticker.snapshot
            #expect(snapshot.output?.decision.target == 3)
            #expect(snapshot.memory.draining.isEmpty)
            #expect(snapshot.readings.count == 3)
            #expect(snapshot.readings.allSatisfy { $0.error != nil && $0.sampledAt == pool.moment(1) })
            let rows = try #require(snapshot.input?.observation.engines)
            #expect(rows.allSatisfy { $0.age == .seconds(15 * 12) && $0.requests == 8 })
            #expect(snapshot.counters.readingErrors == 3 * 12)

            // And when they are back, the calm begins anew.
            pool.engines.set(trouble: nil)
            for tick in 14..<17 { await pool.tick(&ticker, tick, load: 0) }
            #expect(await pool.fleet.submits == 0)
            #expect(ticker.snapshot.memory.draining.isEmpty)
        }
    }

    @Test("a control plane that does not answer holds, and is counted")
    func controlPlaneDown() async throws {
        try await withPool(replicas: 1) { pool in
            for call in 1...3 { await pool.fleet.onDescribe(call: call, .refuse(.unreachable(message: "no route"))) }
            var ticker = try await pool.ticker()
            for tick in 0..<3 { await pool.tick(&ticker, tick, load: 30) }
            #expect(ticker.snapshot.counters.driverErrors == ["unreachable": 3])
            #expect(ticker.snapshot.input?.fleetError == "unreachable: no route")
            #expect(ticker.snapshot.output?.decision.target == nil)
            #expect(await pool.fleet.submits == 0)
            await pool.tick(&ticker, 3, load: 30)
            #expect(await pool.fleet.effects == [.grow(to: 4)])
        }
    }

    @Test("engines are still asked while the control plane is silent")
    func lastTargets() async throws {
        try await withPool(replicas: 2) { pool in
            var ticker = try await pool.ticker()
            await pool.tick(&ticker, 0, load: 6)
            await pool.fleet.onDescribe(.refuse(.unreachable(message: "no route")))
            await pool.tick(&ticker, 1, load: 10)
            #expect(ticker.snapshot.output?.demand.requests == 10)
        }
    }

    @Test("without authority nothing is asked for, and the wish is told")
    func advise() async throws {
        try await withPool(replicas: 1) { pool in
            pool.authority = .advise("dry run")
            let history = try pool.history()
            var ticker = try await pool.ticker(history: history)
            for tick in 0..<6 { await pool.tick(&ticker, tick, load: 30) }
            #expect(await pool.fleet.submits == 0)
            #expect(ticker.snapshot.output?.decision.target == 4)
            #expect(ticker.snapshot.recent.count == 1)
            #expect(try await history.actions(of: TestPool.id, limit: 10).isEmpty)
        }
    }

    @Test("a refused order is asked again after the back-off, not before")
    func throttled() async throws {
        try await withPool(replicas: 1) { pool in
            await pool.fleet.onSubmit(.refuse(.throttled(retryAfter: .seconds(60), message: "slow down")))
            var ticker = try await pool.ticker()
            for tick in 0..<5 { await pool.tick(&ticker, tick, load: 30) }
            #expect(await pool.fleet.submits == 1)
            #expect(ticker.snapshot.counters.driverErrors == ["throttled": 1])
            for tick in 5..<8 { await pool.tick(&ticker, tick, load: 30) }
            #expect(await pool.fleet.submits == 2)
            #expect(await pool.fleet.effects == [.grow(to: 4)])
        }
    }

    @Test("without history nothing is removed, and growth goes on")
    func historyLost() async throws {
        try await withPool(replicas: 3) { pool in
            let history = try pool.history()
            var ticker = try await pool.ticker(history: history)
            history.close()
            for tick in 0..<16 { await pool.tick(&ticker, tick, load: 0) }
            #expect(ticker.snapshot.memory.draining.count == 2)
            #expect(ticker.snapshot.counters.historyErrors == 16)
            #expect(await pool.fleet.submits == 0)
            for tick in 16..<24 { await pool.tick(&ticker, tick, load: 80) }
            #expect(await pool.fleet.effects == [.grow(to: 4)])
        }
    }

    @Test("an order whose answer was lost is not repeated, and its intent is settled at the next look")
    func outcomeUnknown() async throws {
        try await withPool(replicas: 1, boot: .seconds(60)) { pool in
            await pool.fleet.onSubmit(.failAfterEffect(.outcomeUnknown(message: "timed out")))
            let history = try pool.history()
            var ticker = try await pool.ticker(history: history)
            for tick in 0..<8 { await pool.tick(&ticker, tick, load: 30) }
            #expect(await pool.fleet.submits == 1)
            #expect(await pool.fleet.effects == [.grow(to: 4)])
            #expect(try await history.openIntents(of: TestPool.id).isEmpty)
            #expect(try await history.actions(of: TestPool.id, limit: 1).first?.foundDone == true)
        }
    }

    @Test("an order that was lost before it had any effect is asked again after the cooldown")
    func outcomeUnknownWithoutEffect() async throws {
        try await withPool(replicas: 1) { pool in
            await pool.fleet.onSubmit(.refuse(.outcomeUnknown(message: "timed out")))
            var ticker = try await pool.ticker()
            for tick in 0..<4 { await pool.tick(&ticker, tick, load: 30) }
            #expect(await pool.fleet.submits == 1)
            for tick in 4..<6 { await pool.tick(&ticker, tick, load: 30) }
            #expect(await pool.fleet.effects == [.grow(to: 4)])
        }
    }

    @Test("a size that somebody else changed is an event")
    func resizedFromOutside() async throws {
        try await withPool(replicas: 1) { pool in
            var ticker = try await pool.ticker()
            for tick in 0..<2 { await pool.tick(&ticker, tick, load: 5) }
            await pool.fleet.resize(to: 3)
            await pool.tick(&ticker, 2, load: 5)
            #expect(ticker.snapshot.output?.events.contains(.resizedFromOutside(from: 1, to: 3)) == true)
            #expect(await pool.fleet.submits == 0)
        }
    }
}
