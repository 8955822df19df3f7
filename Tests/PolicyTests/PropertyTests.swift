import Fleet
import Policy
import TestSupport
import Testing

@Suite struct PropertyTests {
    /// A world with everything that can go wrong, from a seed.
    struct World {
        var pool: VirtualPool
        var random: SeededGenerator

        init(seed: UInt64) {
            var random = SeededGenerator(seed: seed)
            let minimum = Int.random(in: 1...3, using: &random)
            pool = VirtualPool(
                replicas: Int.random(in: 0...8, using: &random),
                boot: .seconds(Int.random(in: 0...1800, using: &random))
            ) {
                ($0.minimum, $0.maximum) = (minimum, minimum + Int.random(in: 0...12, using: &random))
                $0.capacity = Bool.random(using: &random) ? 10 : nil
                $0.tolerance = [0, 0.1].randomElement(using: &random) ?? 0
                $0.scaleDown.loadBelow = [nil, 0.2, 0.5].randomElement(using: &random) ?? nil
                $0.scaleDown.after = [nil, .zero, .seconds(120)].randomElement(using: &random) ?? nil
                $0.scaleDown.cooldown = .seconds(Int.random(in: 0...300, using: &random))
                $0.requestsPerReplicaInQueue = Bool.random(using: &random) ? 5 : nil
                $0.headroom = [.replicas(0), .replicas(1), .ratio(0.2)].randomElement(using: &random) ?? .replicas(0)
            }
            self.random = random
        }

        /// Before the next tick: load moves, engines come and go, the control plane fails, the controller restarts.
        mutating func disturb() {
            func maybe(_ oneIn: Int) -> Bool { Int.random(in: 0..<oneIn, using: &random) == 0 }
            if maybe(6) { pool.running = Double.random(in: 0...100, using: &random) }
            if maybe(10) { pool.waiting = Double.random(in: 0...20, using: &random) }
            if maybe(20) { (pool.running, pool.waiting) = (0, 0) }
            if maybe(10) { pool.kvCache = Bool.random(using: &random) ? pool.running / 10 : nil }
            if maybe(10) { pool.tokensPerSecond = Double.random(in: 0...600, using: &random) }
            if maybe(12) { pool.silent = Set(pool.replicas.map(\.number).filter { _ in Bool.random(using: &random) }) }
            if maybe(8) { pool.silent = [] }
            pool.controlPlaneDown = maybe(15)
            pool.refuses = maybe(10) ? .throttled(retryAfter: nil, message: "") : nil
            if maybe(40) { pool.now = pool.now + .seconds(Int.random(in: 0...3600, using: &random)) }
            if maybe(50) {
                let memory = Bool.random(using: &random) ? pool.controller.memory : PoolMemory()
                pool.controller = PoolController(
                    pool: PoolID(rawValue: "p"), settings: pool.controller.settings, memory: memory,
                    learning: pool.controller.learning)
            }
        }
    }

    @Test("over random worlds the invariants hold", arguments: 0..<60)
    func invariants(seed: Int) {
        var world = World(seed: UInt64(seed))
        let settings = world.pool.controller.settings
        for step in 0..<400 {
            world.disturb()
            let (sizeBefore, memory) = (world.pool.size, world.pool.controller.memory)
            let at = world.pool.now
            let output = world.pool.tick()
            let comment: Comment = "seed \(seed), step \(step)"

            guard let current = output.decision.current, let target = output.decision.target else {
                #expect(output.action == nil && world.pool.size == sizeBefore, comment)
                continue
            }
            // Bounds: the target is inside, or on its way there.
            #expect(target >= settings.minimum, comment)
            #expect(target <= max(settings.maximum, current), comment)
            // Unknown never shrinks.
            if output.demand.engines == 0 { #expect(target >= min(current, settings.maximum), comment) }
            if memory.wasBlind { #expect(output.events.allSatisfy { !isCordon($0) }, comment) }
            // No growth inside its own cooldown, unless the minimum asks for it.
            if case .grow = output.action?.action, let last = memory.lastScaleUp, target > settings.minimum {
                #expect(at - last >= (settings.scaleUp.cooldown ?? .seconds(30)) || memory.pending != nil, comment)
            }
            // Victims are named, known and at most one a tick (boots past their deadline and dead ones aside).
            #expect(output.events.count(where: isCordon) <= 1, comment)
            for case .cordoned(let id) in output.events {
                #expect(world.pool.silent.allSatisfy { VirtualPool.id($0) != id }, comment)
            }
            // Every replica is in exactly one place.
            if let supply = output.supply {
                let placed =
                    supply.serving + supply.booting + supply.draining + supply.stuck + supply.dead + supply.lost
                    + supply.sleeping + supply.failed
                #expect(Set(placed).count == placed.count && placed.count == sizeBefore, comment)
            }
        }
    }

    private func isCordon(_ event: PoolEvent) -> Bool {
        if case .cordoned = event { true } else { false }
    }

    @Test("more demand never means fewer replicas", arguments: 0..<30)
    func monotone(seed: Int) {
        var world = World(seed: UInt64(seed))
        // A learned capacity grows with the load, and rightly asks for fewer.
        world.pool.controller.settings.capacity = 10
        for _ in 0..<60 {
            world.disturb()
            world.pool.controlPlaneDown = false
            var lighter = world.pool
            var heavier = world.pool
            heavier.running += 7
            let (low, high) = (lighter.tick().decision.target, heavier.tick().decision.target)
            #expect((low ?? 0) <= (high ?? 0), "seed \(seed)")
            world.pool.tick()
        }
    }

    @Test("constant load settles: no more changes after the first ones", arguments: [0, 60, 300, 900, 1800])
    func noLimitCycle(bootSeconds: Int) {
        for requests in stride(from: 0.0, through: 95, by: 4.7) {
            var pool = VirtualPool(replicas: 3, boot: .seconds(bootSeconds)) {
                $0.boot.deadline = .seconds(3600)
                $0.scaleDown.after = .seconds(60)
                $0.scaleDown.cooldown = .zero
            }
            pool.running = requests
            pool.run(.seconds(2 * bootSeconds + 3600))
            let settled = pool.now
            pool.run(.seconds(7200))
            #expect(pool.actions(since: settled).isEmpty, "\(requests) requests, boot \(bootSeconds) s")
        }
    }

    @Test("equal input gives equal output, also through a copy", arguments: 0..<10)
    func deterministic(seed: Int) {
        var a = World(seed: UInt64(seed))
        var b = World(seed: UInt64(seed))
        for _ in 0..<100 {
            a.disturb()
            b.disturb()
            #expect(a.pool.tick() == b.pool.tick())
        }
        #expect(a.pool.controller.memory == b.pool.controller.memory)
    }

    @Test("a rule cannot do more than its kind may", arguments: RuleKind.allCases)
    func kinds(kind: RuleKind) {
        for target in 0...6 {
            for proposed in -2...8 {
                for current in 0...6 {
                    let bounded = kind.bound(proposed, target: target, current: current)
                    switch kind {
                    case .need, .floor: #expect(bounded >= target)
                    case .hold: #expect(bounded >= target && bounded <= max(target, current))
                    case .limit: #expect(bounded <= target && bounded >= 0)
                    }
                }
            }
        }
    }

    @Test("rules come in the order of their kinds")
    func order() {
        let rank: [RuleKind: Int] = [.need: 0, .hold: 1, .limit: 2, .floor: 3]
        let ranks = PoolController.rules.compactMap { rank[$0.kind] }
        #expect(ranks == ranks.sorted())
        #expect(Set(PoolController.rules.map(\.name)).count == PoolController.rules.count)
    }
}
