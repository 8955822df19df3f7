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
        var rows = [SweepRow(policy: Self.hindsightName, setting: nil, report: runHindsight())]
        for candidate in candidates {
            for setting in tunes ? candidate.settings : [candidate.standard] {
                let report = run(candidate.make(setting, self))
                rows.append(SweepRow(policy: candidate.name, setting: setting, report: report))
            }
        }
        return rows
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
