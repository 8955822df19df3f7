import Fleet
import Foundation
import Policy
import TestSupport

/// A pool in a world with everything that can go wrong, from a seed.
struct World {
    var pool: VirtualPool
    /// The last order to grow that was accepted, and the last victim, as far as what was done since leaves them known.
    private(set) var grown: Timestamp?
    private(set) var shrunk: Timestamp?
    /// When a controller began without memory, or after a time in which nobody watched.
    private(set) var began: Timestamp
    private var random: SeededGenerator

    init(seed: UInt64, by sizing: Sizing = .thresholds) {
        var random = SeededGenerator(seed: seed)
        let minimum = Int.random(in: 1...3, using: &random)
        pool = VirtualPool(
            replicas: Int.random(in: 0...8, using: &random), boot: .seconds(Int.random(in: 0...1800, using: &random)),
            by: sizing
        ) {
            ($0.minimum, $0.maximum) = (minimum, minimum + Int.random(in: 0...12, using: &random))
            $0.capacity = Bool.random(using: &random) ? 10 : nil
            $0.tolerance = [0, 0.1].randomElement(using: &random) ?? 0
            $0.scaleDown.loadBelow = [nil, 0.2, 0.5].randomElement(using: &random) ?? nil
            $0.scaleDown.after = [nil, .zero, .seconds(120)].randomElement(using: &random) ?? nil
            $0.scaleDown.cooldown = .seconds(Int.random(in: 0...300, using: &random))
            $0.scaleUp.cooldown = [nil, .seconds(90)].randomElement(using: &random) ?? nil
            $0.requestsPerReplicaInQueue = Bool.random(using: &random) ? 5 : nil
            $0.headroom = [.replicas(0), .replicas(1), .ratio(0.2)].randomElement(using: &random) ?? .replicas(0)
        }
        began = pool.now
        self.random = random
    }

    private mutating func maybe(_ oneIn: Int) -> Bool { Int.random(in: 0..<oneIn, using: &random) == 0 }

    private mutating func some() -> Set<Int> {
        Set(pool.replicas.map(\.number).filter { _ in Bool.random(using: &random) })
    }

    /// Before the next tick: load moves, engines come and go, the control plane fails, boots hang, the clock jumps, the
    /// controller restarts.
    mutating func disturb() {
        if maybe(6) { pool.running = Double.random(in: 0...100, using: &random) }
        if maybe(10) { pool.waiting = Double.random(in: 0...20, using: &random) }
        if maybe(20) { (pool.running, pool.waiting) = (0, 0) }
        if maybe(10) { pool.kvCache = Bool.random(using: &random) ? pool.running / 10 : nil }
        if maybe(10) { pool.tokensPerSecond = Double.random(in: 0...600, using: &random) }
        if maybe(12) { pool.silent = some() }
        if maybe(25) { pool.mute = some() }
        if maybe(25) { pool.sleeping = some() }
        if maybe(8) { (pool.silent, pool.mute, pool.sleeping) = ([], [], []) }
        if maybe(60) { pool.stuck = Set(pool.replicas.suffix(1).map(\.number)) }
        pool.controlPlaneDown = maybe(15)
        let errors: [DriverError] = [
            .throttled(retryAfter: nil, message: ""), .noCapacity(market: .onDemand, zone: nil, message: ""),
            .outcomeUnknown(message: ""),
        ]
        pool.refuses = maybe(10) ? errors.randomElement(using: &random) : nil
        if maybe(40) { moveClock(by: .seconds(Int.random(in: -3600...3600, using: &random))) }
        if maybe(50) { restart() }
    }

    private mutating func moveClock(by jump: Duration) {
        pool.now = pool.now + jump
        (grown, shrunk) = (nil, nil)
        if jump < .zero || jump > .seconds(60) { began = pool.now }
    }

    private mutating func restart() {
        let (memory, learning) = (pool.controller.memory, pool.controller.learning)
        let keepsMemory = Bool.random(using: &random)
        var learned = learning
        if maybe(4) {
            learned = learning.flatMap(stored)
        } else if maybe(3) {
            learned = learning.map { _ in PoolLearning(pool.controller.settings) }
        }
        pool.restart(
            memory: keepsMemory ? memory : PoolMemory(), learning: learned,
            losingReadings: Bool.random(using: &random))
        if !keepsMemory { (grown, shrunk, began) = (nil, nil, pool.now) }
    }

    mutating func tick() -> TickOutput {
        let (at, refuses) = (pool.now, pool.refuses)
        let output = pool.tick()
        if case .grow = output.action?.action, refuses == nil { grown = at }
        if output.cordoned > 0 || output.isCancelling { shrunk = at }
        return output
    }
}

/// What storage makes of it; `nil` if it cannot be read again.
func stored<Value: Codable>(_ value: Value) -> Value? {
    try? JSONDecoder().decode(Value.self, from: JSONEncoder().encode(value))
}

extension TickOutput {
    /// Victims chosen in this tick.
    var cordoned: Int { events.count { if case .cordoned = $0 { true } else { false } } }

    /// Whether it takes back what boots.
    var isCancelling: Bool {
        guard case .remove(let ids, _) = action?.action else { return false }
        return ids.contains { supply?.booting.contains($0) == true }
    }

    func has(_ rule: RuleName) -> Bool { decision.steps.contains { $0.rule == rule } }
}
