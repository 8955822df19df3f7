import Fleet
import Policy
import Testing

@Suite struct LimitTests {
    @Test("a dead engine makes room where there is none", arguments: [1, 3])
    func noRoom(slots: Int) {
        var pool = ScriptedPool {
            $0.minimum = slots; $0.maximum = slots
        }
        pool.fleet.maximum = slots
        pool.set("a", .dead("503"))
        for slot in 1..<slots { pool.set("b\(slot)", .answering, requests: 1) }
        pool.refuse = { if case .grow(let size, _) = $0, size > slots { .rejected(message: "") } else { nil } }
        pool.run(.seconds(150))
        #expect(pool.actions.contains(.remove([ScriptedPool.id("a")])))
        #expect(pool.actions.last == .grow(to: slots))
    }

    @Test("maximum bounds what is paid for")
    func maximum() {
        var pool = ScriptedPool { $0.maximum = 3 }
        pool.fleet.desired = 3
        pool.set("a", .answering, requests: 30)
        pool.set("b", .answering, requests: 30)
        pool.set("c", .sleeping)
        pool.run(.seconds(300))
        #expect(pool.actions.isEmpty)
    }

    /// No further than to where half of them would be unknown.
    @Test(
        "a fleet above its maximum comes down to it while most engines tell their load",
        arguments: [
            ([EngineCondition.mute], 3), ([.sleeping], 4), ([.silent("timed out"), .mute], 4),
            ([.mute, .mute, .mute], 6), ([.mute, .mute, .mute, .mute], 8),
        ])
    func aboveMaximum(unknown: [EngineCondition], left: Int) {
        var pool = ScriptedPool { $0.maximum = 3 }
        for (index, condition) in unknown.enumerated() { pool.set("a\(index)", condition) }
        let known = (0..<(unknown.count < 3 ? 5 : 4)).map { "b\($0)" }
        for (index, name) in known.enumerated() { pool.set(name, .answering, requests: index == 2 ? 0 : 9) }
        pool.run(.seconds(45))
        #expect(pool.actions.isEmpty)
        pool.run(.seconds(3600))
        #expect(pool.fleet.replicas.count == left)
        let taken = pool.actions.flatMap { action -> [ReplicaID] in
            if case .remove(let ids, _) = action { ids } else { [] }
        }
        #expect(taken.allSatisfy { $0.rawValue.hasPrefix("b") }, "one whose load is unknown: \(taken)")
        #expect(taken.isEmpty || taken.first == ScriptedPool.id("b2"), "the idle one first: \(taken)")
    }

    @Test("a cordoned replica comes back although the group is at its maximum")
    func uncordonAtMaximum() {
        var pool = ScriptedPool { $0.scaleDown.after = .zero }
        pool.fleet.maximum = 3
        for name in ["a", "b", "c"] { pool.set(name, .answering, requests: 3) }
        while pool.controller.memory.draining.isEmpty { pool.tick() }
        for name in ["a", "b", "c"] { pool.set(name, .answering, requests: 8) }
        let output = pool.tick()
        #expect(output.decision.target == 3)
        #expect(pool.controller.memory.draining.isEmpty)
    }

    @Test("orders that are not delivered are not made up for with working replicas")
    func undeliveredAboveMaximum() {
        var pool = ScriptedPool { $0.maximum = 4 }
        for name in ["a", "b", "c"] { pool.set(name, .answering, requests: 7) }
        pool.fleet.desired = 6
        pool.run(.seconds(900))
        #expect(pool.controller.memory.draining.isEmpty)
        #expect(pool.fleet.replicas.count == 3)
    }

    @Test("what refuses to grow still removes")
    func removesWhileGrowthIsRefused() {
        var pool = ScriptedPool()
        pool.fleet.desired = 2
        pool.set("a", .answering, requests: 30)
        pool.set("b", .dead("503"))
        pool.refuse = {
            if case .grow = $0 { .noCapacity(market: .onDemand, zone: nil, message: "") } else { nil }
        }
        pool.run(.seconds(600))
        #expect(pool.actions.contains(.remove([ScriptedPool.id("b")])))
    }

    @Test("what serves nobody is replaced in a group that may not become smaller", arguments: [1, 3])
    func replaces(slots: Int) {
        var pool = ScriptedPool { ($0.minimum, $0.maximum) = (1, slots) }
        (pool.fleet.desired, pool.fleet.minimum, pool.fleet.maximum) = (slots, slots, slots)
        pool.set("a", .dead("503"))
        for slot in 1..<slots { pool.set("b\(slot)", .answering, requests: 1) }
        pool.run(.seconds(150))
        #expect(pool.actions == [.replace([ScriptedPool.id("a")])])
        #expect(pool.fleet.desired == slots)
        #expect(pool.tick().supply?.undelivered == 1)
    }

    @Test("a drained replica is not replaced, and stays where the group may not become smaller")
    func keepsDrained() {
        var pool = ScriptedPool { $0.scaleDown.after = .zero }
        for name in ["a", "b"] { pool.set(name, .answering, requests: 0) }
        while pool.controller.memory.draining.isEmpty { pool.tick() }
        pool.fleet.minimum = 2
        pool.run(.seconds(600))
        #expect(pool.actions.isEmpty)
    }

    @Test("orders that are not delivered within the boot deadline are given back, as far as they are not wanted")
    func givesBack() {
        var pool = ScriptedPool()
        for name in ["a", "b"] { pool.set(name, .answering, requests: 9) }
        pool.fleet.replicas.append(Replica(id: ScriptedPool.id("c"), state: .failed("exit status 1")))
        pool.fleet.replicas.append(Replica(id: ScriptedPool.id("d"), state: .terminating))
        pool.fleet.desired = 9
        pool.run(.seconds(1200))
        #expect(pool.actions.isEmpty, "they may still come")
        pool.run(.seconds(30))
        // Three are wanted, two are there; the broken one takes up a place.
        #expect(pool.actions == [.withdraw(to: 4)])
        pool.run(.seconds(3600))
        #expect(pool.actions.count == 1 && pool.fleet.desired == 4, "those that are wanted stay ordered")
        for name in ["a", "b"] { pool.set(name, .answering, requests: 1) }
        pool.run(.seconds(30))
        #expect(pool.actions.last == .withdraw(to: 3), "and no fewer than are there")
    }

    @Test("giving back is no growth: a group without capacity holds it back no longer")
    func givesBackWithoutCapacity() {
        var pool = ScriptedPool()
        pool.set("a", .answering, requests: 1)
        pool.fleet.desired = 3
        pool.run(.seconds(1200))
        pool.set("a", .answering, requests: 45)
        pool.refuse = { $0.isGrowth ? .noCapacity(market: .onDemand, zone: nil, message: "") : nil }
        while pool.controller.memory.backOff.map({ $0.failures < 4 }) ?? true { pool.tick() }
        pool.set("a", .answering, requests: 1)
        #expect(pool.fleet.desired == 3, "what is only put off is still wanted")
        pool.tick()
        #expect(pool.actions.last == .withdraw(to: 1))
    }

    @Test("a removal that is refused does not hold back growth")
    func growsWhileRemovalIsRefused() {
        var pool = ScriptedPool()
        pool.fleet.desired = 2
        pool.set("a", .answering, requests: 1)
        pool.set("b", .dead("503"))
        pool.refuse = { if case .remove = $0 { .unauthorized(message: "") } else { nil } }
        while pool.controller.memory.removalBackOff == nil { pool.tick() }
        pool.set("a", .answering, requests: 30)
        #expect(pool.tick().action?.action == .grow(to: 5))
    }

    @Test("an order whose answer got lost in a restart still counts")
    func lostAnswer() {
        var pool = VirtualPool(replicas: 2) { $0.scaleUp.step = StepLimit(replicas: 2, per: .seconds(300)) }
        let start = pool.now
        pool.running = 64
        pool.tick()
        pool.loseOutcome()
        pool.run(.seconds(240))
        #expect(pool.actions(since: start).map(\.action) == [.grow(to: 4)])
    }

    @Test("a removal of our own is nobody else's")
    func ownRemoval() {
        var pool = VirtualPool(replicas: 4) { $0.scaleDown.loadBelow = 0.3 }
        pool.running = 8
        pool.run(.seconds(2400))
        #expect(pool.size < 4)
        let resized = pool.log.flatMap(\.output.events).filter {
            if case .resizedFromOutside = $0 { true } else { false }
        }
        #expect(resized.isEmpty)
    }
}
