import Agent
import Exporters
import Fleet
import Forecast
import Policy
import Store
import Synchronization
import TestSupport
import Testing

/// Where a process dies within a tick that asks for something.
enum CrashPoint: String, CaseIterable, Sendable {
    case beforeAppend, beforeSubmit, beforeRecord, afterRecord
}

@Suite struct RestartTests {
    /// Thirty requests for a while, then none: up to four replicas and down to one.
    private static func load(_ tick: Int) -> Double { tick < 6 ? 30 : 0 }
    private static let ticks = 26
    private static let effects: [ScalingAction] = [
        .grow(to: 4), .remove(["r-2", "r-3", "r-4"].map { ReplicaID(rawValue: $0) }),
    ]

    /// Ticks from `first` on until a call hangs (the process is then left alone for ever), until it has asked for
    /// `submits` things, or until the end. Returns the tick that comes next.
    private func live(
        _ pool: TestPool, from first: Int, until end: Int = Self.ticks, submits: Int = .max
    ) async throws -> Int {
        var ticker = try await pool.ticker()
        let hangs = await pool.fleet.hangs
        for tick in first..<end {
            await pool.prepare(tick, load: Self.load(tick))
            let (started, shared) = (ticker, Shared())
            Task {
                var ticker = started
                await ticker.tick(at: pool.moment(tick))
                shared.put(ticker)
            }
            _ = await eventually { if shared.value != nil { true } else { await pool.fleet.hangs > hangs } }
            guard let next = shared.value, await pool.fleet.submits < submits else { return tick + 1 }
            ticker = next
        }
        return end
    }

    private final class Shared: Sendable {
        private let ticker = Mutex<PoolTicker?>(nil)
        var value: PoolTicker? { ticker.withLock { $0 } }
        func put(_ new: PoolTicker) { ticker.withLock { $0 = new } }
    }

    @Test(
        "a process that dies around an action is followed by one that ends where it would have, each action done once",
        arguments: CrashPoint.allCases, [1, 2])
    func crash(at point: CrashPoint, of action: Int) async throws {
        try await withPool(replicas: 1) { pool in
            var next = 0
            if action == 2 { next = try await live(pool, from: 0, submits: 1) }
            switch point {
            case .beforeAppend:
                // An undisturbed process tells at which tick the action comes.
                next = try await live(pool, from: next, until: max(next, try await dueTick(action)))
                await pool.fleet.onDescribe(.hang)
                next = try await live(pool, from: next)
                #expect(try await pool.history().openIntents(of: TestPool.id).isEmpty)
            case .beforeSubmit:
                await pool.fleet.onSubmit(.hang)
                next = try await live(pool, from: next)
                #expect(try await pool.history().openIntents(of: TestPool.id).count == 1)
            case .beforeRecord:
                await pool.fleet.onSubmit(.hangAfterEffect)
                next = try await live(pool, from: next)
                #expect(try await pool.history().openIntents(of: TestPool.id).count == 1)
            case .afterRecord:
                next = try await live(pool, from: next, submits: action)
                #expect(try await pool.history().openIntents(of: TestPool.id).isEmpty)
            }
            #expect(next < Self.ticks - 3, "nothing died")
            #expect(try await live(pool, from: next) == Self.ticks)

            #expect(await pool.fleet.effects == Self.effects)
            #expect(await pool.fleet.ready == ["r-1"])
            #expect(try await pool.history().openIntents(of: TestPool.id).isEmpty)
        }
    }

    /// The tick at which an undisturbed process asks for the so-many-th thing.
    private func dueTick(_ action: Int) async throws -> Int {
        var due = 0
        try await withPool(replicas: 1) { pool in due = try await live(pool, from: 0, submits: action) - 1 }
        return due
    }

    @Test("the cooldown of an order holds across a restart right after it", arguments: [false, true])
    func cooldown(restarted: Bool) async throws {
        try await withPool(replicas: 1) { pool in
            var ticker = try await pool.ticker()
            await pool.tick(&ticker, 0, load: 15)
            if restarted { ticker = try await pool.ticker() }
            for tick in 1..<4 { await pool.tick(&ticker, tick, load: 30) }
            #expect(await pool.fleet.effects == [.grow(to: 2)])
            await pool.tick(&ticker, 4, load: 30)
            #expect(await pool.fleet.effects == [.grow(to: 2), .grow(to: 4)])
        }
    }

    @Test("the back-off of a refusal holds across a restart right after it")
    func backOff() async throws {
        try await withPool(replicas: 1) { pool in
            await pool.fleet.onSubmit(.refuse(.throttled(retryAfter: .seconds(90), message: "slow down")))
            var ticker = try await pool.ticker()
            await pool.tick(&ticker, 0, load: 30)
            ticker = try await pool.ticker()
            for tick in 1..<7 { await pool.tick(&ticker, tick, load: 30) }
            #expect(await pool.fleet.submits == 1)
            await pool.tick(&ticker, 7, load: 30)
            #expect(await pool.fleet.effects == [.grow(to: 4)])
        }
    }

    @Test("a tick that is cancelled while the control plane answers still writes down the answer")
    func cancelledWhileSubmitting() async throws {
        try await withPool(replicas: 1) { pool in
            let pool = pool
            await pool.fleet.onSubmit(.hangAfterEffect)
            let history = try pool.history()
            await pool.prepare(0, load: 30)
            let ticker = try await pool.ticker(history: history)
            let ticking = Task {
                var ticker = ticker
                await ticker.tick(at: pool.moment(0))
                return ticker.snapshot.counters.historyErrors
            }
            #expect(await eventually { await pool.fleet.isHanging })
            ticking.cancel()
            await pool.fleet.release()
            #expect(await ticking.value == 0)
            let action = try #require(try await history.actions(of: TestPool.id, limit: 1).first)
            #expect(action.outcome == .accepted(Receipt(reference: action.id.rawValue)))
            #expect(try await history.openIntents(of: TestPool.id).isEmpty)
        }
    }

    @Test("a tick that is cancelled while it observes decides nothing")
    func cancelledWhileObserving() async throws {
        try await withPool(replicas: 1) { pool in
            let pool = pool
            await pool.fleet.onDescribe(.hang)
            await pool.prepare(0, load: 30)
            let ticker = try await pool.ticker()
            let ticking = Task {
                var ticker = ticker
                await ticker.tick(at: pool.moment(0))
                return ticker.snapshot.output
            }
            #expect(await eventually { await pool.fleet.isHanging })
            ticking.cancel()
            await pool.fleet.release()
            #expect(await ticking.value == nil)
            #expect(await pool.fleet.submits == 0)
        }
    }

    @Test("a restart goes on forecasting as if nothing had been; other settings learn anew from history")
    func forecast() async throws {
        /// The forecast after 30 ticks, in processes that begin at these ticks.
        func last(_ starts: [Int], levels: @escaping (Int) -> [Double]) async throws -> [PoolForecast?] {
            var said: [PoolForecast?] = []
            try await withPool(replicas: 2) { pool in
                for (start, end) in zip(starts, starts.dropFirst() + [30]) {
                    pool.settings.forecast.levels = levels(start)
                    var ticker = try await pool.ticker()
                    for tick in start..<end {
                        await pool.tick(&ticker, tick, load: Double(5 + tick * 7 % 10))
                        said.append(ticker.snapshot.output?.forecast)
                    }
                }
            }
            return said
        }
        let usual = [0.5, 0.9, 0.99]
        let whole = try await last([0]) { _ in usual }
        #expect(whole.count == 30 && !whole.contains(nil))
        #expect(try await last([0, 3, 4, 20]) { _ in usual } == whole)

        let other = try await last([0]) { _ in [0.5, 0.8, 0.9] }
        let changed = try await last([0, 12]) { $0 == 0 ? usual : [0.5, 0.8, 0.9] }
        #expect(changed[..<12] == whole[..<12] && changed[12...] == other[12...])
    }

    @Test("a clock that once was ahead does not win every restart")
    func clockAhead() async throws {
        func last(ahead: Bool) async throws -> PoolForecast? {
            var said: PoolForecast?
            try await withPool(replicas: 2) { pool in
                var ticker = try await pool.ticker(at: 0)
                for tick in 0..<40 {
                    if ahead, tick == 5 {
                        await pool.tick(&ticker, 5 + 2 * 5760, load: 9)
                        ticker = try await pool.ticker(at: 5)
                    }
                    await pool.tick(&ticker, tick, load: Double(5 + tick * 7 % 10))
                }
                ticker = try await pool.ticker(at: 40)
                await pool.tick(&ticker, 40, load: 7)
                said = ticker.snapshot.output?.forecast
            }
            return said
        }
        let (right, disturbed) = (try await last(ahead: false), try await last(ahead: true))
        #expect(right != nil && disturbed == right)
    }
}
