import Fleet
import Policy
import Testing

@Suite struct GrowthTests {
    @Test(
        "grows to the size that puts the load at the threshold",
        arguments: [
            (requests: 16.0, size: 2), (requests: 16.1, size: 3), (requests: 24, size: 3), (requests: 80, size: 10),
        ])
    func growsToThreshold(requests: Double, size: Int) {
        var pool = VirtualPool(replicas: 2)
        pool.running = requests
        pool.tick()
        #expect(pool.size == size)
    }

    @Test("a load within the tolerance changes nothing, one beyond it does")
    func tolerance() {
        var pool = VirtualPool(replicas: 2) { $0.tolerance = 0.1 }
        pool.running = 17.6
        #expect(pool.tick().action == nil)
        pool.running = 17.7
        #expect(pool.tick().action?.action == .grow(to: 3))
    }

    @Test("boots in flight are credited: a load step orders once", arguments: [0, 60, 420, 1140])
    func noOvershoot(bootSeconds: Int) {
        var pool = VirtualPool(replicas: 2, boot: .seconds(bootSeconds))
        pool.run(.seconds(120))
        let start = pool.now
        pool.running = 64
        pool.run(.seconds(bootSeconds + 600))
        #expect(pool.actions(since: start).map(\.action) == [.grow(to: 8)])
    }

    @Test("a queue asks for a replica per so many, and not again while the ordered ones boot and settle")
    func queue() {
        var pool = VirtualPool(replicas: 2, boot: .seconds(120)) {
            $0.requestsPerReplicaInQueue = 5
            $0.capacity = nil
        }
        pool.run(.seconds(90))
        let start = pool.now
        pool.waiting = 12
        // It lasts through the boots and most of the settling time that follows.
        pool.run(.seconds(165))
        #expect(pool.actions(since: start).map(\.action) == [.grow(to: 5)])
    }

    @Test("at most so many per window")
    func stepUp() {
        var pool = VirtualPool(replicas: 2) {
            $0.scaleUp.step = StepLimit(replicas: 2, per: .seconds(60))
            $0.scaleUp.cooldown = .zero
        }
        let start = pool.now
        pool.running = 64
        pool.run(.seconds(300))
        let actions = pool.actions(since: start)
        #expect(actions.map(\.seconds) == [0, 60, 120])
        #expect(actions.map(\.action) == [.grow(to: 4), .grow(to: 6), .grow(to: 8)])
    }

    @Test("waits out the cooldown between two orders")
    func cooldown() {
        var pool = VirtualPool(replicas: 1) { $0.scaleUp.cooldown = .seconds(45) }
        let start = pool.now
        for _ in 0..<5 {
            pool.running += 8
            pool.tick()
        }
        #expect(pool.actions(since: start).map(\.seconds) == [15, 60])
    }

    @Test("headroom in replicas and as a share of the demand")
    func headroom() {
        var spare = VirtualPool(replicas: 2) { $0.headroom = .replicas(1) }
        spare.running = 16
        spare.tick()
        #expect(spare.size == 3)
        var share = VirtualPool(replicas: 2) { $0.headroom = .ratio(0.5) }
        share.running = 16
        share.tick()
        #expect(share.size == 3)
    }

    @Test("the maximum caps, the minimum lifts even without any data")
    func bounds() {
        var capped = VirtualPool(replicas: 2) { $0.maximum = 4 }
        capped.running = 1000
        capped.tick()
        #expect(capped.size == 4)
        var lifted = VirtualPool(replicas: 0) { $0.minimum = 3 }
        lifted.tick()
        #expect(lifted.size == 3)
    }

    @Test("capacity is learned from settled replicas with a queue")
    func learnsCapacity() {
        var pool = VirtualPool(replicas: 2) { $0.capacity = nil }
        pool.running = 32
        pool.run(.seconds(75))
        #expect(pool.controller.memory.learnedCapacity == nil)
        #expect(pool.log.last?.output.decision.steps.first?.reason == .capacityUnknown)
        pool.waiting = 2
        pool.run(.seconds(60))
        #expect(pool.controller.memory.learnedCapacity == nil)
        pool.tick()
        #expect(pool.controller.memory.learnedCapacity == 16)
    }

    @Test("a capacity that queues disprove comes down by half at most, and one that is exceeded goes up at once")
    func unlearnsCapacity() {
        var pool = VirtualPool(replicas: 2) {
            $0.capacity = nil
            ($0.minimum, $0.maximum) = (2, 2)
        }
        func learned(_ running: Double, for span: Duration) -> Double? {
            (pool.running, pool.waiting) = (running, 4)
            pool.run(span)
            return pool.controller.memory.learnedCapacity
        }
        #expect(learned(32, for: .seconds(150)) == 16)
        let slower = learned(22, for: .seconds(600)) ?? 0
        #expect(slower > 12 && slower < 13.5)
        #expect(learned(2, for: .seconds(3600)) == 8)
        #expect(learned(30, for: .seconds(15)) == 15)
    }

    @Test("a request that waits for the next engine step teaches no capacity")
    func capacityFromOneReading() {
        var pool = VirtualPool(replicas: 2) { $0.capacity = nil }
        pool.running = 4
        pool.run(.seconds(75))
        pool.waiting = 1
        pool.tick()
        pool.waiting = 0
        pool.run(.seconds(60))
        #expect(pool.size == 2)
    }

    @Test("a refusal backs off, growing, and a success ends it")
    func backOff() {
        var pool = VirtualPool(replicas: 1)
        pool.running = 24
        pool.refuses = .throttled(retryAfter: nil, message: "slow down")
        let start = pool.now
        pool.run(.seconds(240))
        #expect(pool.actions(since: start).map(\.seconds) == [0, 30, 75, 150])
        pool.refuses = nil
        pool.run(.seconds(300))
        #expect(pool.size == 3)
        #expect(pool.controller.memory.backOff == nil)
    }

    @Test("orders that the control plane has taken and not delivered are not repeated")
    func undelivered() {
        var controller = PoolController(
            pool: PoolID(rawValue: "p"), settings: VirtualPool(replicas: 0).controller.settings)
        let now = Timestamp(millisecondsSince1970: 0)
        let output = controller.step(
            TickInput(
                now: now, observation: PoolObservation(at: now, engines: []),
                fleet: FleetState(observedAt: now, desired: 3, replicas: [])))
        #expect(output.supply?.undelivered == 3)
        #expect(output.decision.target == 3)
        #expect(output.action == nil)
    }
}
