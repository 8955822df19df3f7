import Fleet
import Policy
import Testing

/// What operators of other autoscalers complain about, as scenarios: missing, stale or wrong data shrinks the fleet.
@Suite struct UnknownDataComplaints {
    @Test("P1: no data at peak holds the fleet", arguments: Sizing.allCases)
    func noData(sizing: Sizing) {
        var pool = VirtualPool(replicas: 6, by: sizing) { $0.shrinkAtOnce() }
        pool.running = 60
        pool.run(.seconds(300))
        let size = pool.size
        pool.mute = Set(1...20)
        let targets = (0..<480).map { _ in pool.tick().decision.target }
        #expect(Set(targets) == [size])
    }

    @Test("P2: the first reading after a gap may be wrong", arguments: Sizing.allCases)
    func firstReading(sizing: Sizing) {
        var pool = VirtualPool(replicas: 6, boot: .zero, by: sizing) { $0.shrinkAtOnce() }
        pool.running = 45
        pool.run(.seconds(300))
        pool.silent = Set(1...20)
        pool.run(.seconds(3600))
        (pool.silent, pool.running) = ([], 0)
        let first = pool.tick()
        #expect(first.decision.target == first.decision.current && first.cordoned == 0)
        #expect(sizing != .thresholds || pool.tick().cordoned > 0, "the second is believed")
    }

    @Test("P3: a source that flickers moves nothing", arguments: Sizing.allCases, [1, 5])
    func flicker(sizing: Sizing, ticks: Int) {
        var pool = VirtualPool(replicas: 4, by: sizing) { $0.shrinkAtOnce() }
        pool.running = 32
        pool.run(.seconds(600))
        let size = pool.size
        for round in 0..<240 {
            pool.mute = round / ticks % 2 == 0 ? Set(1...20) : []
            let target = pool.tick().decision.target ?? 0
            #expect(target == size || sizing == .learned && target > size, "round \(round)")
        }
    }

    @Test(
        "P4: a number that cannot be true is unknown", arguments: [-1, -1e9, .nan, .infinity, 1e300], Sizing.allCases)
    func impossible(running: Double, sizing: Sizing) {
        var pool = VirtualPool(replicas: 4, by: sizing) { $0.shrinkAtOnce() }
        pool.running = 32
        pool.run(.seconds(300))
        let size = pool.size
        pool.running = running
        let targets = (0..<240).map { _ in pool.tick().decision.target }
        #expect(Set(targets) == [size])
    }

    @Test("P6: what a deleted replica said last does not count", arguments: Sizing.allCases)
    func deleted(sizing: Sizing) {
        var pool = VirtualPool(replicas: 3, by: sizing)
        pool.running = 24
        pool.run(.seconds(300))
        pool.silent = [3]
        pool.run(.seconds(60))
        #expect(pool.log.last?.output.demand.missing == 1)
        pool.resizeFromOutside(to: 2)
        pool.running = 16
        #expect(pool.tick().demand.requests == 16)
    }

    @Test("P6: one spike asks for a step, not for a fleet", arguments: Sizing.allCases)
    func spike(sizing: Sizing) {
        var pool = VirtualPool(replicas: 3, by: sizing) { $0.scaleUp.step = StepLimit(replicas: 2, per: .seconds(60)) }
        pool.running = 24
        pool.run(.seconds(600))
        let size = pool.size
        pool.running = 900
        pool.tick()
        pool.running = 24
        pool.run(.seconds(300))
        #expect(pool.log.allSatisfy { $0.output.decision.target ?? 0 <= size + 2 })
    }

    @Test("P7: the minimum holds on every path, also without data and without load", arguments: Sizing.allCases)
    func minimum(sizing: Sizing) {
        var pool = VirtualPool(replicas: 1, by: sizing) {
            $0.minimum = 3
            $0.shrinkAtOnce()
        }
        pool.mute = Set(1...20)
        #expect(pool.tick().decision.target == 3)
        #expect(pool.size == 3)
        pool.mute = []
        for round in 0..<240 {
            pool.mute = round % 9 == 0 ? Set(1...20) : []
            pool.tick()
            #expect(pool.size >= 3)
        }
    }

    @Test("P8: no traffic is a state, and other than no data", arguments: Sizing.allCases)
    func noTraffic(sizing: Sizing) {
        var (idle, unknown) = (VirtualPool(replicas: 4, by: sizing), VirtualPool(replicas: 4, by: sizing))
        unknown.mute = Set(1...20)
        idle.run(.seconds(4 * 3600))
        unknown.run(.seconds(4 * 3600))
        #expect(idle.size < 4 && unknown.size == 4)
    }

    @Test("P9: one replica that fails to tell blocks nothing", arguments: Sizing.allCases)
    func partial(sizing: Sizing) {
        var pool = VirtualPool(replicas: 6, boot: .zero, by: sizing) {
            $0.shrinkAtOnce()
            $0.signals.actsOnForecast = false
        }
        pool.running = 48
        pool.run(.seconds(120))
        pool.silent = [1]
        pool.running = 80
        pool.run(.seconds(60))
        #expect(pool.size > 8, "it grows")
        (pool.running, pool.silent) = (0, [1])
        pool.run(.seconds(180))
        #expect(pool.size < 8 && pool.size > 1, "it shrinks, and not as if the silent one were idle")
    }

    @Test("P10: gauges that are absent are unknown, gauges at zero are zero", arguments: Sizing.allCases)
    func absent(sizing: Sizing) {
        var pool = VirtualPool(replicas: 4, boot: .zero, by: sizing) {
            $0.shrinkAtOnce()
            $0.signals.actsOnForecast = false
        }
        pool.mute = [1, 2]
        pool.run(.seconds(3600))
        #expect(pool.size == 3, "two that may be full, at a load of 80 %")
        pool.mute = []
        pool.run(.seconds(3 * 3600))
        #expect(pool.size == 1)
    }

    @Test(
        "P10: nor do KV caches or tokens that are not told any more, until an hour has passed",
        arguments: Sizing.allCases, [false, true])
    func untold(sizing: Sizing, isKVCache: Bool) {
        var pool = VirtualPool(replicas: 9, by: sizing) {
            $0.shrinkAtOnce()
            $0.signals.tokensPerSecond = 100
        }
        (pool.running, pool.kvCache, pool.tokensPerSecond) = (4, isKVCache ? 8 : nil, isKVCache ? 0 : 710)
        pool.run(.seconds(1200))
        #expect(pool.size == 9)
        (pool.kvCache, pool.tokensPerSecond) = (nil, nil)
        pool.run(.seconds(3600))
        #expect(pool.size == 9)
        pool.run(.seconds(3 * 3600))
        #expect(pool.size < 9)
    }

    @Test("P24: nor when the agent restarts, and knows no rates at first", arguments: Sizing.allCases)
    func rates(sizing: Sizing) {
        var pool = VirtualPool(replicas: 9, boot: .zero, by: sizing) {
            $0.shrinkAtOnce()
            $0.signals.tokensPerSecond = 100
        }
        (pool.running, pool.tokensPerSecond) = (4, 710)
        pool.run(.seconds(1200))
        pool.restart(memory: pool.controller.memory, learning: pool.controller.learning, losingReadings: true)
        pool.run(.seconds(300))
        #expect(pool.log.suffix(21).allSatisfy { $0.output.decision.target == 9 && $0.output.cordoned == 0 })
    }

    @Test("P11: what waits at the gateway wakes a pool of nobody", arguments: Sizing.allCases)
    func wake(sizing: Sizing) {
        var pool = ScriptedPool(by: sizing) {
            $0.minimum = 0
            $0.signals.actsOnForecast = false
        }
        pool.held = 0
        pool.run(.seconds(600))
        #expect(pool.actions.isEmpty)
        pool.held = 1
        #expect(pool.tick().action?.action == .grow(to: 1))
    }
}
