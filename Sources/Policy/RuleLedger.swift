package import Fleet

/// Which rules settled the size of a pool, for how long, and what each of them added to it or denied.
package struct RuleLedger: Hashable, Sendable {
    package struct Entry: Hashable, Sendable {
        /// How long it was the rule that settled the count.
        package var boundSeconds = 0.0
        /// Replicas that would not have been wanted without it, times seconds.
        package var added = Amount()
        /// Replicas that would have been wanted without it, times seconds.
        package var denied = Amount()
    }

    package struct Amount: Hashable, Sendable {
        package var replicaSeconds = 0.0
        /// At the mean price of the replicas that were there; nothing while it was not known.
        package var usd = 0.0
    }

    package private(set) var entries: [RuleName: Entry] = [:]
    /// All the time that decisions held.
    package private(set) var seconds = 0.0

    package init() {}

    package subscript(rule: RuleName) -> Entry { entries[rule] ?? Entry() }

    /// Adds a decision that held until the next one.
    ///
    /// - Parameters:
    ///   - nextTick: when the next one was due. What came much later was not watched over: four intervals count.
    ///   - next: when it came.
    ///   - price: dollars of a replica in an hour; `nil` when unknown.
    package mutating func add(
        _ decision: Decision, at now: Timestamp, nextTick: Timestamp, next: Timestamp, usdPerHour price: Double?
    ) {
        let held = max(0, min((next - now).seconds, (nextTick - now).seconds * 4))
        guard let target = decision.target, held > 0 else { return }
        seconds += held
        if let binding = decision.binding { entries[binding.rule, default: Entry()].boundSeconds += held }
        for step in decision.steps {
            guard let without = step.without, without != target else { continue }
            let seconds = Double(abs(target - without)) * held
            let amount = target > without ? \Entry.added : \Entry.denied
            entries[step.rule, default: Entry()][keyPath: amount].replicaSeconds += seconds
            entries[step.rule, default: Entry()][keyPath: amount].usd += seconds / 3600 * (price ?? 0)
        }
    }
}

extension FleetState {
    /// What a replica costs in the mean; `configured` where the control plane does not say. `nil` when nobody does.
    package func usdPerReplicaHour(else configured: Double?) -> Double? {
        guard let prices = pricesPerHour(else: configured), !prices.isEmpty else { return configured }
        return prices.reduce(0, +) / Double(prices.count)
    }
}
