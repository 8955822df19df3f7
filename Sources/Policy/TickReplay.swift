package import Fleet

/// Derives recorded ticks again, in their order, and tells where it comes to something else.
///
/// Each tick begins with the memory that was recorded with it, and teaches what was recorded, so one difference does not
/// make another.
package struct TickReplay: Sendable {
    private let pool: PoolID
    /// What the pool had learned before the next tick. The caller sees to it that it fits that tick's settings.
    package var learning: PoolLearning
    /// When the last tick was, and what is to be remembered after it.
    private var last: (at: Timestamp, memory: PoolMemory)?
    /// Ticks before which others are missing: what those taught is not known.
    package private(set) var gaps = 0
    private var learningDiffers = false

    package init(pool: PoolID, learning: PoolLearning) {
        self.pool = pool
        self.learning = learning
    }

    /// Goes on with a state that was kept after the last tick. Without gaps it is the one that is here.
    package mutating func meet(_ kept: PoolLearning) {
        learningDiffers = gaps == 0 && kept != learning
        learning = kept
    }

    /// - Returns: `nil` when what is derived is what was recorded, bit for bit.
    package mutating func derive(_ tick: StoredTick) -> TickDifference? {
        var controller = PoolController(
            pool: pool, settings: tick.settings, memory: tick.memoryBefore, learning: learning)
        controller.weighsRules = true
        let derived = controller.step(tick.input)
        var parts = tick.output.parts(unlike: derived)
        if let last, tick.memoryBefore.lastTick == last.at {
            if !tick.memoryBefore.follows(last.memory) { parts.append("memory") }
        } else if last != nil {
            gaps += 1
        }
        if learningDiffers { parts.append("learning") }
        learningDiffers = false
        last = (tick.input.now, controller.memory)
        if let work = tick.output.work { learning.replay(work, tick.settings, now: tick.input.now) }
        return parts.isEmpty
            ? nil : TickDifference(at: tick.input.now, parts: parts, recorded: tick.output, derived: derived)
    }
}

/// One tick that comes out in another way than it was recorded.
package struct TickDifference: Hashable, Sendable {
    package var at: Timestamp
    /// The members of `TickOutput` that differ; `memory` for what was remembered before the tick, `learning` for what was
    /// learned.
    package var parts: [String]
    package var recorded: TickOutput
    package var derived: TickOutput

    /// The first step that differs; `nil` when none does. Beyond the last one where one decision has more steps.
    package var firstStep: Int? {
        let (old, new) = (recorded.decision.steps, derived.decision.steps)
        return zip(old, new).enumerated().first { $1.0 != $1.1 }?.offset
            ?? (old.count == new.count ? nil : min(old.count, new.count))
    }
}

extension TickOutput {
    fileprivate func parts(unlike other: TickOutput) -> [String] {
        let all = [
            ("decision", decision == other.decision), ("supply", supply == other.supply),
            ("demand", demand == other.demand), ("work", work == other.work),
            ("forecast", forecast == other.forecast), ("choice", choice == other.choice),
            ("action", action == other.action), ("events", events == other.events),
            ("next_tick", nextTick == other.nextTick),
        ]
        return all.filter { !$0.1 }.map(\.0)
    }
}

extension PoolMemory {
    /// Whether this is what was remembered after the tick before. An action that came to nothing is forgotten in between.
    fileprivate func follows(_ earlier: PoolMemory) -> Bool {
        var earlier = earlier
        if pending == nil { earlier.pending = nil }
        return self == earlier
    }
}
