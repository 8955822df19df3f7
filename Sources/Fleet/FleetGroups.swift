/// What is configured of one of a pool's groups.
package struct GroupSettings: Hashable, Sendable {
    package var id: GroupID
    /// Of all its replicas; `nil` where the driver says of each.
    package var market: Market?
    /// Of the replicas whose driver does not say.
    package var zone: String?
    /// Likewise.
    package var usdPerHour: Double?
    /// So many of the pool's replicas come here first, and leave last.
    package var base = 0
    /// `nil`: as many as the pool and the control plane allow.
    package var maximum: Int?

    package init(id: GroupID) { self.id = id }
}

/// One group of a pool as it was last described.
package struct GroupState: Hashable, Sendable, Codable {
    /// `nil` for the only one.
    package var id: GroupID?
    /// The price of a replica that is ordered here; `nil` when unknown.
    package var usdPerHour: Double?
    package var desired: Int?
    /// So many replicas are ordered here first, and leave last.
    package var base: Int
    /// The control plane's own lower bound.
    package var minimum: Int?
    /// The configured upper bound or the control plane's own, whichever is lower.
    package var maximum: Int?
    /// Why nothing is ordered here now: its control plane does not answer, or has no capacity.
    package var trouble: DriverError?

    package init(
        id: GroupID?, usdPerHour: Double? = nil, desired: Int? = nil, base: Int = 0, minimum: Int? = nil,
        maximum: Int? = nil, trouble: DriverError? = nil
    ) {
        self.id = id
        self.usdPerHour = usdPerHour
        self.desired = desired
        self.base = base
        self.minimum = minimum
        self.maximum = maximum
        self.trouble = trouble
    }

    /// Whether it was described this time; otherwise all of it is what was last known.
    package var answers: Bool {
        if case .noCapacity = trouble { true } else { trouble == nil }
    }
}

/// What came of describing one group.
package struct GroupReading: Sendable {
    package var settings: GroupSettings
    /// The latest description that there is, of this time or an earlier one.
    package var latest: FleetState?
    /// Why there is none of this time.
    package var error: DriverError?

    package init(settings: GroupSettings, latest: FleetState?, error: DriverError? = nil) {
        (self.settings, self.latest, self.error) = (settings, latest, error)
    }
}

extension FleetState {
    /// Several groups as one fleet.
    ///
    /// The replicas of a group that does not answer are unknown and not gone: they stay as they were last described,
    /// and their engines still tell how they are.
    ///
    /// - Throws: the error of a group when none answers, or when that one was never described: as many replicas as it
    ///   may have would be ordered a second time. One that its control plane does not know has none.
    package init(merging readings: [GroupReading]) throws(DriverError) {
        if let error = readings.first?.error, readings.allSatisfy({ $0.error != nil }) { throw error }
        var groups: [GroupState] = []
        var replicas: [Replica] = []
        for reading in readings {
            let (settings, latest) = (reading.settings, reading.latest)
            if latest == nil, let error = reading.error {
                guard case .rejected = error else { throw error }
            }
            groups.append(
                GroupState(
                    id: settings.id, usdPerHour: settings.usdPerHour, desired: latest?.desired,
                    base: settings.base, minimum: latest?.minimum,
                    maximum: [settings.maximum, latest?.maximum].compactMap { $0 }.min(),
                    trouble: reading.error ?? latest?.shortage))
            for var replica in latest?.replicas ?? [] {
                replica.group = settings.id
                replica.market = settings.market ?? replica.market
                replica.zone = replica.zone ?? settings.zone
                replica.usdPerHour = replica.usdPerHour ?? settings.usdPerHour
                replicas.append(replica)
            }
        }
        func sum(_ values: [Int]) -> Int? { values.isEmpty ? nil : values.reduce(0, +) }
        let maxima = groups.compactMap(\.maximum)
        self.init(
            observedAt: readings.compactMap(\.latest?.observedAt).max() ?? Timestamp(millisecondsSince1970: 0),
            desired: sum(groups.compactMap(\.desired)), minimum: sum(groups.compactMap(\.minimum)),
            maximum: maxima.count == groups.count ? sum(maxima) : nil, groups: groups, replicas: replicas)
    }

    /// What an accepted action makes of this state, for as long as nobody describes the group anew.
    package mutating func note(accepted action: ScalingAction) {
        switch action {
        case .grow(let size, _): desired = desired.map { max($0, size) }
        case .withdraw(let size, _): desired = desired.map { min($0, size) }
        case .remove(let ids, _), .replace(let ids, _):
            for index in replicas.indices where ids.contains(replicas[index].id) {
                if case .remove = action, replicas[index].state != .terminating { desired = desired.map { $0 - 1 } }
                replicas[index].state = .terminating
            }
        }
    }

    /// The groups of the pool, or the one that it is.
    package var everyGroup: [GroupState] {
        groups ?? [GroupState(id: nil, desired: desired, minimum: minimum, maximum: maximum)]
    }

    /// What one group's own control plane said, out of a merged state; `nil` when it is not in there.
    package func part(_ id: GroupID) -> FleetState? {
        guard let group = groups?.first(where: { $0.id == id }) else { return nil }
        return FleetState(observedAt: observedAt, desired: group.desired, replicas: replicas.filter { $0.group == id })
    }
}
