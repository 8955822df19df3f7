package import Fleet

/// What a controller keeps of one group between ticks.
package struct GroupMemory: Hashable, Sendable, Codable {
    /// `nil` for the only one.
    package var id: GroupID?
    /// Since when it is smaller than the size it works towards, with nothing to show for the difference.
    package var undeliveredSince: Timestamp?
    /// Holds back growth; and removals too, unless it was growth itself that was refused.
    package var backOff: PoolMemory.BackOff?
    /// Holds back removals, after one was refused.
    package var removalBackOff: PoolMemory.BackOff?

    package init(id: GroupID?) { self.id = id }

    /// Whether what it owes is not to be waited for.
    ///
    /// With others to order from it is so a moment after its launches began to fail: the newest failure may be from
    /// before the order.
    func isLate(_ group: GroupState, _ settings: PolicySettings, now: Timestamp) -> Bool {
        guard let undeliveredSince else { return false }
        let isShort = if case .noCapacity = group.trouble { id != nil } else { false }
        return now - undeliveredSince > settings.boot.deadline
            || isShort && now - undeliveredSince >= settings.stableWindow
    }

    /// Whether its control plane is to be left alone with growth, or with anything else.
    func holdsBack(isGrowth: Bool, now: Timestamp) -> Bool {
        if let backOff, now < backOff.until, isGrowth || !backOff.error.isRefusal { return true }
        return !isGrowth && removalBackOff.map { now < $0.until } ?? false
    }
}

extension PoolMemory {
    /// That of the only group is what the pool itself remembers.
    package subscript(group id: GroupID?) -> GroupMemory {
        get {
            if let id { return groups.first { $0.id == id } ?? GroupMemory(id: id) }
            var only = GroupMemory(id: nil)
            (only.undeliveredSince, only.backOff, only.removalBackOff) = (undeliveredSince, backOff, removalBackOff)
            return only
        }
        set {
            if id == nil {
                (undeliveredSince, backOff) = (newValue.undeliveredSince, newValue.backOff)
                removalBackOff = newValue.removalBackOff
            } else if let index = groups.firstIndex(where: { $0.id == id }) {
                groups[index] = newValue
            } else {
                groups.append(newValue)
            }
        }
    }

    /// Whether the control plane is to be left alone with this action. What the pool itself remembers, such as crashes,
    /// holds for every group.
    func holdsBack(_ action: ScalingAction, now: Timestamp) -> Bool {
        [nil, action.group].contains { self[group: $0].holdsBack(isGrowth: action.isGrowth, now: now) }
    }

    /// Takes note of what each group owes, and forgets groups that are no more.
    ///
    /// - Returns: replicas that are on their way as far as anybody can tell.
    mutating func noteUndelivered(in fleet: FleetState, _ settings: PolicySettings, now: Timestamp) -> Int {
        groups.removeAll { old in fleet.groups?.contains { $0.id == old.id } != true }
        var credited = 0
        for group in fleet.everyGroup {
            let owed = fleet.undelivered(in: group)
            var remembered = self[group: group.id]
            let since = owed == 0 ? nil : remembered.undeliveredSince ?? now
            if since != remembered.undeliveredSince {
                remembered.undeliveredSince = since
                self[group: group.id] = remembered
            }
            if !remembered.isLate(group, settings, now: now) { credited += owed }
        }
        return credited
    }
}

extension FleetState {
    /// `nil` as well where nobody knows such a replica.
    func launchedAt(_ id: ReplicaID) -> Timestamp? { replicas.place(of: id).flatMap { replicas[$0].launchedAt } }

    /// Replicas that the group works towards and does not list.
    func undelivered(in group: GroupState) -> Int { max(0, (group.desired ?? 0) - listed(in: group)) }

    /// Replicas that the group counts in its size.
    func listed(in group: GroupState) -> Int {
        replicas.indices.count { replicas[$0].isListed && replicas[$0].group == group.id }
    }
}
