/// One row of a comparison.
package struct SweepRow: Hashable, Sendable {
    package var policy: String
    /// `nil` for the hindsight optimum, which has none.
    package var setting: Double?
    package var report: FleetReport
}

extension FleetSimulator {
    package static let hindsightName = "hindsight"

    /// Plays the traffic once for each policy, at its standard setting or at every one: the hindsight optimum first,
    /// then the policies in their order, settings ascending.
    package func sweep(_ candidates: [PolicyCandidate] = PolicyCandidate.references, tunes: Bool = false) -> [SweepRow]
    {
        [SweepRow(policy: Self.hindsightName, setting: nil, report: runHindsight())]
            + candidates.flatMap { rows(of: $0, tunes: tunes) }
    }

    /// Plays the traffic for one policy at its standard setting, or at every one, ascending.
    package func rows(of candidate: PolicyCandidate, tunes: Bool = false) -> [SweepRow] {
        (tunes ? candidate.settings : [candidate.standard]).map { setting in
            SweepRow(policy: candidate.name, setting: setting, report: run(candidate.make(setting, self)))
        }
    }
}

extension [SweepRow] {
    /// The row of a policy that costs the fewest replica-hours while a share of the work is in time; `nil` when no
    /// setting of it reaches that share. The lower setting wins a tie.
    package func cheapest(_ policy: String, shareInTime share: Double) -> SweepRow? {
        filter { $0.policy == policy && ($0.report.shareInTime ?? 1) >= share }
            .min { $0.report.replicaHours < $1.report.replicaHours }
    }
}
