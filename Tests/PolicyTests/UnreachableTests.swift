import Fleet
import Policy
import Testing

@Suite struct UnreachableTests {
    @Test("an agent that has never reached the engines removes none")
    func unreachable() {
        var pool = ScriptedPool()
        for name in ["a", "b", "c"] { pool.set(name, .starting) }
        pool.fleet.desired = 3
        pool.run(.seconds(7200))
        #expect(pool.fleet.replicas.count == 3)
        #expect(pool.actions == [.grow(to: 4)])
    }

    @Test("nor those of several that it has never reached")
    func partlyUnreachable() {
        var pool = ScriptedPool()
        for name in ["a", "b", "c"] { pool.set(name, .answering, requests: 7) }
        for name in ["d"] { pool.set(name, .starting) }
        pool.fleet.desired = 4
        pool.run(.seconds(7200))
        #expect(pool.fleet.replicas.count == 4)
    }

    @Test("nor does a maximum below the fleet")
    func unreachableAboveMaximum() {
        var pool = ScriptedPool { $0.maximum = 2 }
        for name in ["a", "b"] { pool.set(name, .answering, requests: 7) }
        for name in ["c", "d"] { pool.set(name, .starting) }
        pool.run(.seconds(7200))
        #expect(pool.fleet.replicas.count == 4)
        #expect(pool.controller.memory.draining.isEmpty)
    }

    @Test("an engine that is reached long after its launch teaches nothing about boots")
    func lateFirstAnswer() {
        var pool = ScriptedPool()
        pool.set("a", .starting)
        pool.run(.seconds(60))
        pool.set("a", .answering, requests: 3)
        pool.tick()
        #expect(pool.controller.memory.boots.measured.isEmpty)
        #expect(pool.events.isEmpty)
    }

    @Test("a boot that times out between two slow ticks is reported once")
    func missedDeadline() {
        var pool = ScriptedPool()
        pool.set("a", .answering, requests: 3)
        pool.set("b", .starting, launched: .zero)
        for _ in 0..<60 {
            pool.tick()
            pool.now = pool.now + .seconds(30)
        }
        #expect(pool.events.filter { $0 == .bootTimedOut(ScriptedPool.id("b")) }.count == 1)
    }

    @Test("all health checks failing at once remove nobody")
    func allDead() {
        var pool = ScriptedPool()
        for name in ["a", "b", "c"] { pool.set(name, .dead("503")) }
        pool.fleet.desired = 3
        pool.run(.seconds(600))
        #expect(pool.fleet.replicas.count == 3)
    }
}
