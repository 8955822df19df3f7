import Fleet
import Policy

/// By what a pool is sized.
enum Sizing: CaseIterable, Sendable {
    case thresholds
    /// An objective, and nothing learned yet.
    case objective
    /// An objective, after a day of waves (`wave`).
    case learned

    func controller(_ settings: PolicySettings) -> PoolController {
        var settings = settings
        var learning: PoolLearning?
        if self != .thresholds {
            settings.objective = WaitObjective()
            learning = self == .learned ? Self.experienced : PoolLearning(settings)
            _ = learning?.adopt(settings)
        }
        return PoolController(pool: PoolID(rawValue: "p"), settings: settings, learning: learning)
    }

    /// What a day of waves teaches a pool with an objective.
    private static let experienced: PoolLearning = {
        var settings = PolicySettings()
        settings.objective = WaitObjective()
        var learning = PoolLearning(settings)
        let start = VirtualPool(replicas: 0).now
        for slot in -5760..<0 {
            let work = PoolWork(
                arrivals: wave(slot), backlog: 0, capacity: 10, ready: 6, booting: 0, boot: .seconds(420))
            learning.replay(work, settings, now: start + .seconds(15 * slot))
        }
        return learning
    }()
}

extension PolicySettings {
    /// Nothing but safety keeps a replica: no dwell, no cooldown, and boots take no time.
    mutating func shrinkAtOnce() {
        (scaleDown.after, scaleDown.cooldown, boot.expected) = (.zero, .zero, .zero)
    }
}
