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
    /// Such as "P95, shrinks after 1 boot: 0.9948 in time; P90: 0.9867, costs 7 % less; P97: 0.9962, costs 9.8 % more".
    package var description: String {
        var text = "\(followed.candidate): \(share(followed)) in time"
        for other in [below, above].compactMap({ $0 }) {
            let change = ((other.meanReplicas / followed.meanReplicas - 1) * 1000).rounded() / 10
            text += "; \(other.candidate.signal): \(share(other))"
            if change.isFinite { text += ", costs \(change.magnitude) % " + (change < 0 ? "less" : "more") }
        }
        return text
    }

    private func share(_ standing: ShadowStanding) -> Double { (standing.share * 10_000).rounded() / 10_000 }
}
