import Fleet
import Policy
import Testing

/// What operators of other autoscalers complain about, as scenarios: flapping, wrong targets, and work that is killed.
@Suite struct ShrinkComplaints {
    @Test("P23: a load that wavers by 5 % moves nothing", arguments: [7.9, 8, 8.2, 8.4, 16.9], BootComplaints.young)
    func wavers(requests: Double, sizing: Sizing) {
        var pool = VirtualPool(replicas: 2, by: sizing) { $0.tolerance = 0.1 }
        for halfHour in 0..<5 {
            pool.running = requests * (halfHour % 2 == 0 ? 1.05 : 0.95)
            pool.run(.seconds(1800))
        }
        #expect(pool.actions(since: pool.now - .seconds(5400)).isEmpty)
    }

    @Test("P24: a restart shrinks nothing, whatever was lost", arguments: Sizing.allCases, [false, true])
    func restart(sizing: Sizing, keepsLearning: Bool) {
        var pool = VirtualPool(replicas: 7, boot: .zero, by: sizing) { $0.shrinkAtOnce() }
        pool.running = 56
        pool.run(.seconds(600))
        let size = pool.size
        let fresh = pool.controller.learning.map { _ in PoolLearning(pool.controller.settings) }
        pool.restart(
            memory: PoolMemory(), learning: keepsLearning ? pool.controller.learning : fresh, losingReadings: true)
        pool.running = 0
        for _ in 0..<4 { #expect(pool.tick().decision.target ?? 0 >= size) }
    }

    @Test("P24: what was learned and got lost is learned again before anybody leaves", arguments: [0, 420])
    func relearns(bootSeconds: Int) {
        var pool = VirtualPool(replicas: 7, boot: .seconds(bootSeconds), by: .learned) { $0.shrinkAtOnce() }
        pool.running = 56
        pool.run(.seconds(600))
        let size = pool.size
        pool.restart(
            memory: pool.controller.memory, learning: PoolLearning(pool.controller.settings), losingReadings: false)
        pool.running = 0
        pool.run(.seconds(3 * 3600 - 15))
        #expect(pool.size == size && pool.log.suffix(719).allSatisfy { $0.output.cordoned == 0 })
        pool.run(.seconds(3600))
        #expect(pool.size < size)
    }

    @Test("P26: what binds is named", arguments: BootComplaints.young)
    func binding(sizing: Sizing) {
        var pool = VirtualPool(replicas: 3, by: sizing)
        (pool.running, pool.kvCache) = (5, 2.9)
        #expect(pool.tick().decision.binding?.rule == .kvCache)
        (pool.running, pool.kvCache) = (60, 1)
        pool.run(.seconds(45))
        #expect(pool.log.last?.output.decision.binding?.rule == (sizing == .thresholds ? .observedDemand : .objective))
    }

    @Test("P27: an empty queue is no idle pool", arguments: Sizing.allCases)
    func busy(sizing: Sizing) {
        var pool = VirtualPool(replicas: 4, by: sizing) { $0.shrinkAtOnce() }
        (pool.running, pool.waiting) = (32, 0)
        pool.run(.seconds(2 * 3600))
        #expect(pool.size >= 4 && pool.log.allSatisfy { $0.output.cordoned == 0 || pool.size >= 4 })
    }

    @Test("P28: what is not needed any more is gone two boots and two minutes later")
    func slow() {
        var pool = VirtualPool(replicas: 8, boot: .seconds(60), by: .objective) { $0.boot.expected = .seconds(300) }
        pool.running = 64
        pool.run(.seconds(600))
        pool.running = 0
        pool.run(.seconds(780))
        #expect(pool.size == 1)
    }

    /// Of three replicas one may leave; `b` is the least busy.
    private func draining(_ sizing: Sizing) -> ScriptedPool {
        var pool = ScriptedPool(by: sizing) { $0.shrinkAtOnce() }
        for (name, requests) in [("a", 7.0), ("b", 1), ("c", 6)] { pool.set(name, .answering, requests: requests) }
        while pool.controller.memory.draining.isEmpty, pool.now.millisecondsSince1970 < 1_767_226_600_000 {
            pool.tick()
        }
        return pool
    }

    @Test("P29: the least busy leaves, and has until the deadline for what it serves", arguments: BootComplaints.young)
    func longRequest(sizing: Sizing) {
        var pool = draining(sizing)
        #expect(pool.controller.memory.draining.map(\.id) == [ScriptedPool.id("b")])
        pool.run(.seconds(285))
        #expect(pool.actions.isEmpty)
        pool.run(.seconds(30))
        #expect(pool.actions == [.remove([ScriptedPool.id("b")])])
        pool.tick()
        #expect(pool.events.contains { if case .drained(_, took: _, cutRequests: 1) = $0 { true } else { false } })
    }

    @Test("P30: a stream ends before its replica does", arguments: BootComplaints.young)
    func stream(sizing: Sizing) {
        var pool = draining(sizing)
        pool.run(.seconds(120))
        #expect(pool.actions.isEmpty)
        pool.set("b", .answering, requests: 0)
        pool.tick()
        #expect(pool.actions == [.remove([ScriptedPool.id("b")])])
        pool.tick()
        #expect(pool.events.contains { if case .drained(_, took: _, cutRequests: 0) = $0 { true } else { false } })
    }

    @Test("P31: a victim that is needed again stays", arguments: BootComplaints.young)
    func neededAgain(sizing: Sizing) {
        var pool = draining(sizing)
        for name in ["a", "b", "c"] { pool.set(name, .answering, requests: 8) }
        pool.run(.seconds(900))
        #expect(pool.controller.memory.draining.isEmpty && pool.actions.isEmpty)
        #expect(pool.events.contains(.uncordoned(ScriptedPool.id("b"))))
    }

    @Test("P32: nothing goes to zero under traffic, nor through a new configuration", arguments: Sizing.allCases)
    func update(sizing: Sizing) {
        var pool = VirtualPool(replicas: 2, by: sizing) {
            $0.minimum = 0
            $0.shrinkAtOnce()
        }
        pool.running = 0.5
        pool.run(.seconds(3600))
        pool.controller.settings.capacity = nil
        pool.run(.seconds(3600))
        pool.controller = sizing.controller(pool.controller.settings)
        pool.run(.seconds(3 * 3600))
        #expect(pool.log.allSatisfy { $0.output.decision.target ?? 0 >= 1 } && pool.size >= 1)
    }

    @Test("P33: the group's minimum is looked at before anybody drains", arguments: BootComplaints.young)
    func groupMinimum(sizing: Sizing) {
        var pool = ScriptedPool(by: sizing) { $0.shrinkAtOnce() }
        (pool.fleet.desired, pool.fleet.minimum) = (3, 3)
        for name in ["a", "b", "c"] { pool.set(name, .answering, requests: 0) }
        pool.run(.seconds(3600))
        #expect(pool.events.isEmpty && pool.actions.isEmpty)
    }

    @Test("P33: one victim at a time where steps are configured, and never all", arguments: BootComplaints.young)
    func oneAtATime(sizing: Sizing) {
        var pool = VirtualPool(replicas: 6, by: sizing) {
            $0.shrinkAtOnce()
            $0.scaleDown.step = StepLimit(replicas: 1, per: .seconds(300))
        }
        pool.run(.seconds(3600))
        let moments = pool.log.filter { $0.output.cordoned > 0 }.map(\.at)
        #expect(pool.log.allSatisfy { $0.output.cordoned <= 1 } && pool.size == 1)
        #expect(zip(moments, moments.dropFirst()).allSatisfy { $1 - $0 >= .seconds(300) })
    }

    @Test("P33: a dry run decides and touches nothing", arguments: Sizing.allCases)
    func dryRun(sizing: Sizing) {
        var pool = VirtualPool(replicas: 3, by: sizing) { $0.shrinkAtOnce() }
        pool.authority = .advise("dry run")
        pool.run(.seconds(1800))
        #expect(sizing == .learned || pool.log.last?.output.decision.target ?? 3 < 3)
        pool.running = 90
        pool.tick()
        #expect(pool.log.allSatisfy { $0.output.action == nil && $0.output.events.isEmpty } && pool.size == 3)
    }
}
