/// What shadow fleets advise after an interval, and why.
package struct ShadowChoice: Hashable, Sendable, Codable {
    /// Replicas, ready and booting, that there should be.
    package var desired: Int
    /// The candidate that is followed, and what its fleet has done.
    package var followed: ShadowStanding
    /// The same rule with the next lower signal: cheaper, and why not. `nil` where there is none.
    package var below: ShadowStanding?
    /// The same rule with the next higher signal: safer, and at what price.
    package var above: ShadowStanding?
    /// Share of the work in time that a candidate must have shown, by objective, evidence and what the pool has missed.
    package var required: Double
    /// Share of the pool's own work that was in time lately; `nil` before any came.
    package var share: Double?
    /// Whether there is too little evidence for a choice, so that a reactive candidate is followed.
    package var isLearning: Bool
}

/// What a candidate's fleet would have done on the traffic that came, lately and at all times of day.
package struct ShadowStanding: Hashable, Sendable, Codable {
    package var candidate: ShadowCandidate
    /// Share of the work in time.
    package var share: Double
    /// Replicas on average, with the price of its actions.
    package var meanReplicas: Double
}

extension ShadowChoice: CustomStringConvertible {
    /// Such as "P95.0, shrinking after 60.0 s (0.9931 in time); P90.0 would have had 0.984, P97.0 costs 4 % more".
    package var description: String {
        func cost(_ other: ShadowStanding) -> String {
            let change = ((other.meanReplicas / followed.meanReplicas - 1) * 1000).rounded() / 10
            return change < 0 ? "costs \(-change) % less" : "costs \(change) % more"
        }
        func share(_ standing: ShadowStanding) -> Double { (standing.share * 10_000).rounded() / 10_000 }
        var text = "\(followed.candidate): \(share(followed)) in time"
        for other in [below, above].compactMap({ $0 }) {
            text += "; \(other.candidate.signal): \(share(other)), \(cost(other))"
        }
        return text
    }
}
