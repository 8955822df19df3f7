import Fleet
import Policy
import Testing

/// What operators of other autoscalers complain about, as scenarios: booting replicas, overshoot, stuck boots.
@Suite struct BootComplaints {
    static let young = [Sizing.thresholds, .objective]

    @Test("P12: a boot of half an hour orders once", arguments: young, [0, 420, 1800])
    func longBoot(sizing: Sizing, bootSeconds: Int) {
        var pool = VirtualPool(replicas: 2, boot: .seconds(bootSeconds), by: sizing) {
            $0.boot.deadline = .seconds(3600)
        }
        pool.run(.seconds(120))
        let start = pool.now
        pool.running = 64
        pool.run(.seconds(bootSeconds + 1200))
        #expect(pool.actions(since: start).map(\.action) == [.grow(to: 8)])
    }

    @Test("P13: orders that are not delivered are not ordered again", arguments: young)
    func pending(sizing: Sizing) {
        var pool = ScriptedPool(by: sizing)
        pool.fleet.desired = 2
        for name in ["a", "b"] { pool.set(name, .answering, requests: 30) }
        pool.run(.seconds(900))
        #expect(pool.actions == [.grow(to: 8)])
    }

    @Test("P14: a queue is answered once, whatever it does while the answer boots", arguments: young)
    func queueDuringBoot(sizing: Sizing) {
        var pool = VirtualPool(replicas: 2, boot: .seconds(300), by: sizing)
        (pool.running, pool.waiting) = (20, 40)
        pool.run(.seconds(240))
        pool.waiting = 0
        pool.run(.seconds(3600))
        let orders = pool.actions(since: pool.log[0].at).filter { $0.action.isGrowth }
        #expect(orders.count == 1)
    }

    @Test("P15: a boot is counted on while it is in time, and no longer", arguments: young)
    func overdue(sizing: Sizing) {
        var pool = VirtualPool(replicas: 2, boot: .seconds(300), by: sizing)
        pool.running = 24
        pool.stuck = [3]
        let start = pool.now
        pool.run(.seconds(1300))
        #expect(pool.actions(since: start).map(\.action) == [.grow(to: 3), .grow(to: 4), .remove([VirtualPool.id(3)])])
        #expect(pool.actions(since: start).dropFirst().first?.seconds == 1230)
    }

    @Test("P15: replicas that break as they start are no demand", arguments: young)
    func crashLoop(sizing: Sizing) {
        var pool = ScriptedPool(by: sizing)
        pool.set("a", .answering, requests: 16)
        for round in 0..<60 {
            let output = pool.tick()
            #expect(output.decision.target ?? 0 <= 2)
            guard output.action?.action.isGrowth == true else { continue }
            let broken = ScriptedPool.id("b\(round)")
            pool.fleet.replicas.append(Replica(id: broken, state: .failed("exit status 1"), launchedAt: pool.now))
        }
        #expect(pool.actions.count <= 8)
    }

    @Test("P15: a pool of which no replica is ready still grows", arguments: Sizing.allCases)
    func noneReady(sizing: Sizing) {
        var pool = ScriptedPool(by: sizing)
        for name in ["a", "b"] { pool.set(name, .starting, launched: .zero) }
        for round in 1...10 {
            pool.held = 40 * Double(round)
            pool.tick()
        }
        #expect(pool.actions.contains { $0.isGrowth })
    }

    @Test("P16: fresh replicas look idle, and neither they nor others leave for it", arguments: Sizing.allCases)
    func freshIdle(sizing: Sizing) {
        var pool = ScriptedPool(by: sizing) {
            $0.maximum = 4
            $0.shrinkAtOnce()
        }
        for name in ["a", "b"] { pool.set(name, .answering, requests: 16) }
        for name in ["c", "d"] { pool.set(name, .answering, requests: 0, launched: .seconds(60)) }
        pool.run(.seconds(3600))
        #expect(pool.actions.isEmpty && pool.events.allSatisfy { if case .cordoned = $0 { false } else { true } })
    }

    @Test("P16: never beyond the maximum", arguments: Sizing.allCases)
    func maximum(sizing: Sizing) {
        var pool = VirtualPool(replicas: 2, by: sizing) { $0.maximum = 3 }
        (pool.running, pool.waiting) = (900, 900)
        pool.run(.seconds(1800))
        #expect(pool.size == 3)
    }

    @Test("P17: a boot that hangs freezes nothing for longer than its deadline", arguments: Sizing.allCases)
    func stuckBoot(sizing: Sizing) {
        var pool = VirtualPool(replicas: 5, by: sizing) {
            $0.shrinkAtOnce()
            $0.signals.actsOnForecast = false
        }
        pool.running = 48
        pool.stuck = Set(6...20)
        pool.run(.seconds(120))
        #expect(pool.size > 5)
        pool.running = 0
        pool.run(.seconds(3 * 3600))
        #expect(pool.size == 1)
        #expect(pool.ready == 1)
    }

    @Test("P18: a budget counts what does not help, and says when it cannot count", arguments: Sizing.allCases)
    func budget(sizing: Sizing) {
        func run(_ price: Double?) -> VirtualPool {
            var pool = VirtualPool(replicas: 2, by: sizing) { $0.budget = PolicySettings.Budget(usdPerHour: 16) }
            (pool.running, pool.usdPerHour, pool.sleeping) = (100, price, [1])
            pool.run(.seconds(600))
            return pool
        }
        #expect(run(4).size == 4)
        let unknown = run(nil)
        #expect(unknown.size > 4)
        #expect(unknown.log.allSatisfy { $0.output.decision.steps.contains { $0.reason == .priceUnknown } })
    }

    @Test("P19: replicas that have just come up teach no capacity", arguments: Sizing.allCases)
    func warmUp(sizing: Sizing) {
        var pool = VirtualPool(replicas: 1, by: sizing) { $0.capacity = nil }
        (pool.running, pool.waiting) = (3, 8)
        pool.run(.seconds(45))
        (pool.running, pool.waiting) = (2, 0)
        pool.run(.seconds(1800))
        #expect(pool.controller.memory.learnedCapacity == nil)
    }

    @Test("P20: a size that somebody else has set is seen, and not fought over", arguments: young)
    func manual(sizing: Sizing) {
        var pool = VirtualPool(replicas: 3, by: sizing)
        pool.running = 24
        pool.run(.seconds(300))
        pool.resizeFromOutside(to: 1)
        pool.tick()
        #expect(pool.size == 3)
        pool.run(.seconds(300))
        let start = pool.now
        pool.resizeFromOutside(to: 8)
        pool.run(.seconds(2 * 3600))
        #expect(pool.size == (sizing == .thresholds ? 3 : 4), "an objective keeps what a tenth more load would need")
        #expect(pool.actions(since: start).allSatisfy { !$0.action.isGrowth })
    }

    @Test("P20: nor does a calm that ends after it bring back what was needed before", arguments: young)
    func manualInCalm(sizing: Sizing) {
        var pool = VirtualPool(replicas: 10, by: sizing)
        pool.running = 60
        pool.run(.seconds(120))
        pool.resizeFromOutside(to: 5)
        pool.running = 10
        let start = pool.now
        pool.run(.seconds(3600))
        #expect(pool.actions(since: start).allSatisfy { !$0.action.isGrowth })
    }

    @Test("P21: replicas that boot do not lower the mean", arguments: young)
    func boots(sizing: Sizing) {
        var pool = VirtualPool(replicas: 2, boot: .seconds(900), by: sizing) { $0.shrinkAtOnce() }
        (pool.running, pool.kvCache) = (4, 1.9)
        for _ in 0..<60 {
            let step = pool.tick().decision.steps.first { $0.rule == .kvCache }
            #expect(step?.to == 3)
        }
        #expect(pool.size == 3)
    }

    @Test("P22: one that died is replaced by one, and removed", arguments: young)
    func oneForOne(sizing: Sizing) {
        var pool = ScriptedPool(by: sizing)
        pool.fleet.desired = 5
        for name in ["a", "b", "c", "d"] { pool.set(name, .answering, requests: 10) }
        pool.set("e", .dead("503"))
        pool.run(.seconds(900))
        #expect(pool.actions == [.grow(to: 6), .remove([ScriptedPool.id("e")])])
    }
}
