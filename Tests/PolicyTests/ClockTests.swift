import Fleet
import Policy
import Testing

@Suite struct ClockTests {
    @Test("a clock that is set back stops neither growth nor a drain")
    func clockBack() {
        var pool = ScriptedPool {
            $0.scaleDown.after = .zero
            $0.scaleUp.step = StepLimit(replicas: 1, per: .seconds(60))
        }
        pool.fleet.desired = 2
        for name in ["a", "b"] { pool.set(name, .answering, requests: 3) }
        while pool.controller.memory.draining.isEmpty { pool.tick() }
        pool.now = pool.now - .seconds(86_400)
        pool.run(.seconds(330))
        #expect(pool.actions == [.remove([ScriptedPool.id("a")])])
        pool.set("b", .answering, requests: 30)
        pool.tick()
        pool.now = pool.now - .seconds(86_400)
        pool.run(.seconds(75))
        #expect(pool.actions.dropFirst() == [.grow(to: 2), .grow(to: 3)])
    }

    @Test("nor does it stretch a back-off")
    func clockBackBackOff() {
        var pool = ScriptedPool()
        pool.fleet.desired = 1
        pool.set("a", .answering, requests: 15)
        pool.refuse = { _ in .throttled(retryAfter: nil, message: "slow down") }
        pool.run(.seconds(120))
        pool.refuse = { _ in nil }
        pool.now = pool.now - .seconds(86_400)
        pool.tick()
        #expect(pool.fleet.desired == 2)
    }

    @Test("a sample from the future is no fresh reading")
    func clockBackSample() {
        var observer = PoolObserver()
        let now = Timestamp(millisecondsSince1970: 1_000_000_000)
        var row = ModelSample(model: "m")
        (row.running, row.waiting) = (0, 0)
        let sample = EngineSample(engine: "vllm", models: [row])
        let id = ScriptedPool.id("a")
        _ = observer.observe(
            [EngineReading(id: id, sample: sample, sampledAt: now, healthy: true)], enginesAreReplicas: true,
            maximumAge: .seconds(45), at: now)
        let back = now - .seconds(3600)
        let seen = observer.observe(
            [EngineReading(id: id, sample: sample, sampledAt: now, error: "timed out")], enginesAreReplicas: true,
            maximumAge: .seconds(45), at: back)
        #expect(seen.engines.first?.condition == .silent("timed out"))
        let fresh = observer.observe(
            [EngineReading(id: id, sample: sample, sampledAt: back, healthy: true)], enginesAreReplicas: true,
            maximumAge: .seconds(45), at: back)
        #expect(fresh.engines.first?.condition == .answering)
        #expect(fresh.engines.first?.answeringSince == back)
    }

    /// The first tick after a gap of five hours: the clock was set forward, or the machine slept.
    private func afterGap(_ pool: inout ScriptedPool) -> TickOutput {
        pool.now = pool.now + .seconds(5 * 3600)
        return pool.tick()
    }

    @Test("a gap counts neither for a boot")
    func gapInBoot() {
        var pool = ScriptedPool { $0.minimum = 2 }
        pool.fleet.desired = 2
        pool.set("a", .answering, requests: 3)
        pool.set("b", .starting, launched: .zero)
        pool.run(.seconds(600))
        #expect(afterGap(&pool).supply?.booting == [ScriptedPool.id("b")])
        pool.run(.seconds(585))
        #expect(pool.events.isEmpty && pool.actions.isEmpty)
        pool.run(.seconds(45))
        #expect(pool.controller.memory.booting.first.map { pool.now - $0.since } == .seconds(1245))
        #expect(pool.actions.first == .grow(to: 3))
    }

    @Test("nor for orders that are not delivered")
    func gapInDelivery() {
        var pool = ScriptedPool()
        pool.set("a", .answering, requests: 12)
        pool.fleet.desired = 2
        pool.run(.seconds(600))
        #expect(afterGap(&pool).supply?.undelivered == 1)
        pool.run(.seconds(1200))
        #expect(pool.tick().supply?.undelivered == 0)
    }

    @Test("nor for a drain")
    func gapInDrain() {
        var pool = ScriptedPool { $0.scaleDown.after = .zero }
        for name in ["a", "b"] { pool.set(name, .answering, requests: 3) }
        while pool.controller.memory.draining.isEmpty { pool.tick() }
        #expect(afterGap(&pool).action == nil)
        pool.run(.seconds(255))
        #expect(pool.actions.isEmpty)
        pool.run(.seconds(30))
        #expect(pool.actions == [.remove([ScriptedPool.id("a")])])
    }

    @Test("nor for an engine whose health check fails")
    func gapOfDead() {
        var pool = ScriptedPool()
        pool.set("a", .answering, requests: 3)
        pool.set("b", .answering, requests: 3)
        pool.tick()
        pool.set("b", .dead("503"))
        pool.tick()
        #expect(afterGap(&pool).events == [.died(ScriptedPool.id("b"))])
        pool.run(.seconds(30))
        #expect(pool.actions.isEmpty)
        pool.run(.seconds(30))
        #expect(pool.actions == [.remove([ScriptedPool.id("b")])])
    }

    @Test("nor for one that does not answer, which is lost after as long a silence as any other")
    func gapOfSilence() {
        var pool = ScriptedPool()
        for name in ["a", "b", "c"] { pool.set(name, .answering, requests: 7) }
        pool.tick()
        let last = pool.now
        func silence() { pool.set("c", .silent("timed out"), requests: 7, age: pool.now - last) }
        pool.now = pool.now + .seconds(5 * 3600)
        for _ in 0...20 {
            silence()
            #expect(pool.tick().supply?.lost == [])
        }
        silence()
        #expect(pool.tick().supply?.lost == [ScriptedPool.id("c")])
        // Known as lost, it stays so.
        pool.now = pool.now + .seconds(5 * 3600)
        silence()
        #expect(pool.tick().supply?.lost == [ScriptedPool.id("c")])
    }

    @Test("slow ticks of a short interval still shrink")
    func slowTicks() {
        var pool = VirtualPool(replicas: 4) { $0.interval = .seconds(2) }
        for _ in 0..<200 {
            pool.tick()
            pool.now = pool.now + .seconds(18)
        }
        #expect(pool.size < 4)
    }
}
