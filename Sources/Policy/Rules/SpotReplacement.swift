package import Fleet

/// As many replicas as there were when the cloud announced that it takes some away, until those are gone.
///
/// Speaks of those that leave before one that is ordered now would serve; they are cordoned and no longer counted. None
/// is replaced that would have been let go anyway: already draining, or one too many for a while.
struct SpotReplacement: Rule {
    let name = RuleName.spotReplacement
    let kind = RuleKind.need

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        let notices = tick.memory.notices.filter { $0.size > 0 }
        return notices.map(\.size).max().map { Proposal($0, .spotReplacement(notices.map(\.id))) }
    }
}

extension PoolMemory {
    /// That a replica is about to be taken away.
    package struct Notice: Hashable, Sendable, Codable {
        package var id: ReplicaID
        /// The count that is to be kept up in spite of it; 0 when it is not to be replaced.
        package var size: Int
    }

    /// Replicas that are taken away before one that is ordered now would serve.
    func leavingSoon(_ fleet: FleetState, _ settings: PolicySettings, now: Timestamp) -> Set<ReplicaID> {
        guard fleet.replicas.contains(where: { $0.leavesAt != nil }) else { return [] }
        let lead = settings.lead(boots.p90(expected: settings.boot.expected))
        return Set(fleet.replicas.filter { $0.leavesAt.map { $0 <= now + lead } ?? false }.map(\.id))
    }

    /// - Parameter leaving: of the replicas that the decision counted on, those that leave soon.
    mutating func noteNotices(_ leaving: [ReplicaID], supply: Supply) {
        let kept = notices.filter { supply.draining.contains($0.id) }
        let fresh = leaving.filter { id in !kept.contains { $0.id == id } }
        let isCalm = calmSince != nil
        notices = kept + fresh.map { Notice(id: $0, size: isCalm ? 0 : supply.current + fresh.count) }
    }
}
