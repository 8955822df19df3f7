import Fleet
import Forecast
import Testing

@testable import Policy

/// Coming to zero and back: what lets the last replica go, and what brings one back.
@Suite struct ZeroTests {
    private static let after: Duration = .seconds(300)

    private func pool(replicas: Int, _ configure: (inout PolicySettings) -> Void = { _ in }) -> VirtualPool {
        VirtualPool(replicas: replicas) {
            ($0.minimum, $0.scaleToZero) = (0, .init(after: Self.after))
            $0.scaleDown.after = .zero
            $0.scaleDown.cooldown = .zero
            configure(&$0)
        }
    }

    /// When the pool became empty, by the start.
    private func emptied(_ pool: inout VirtualPool, within span: Duration) -> Double? {
        let start = pool.now
        while pool.now - start < span {
            pool.tick()
            if pool.size == 0 { return (pool.now - start).seconds }
        }
        return nil
    }

    @Test("the last replica leaves once it is known to have been idle for long enough, and not before")
    func idle() throws {
        var pool = pool(replicas: 1)
        pool.running = 1
        #expect(emptied(&pool, within: .seconds(3600)) == nil)
        pool.running = 0
        let left = try #require(emptied(&pool, within: .seconds(3600)))
        #expect(300...375 ~= left, "idle, cordoned, then seen idle again: \(left)")
        let last = try #require(pool.log.last { $0.output.decision.binding?.rule == .keepAlive }?.output.decision)
        #expect(last.target == 0)
    }

    @Test("one request in between begins the time anew, and so does one that no gauge has caught")
    func interrupted() throws {
        var pool = pool(replicas: 1)
        pool.run(.seconds(285))
        pool.tokensPerSecond = 1
        pool.tick()
        pool.tokensPerSecond = 0
        let left = try #require(emptied(&pool, within: .seconds(3600)))
        #expect(left >= 300)
    }

    @Test(
        "without permission, and while not all is known, the last replica stays", arguments: ["off", "silent", "blind"])
    func unknown(what: String) {
        var pool = pool(replicas: 1) { if what == "off" { ($0.scaleToZero, $0.minimum) = (nil, 1) } }
        if what == "silent" {
            pool.run(.seconds(120))
            pool.silent = [1]
        }
        if what == "blind" { pool.controlPlaneDown = true }
        #expect(emptied(&pool, within: .seconds(7200)) == nil)
        pool.controlPlaneDown = false
        pool.tick()
        #expect(pool.log.last?.output.decision.target == 1)
    }

    @Test(
        "by itself it waits for 10 minutes, or twice the boot where a trusted forecast expects nobody, else four times",
        arguments: [(Duration.seconds(60), 600), (.seconds(420), 1680)])
    func automatic(boot: Duration, seconds: Double) throws {
        var pool = pool(replicas: 1) { ($0.scaleToZero, $0.boot.expected) = (.init(), boot) }
        let left = try #require(emptied(&pool, within: .seconds(7200)))
        #expect(seconds...seconds + 75 ~= left)
        var tick = context(requests: 0, serving: 1) { ($0.scaleToZero, $0.boot.expected) = (.init(), boot) }
        tick.memory.idleSince = tick.now - max(.seconds(600), boot * 2)
        #expect(tick.mayRest == (boot == .seconds(60)), "no forecast")
        tick.forecast = forecast(0.5)
        #expect(tick.mayRest)
        tick.forecast = forecast(1)
        #expect(!tick.mayRest)
        #expect(KeepAlive().propose(tick, target: 0)?.target == 1)
    }

    @Test("a pool at zero stays there, is not blind, and learns that nobody asks")
    func atZero() {
        var pool = pool(replicas: 0)
        pool.run(.seconds(3600))
        #expect(pool.size == 0)
        #expect(pool.log.allSatisfy { $0.output.demand.requests == 0 && $0.output.work?.arrivals == 0 })
        #expect(pool.log.last?.output.decision.binding?.reason == .atZero)
        #expect(!pool.controller.memory.wasBlind)
    }

    @Test("a call is answered at once, whatever the pace of growth, and ends when a replica serves")
    func wake() throws {
        var pool = pool(replicas: 1) {
            $0.scaleUp.cooldown = .seconds(3600)
            $0.scaleUp.step = StepLimit(replicas: 1, per: .seconds(7200))
        }
        for round in 0..<2 {
            _ = try #require(emptied(&pool, within: .seconds(3600)))
            pool.run(.seconds(60))
            pool.wake = pool.now - .seconds(3)
            let output = pool.tick()
            #expect(output.action?.action == .grow(to: 1), "round \(round)")
            #expect(output.decision.steps.contains { $0.rule == .wake && $0.to == 1 })
            pool.run(.seconds(90))
            let events = pool.log.suffix(6).flatMap(\.output.events)
            #expect(events.contains(.woken(.asked, took: .seconds(63))))
            #expect(pool.controller.memory.wake == nil)
        }
    }

    @Test("requests that nobody serves wake the pool")
    func held() throws {
        var pool = pool(replicas: 0)
        pool.tick()
        pool.held = 25
        #expect(pool.tick().action?.action == .grow(to: 4))
        #expect(pool.controller.memory.wake?.cause == .requests)
    }

    @Test(
        "one request is one, however short the interval and however soon after a tick it comes",
        arguments: [Sizing.thresholds, .objective], [(1, 1000), (15, 15_000), (15, 200)])
    func single(sizing: Sizing, beat: (interval: Int, since: Int)) {
        var pool = VirtualPool(replicas: 0, by: sizing) {
            ($0.minimum, $0.scaleToZero) = (0, .init(after: Self.after))
            ($0.interval, $0.capacity) = (.seconds(beat.interval), 8)
        }
        pool.held = 0
        pool.run(.seconds(120))
        pool.now = pool.now - .seconds(beat.interval) + .milliseconds(beat.since)
        (pool.held, pool.wake) = (1, pool.now)
        pool.run(.seconds(60))
        #expect(pool.size == 1)
    }

    @Test("a victim that drains is taken back when somebody asks")
    func drains() throws {
        var pool = pool(replicas: 1)
        while pool.controller.memory.draining.isEmpty { pool.tick() }
        pool.wake = pool.now
        #expect(pool.tick().events.contains { if case .uncordoned = $0 { true } else { false } })
        #expect(pool.size == 1)
    }

    @Test(
        "one reading missed on the way to zero, or one word of the control plane, keeps no replica",
        arguments: ["mute", "silent", "blind"], [false, true])
    func missed(what: String, whileDraining: Bool) {
        var pool = pool(replicas: 1)
        let start = pool.now
        pool.run(.seconds(150))
        for _ in 0..<100 where whileDraining && pool.controller.memory.draining.isEmpty { pool.tick() }
        switch what {
        case "mute": pool.mute = [1]
        case "silent": pool.silent = [1]
        default: pool.controlPlaneDown = true
        }
        // A reading counts for 45 s.
        for _ in 0..<(what == "silent" ? 4 : 1) { pool.tick() }
        (pool.mute, pool.silent, pool.controlPlaneDown) = ([], [], false)
        #expect(emptied(&pool, within: .seconds(3600)) != nil)
        #expect(pool.now - start <= .seconds(435))
        #expect(!pool.log.contains { $0.output.events.contains { if case .uncordoned = $0 { true } else { false } } })
    }

    @Test("one whose removal was asked for is not called back: another is ordered", arguments: [false, true])
    func removed(isAccepted: Bool) {
        var tick = context(requests: 0, serving: 1) { ($0.minimum, $0.scaleToZero) = (0, .init()) }
        let id = tick.supply.serving[0]
        (tick.supply.serving, tick.supply.draining) = ([], [id])
        let growth = Decision(current: 0, target: 1, steps: [])
        #expect(ActionPlan(tick: tick, decision: growth).uncordon == [id])
        if isAccepted {
            tick.memory.removed.track([id], now: tick.now)
        } else {
            let removal = PlannedAction(id: ActionID(rawValue: "1"), action: .remove([id], in: nil))
            tick.memory.pending = .init(planned: removal, at: tick.now, growth: 0, leaving: [])
        }
        let plan = ActionPlan(tick: tick, decision: growth)
        #expect(plan.uncordon == [] && plan.action == .grow(to: 2, in: nil))
    }

    @Test("what is refused is asked for again while somebody asks, and given up after twice the boot")
    func refused() throws {
        var pool = pool(replicas: 0) { $0.boot.expected = .seconds(120) }
        pool.tick()
        pool.refuses = .noCapacity(market: .onDemand, zone: nil, message: "none")
        pool.wake = pool.now
        pool.run(.seconds(300))
        #expect(pool.log.filter { $0.output.action != nil }.count >= 3)
        #expect(pool.log.contains { $0.output.events.contains(.wakeFailed(.asked, after: .seconds(240))) })
        pool.refuses = nil
        pool.run(.seconds(600))
        #expect(pool.size == 0)
    }

    @Test("a budget that is spent keeps a pool at zero, and takes away no last replica that works")
    func budget() {
        var pool = pool(replicas: 0) { $0.budget = .init(usdPerHour: 1) }
        (pool.usdPerHour, pool.controller.settings.usdPerHour) = (4, 4)
        pool.tick()
        pool.wake = pool.now
        #expect(pool.tick().action == nil)
    }

    @Test("a forecast that is trusted wakes the pool ahead of demand; less than a request wakes nobody")
    func ahead() {
        var tick = context(requests: 0, serving: 0) { $0.scaleToZero = .init() }
        tick.forecast = forecast(0.9)
        var memory = PoolMemory()
        #expect(memory.noteWake(nil, tick).isEmpty && memory.wake == nil)
        #expect(ForecastNeed().propose(tick, target: 0) == nil)
        tick.forecast = forecast(1)
        #expect(memory.noteWake(nil, tick).isEmpty)
        #expect(memory.wake?.cause == .forecast)
    }

    @Test("virtual fleets keep their last replica, and the objective asks for none that may rest")
    func objective() {
        var settings = PolicySettings()
        (settings.minimum, settings.scaleToZero, settings.objective) = (0, .init(), WaitObjective())
        #expect(settings.shadows?.minimum == 1)
    }
}
