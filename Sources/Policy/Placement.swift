import Fleet

/// Which group gets the next order.
///
/// First each group up to its base, then each up to its maximum, both in fail-over order. A group is passed over while
/// its control plane does not answer or has no capacity, for a while after it refused, and while what was ordered there
/// does not come. Nothing moves from one group to another: the preferred one comes first again with the next growth.
struct Placement {
    struct Order: Equatable {
        var group: GroupState
        /// Replicas that it adds.
        var growth: Int
        /// What the group is then to work towards.
        var size: Int
    }

    /// One group as orders see it.
    struct Place {
        var group: GroupState
        /// Replicas that the group counts in its size.
        var listed: Int
        /// Those of them that are not broken: these take up room.
        var present: Int
        /// Ordered there, and on their way as far as anybody can tell.
        var credited: Int
        /// Why nothing is ordered there now.
        var closed: String?
        /// Why what was ordered does not come, unless the group is backed off from for it.
        var newShortage: DriverError?

        var room: Int {
            guard closed == nil else { return 0 }
            return group.maximum.map { max(0, $0 - present - credited) } ?? 1_000_000
        }
    }

    let places: [Place]

    init(fleet: FleetState, memory: PoolMemory, settings: PolicySettings, now: Timestamp) {
        places = fleet.everyGroup.map { group in
            let remembered = memory[group: group.id]
            let (owed, isLate) = (fleet.undelivered(in: group), remembered.isLate(group, settings, now: now))
            var place = Place(
                group: group, listed: fleet.listed(in: group),
                present: fleet.replicas.count { $0.group == group.id && $0.takesUpRoom }, credited: isLate ? 0 : owed)
            if isLate, case .noCapacity = group.trouble, let since = remembered.undeliveredSince,
                remembered.backOff.map({ $0.until <= since }) ?? true
            {
                place.newShortage = group.trouble
            }
            // With one group alone there is nothing to pass it over for.
            guard let id = group.id else { return place }
            if let trouble = group.trouble {
                place.closed = "\(id): \(trouble)"
            } else if let backOff = remembered.backOff, now < backOff.until {
                place.closed = "\(id) waits until \(backOff.until) after: \(backOff.error)"
            } else if isLate {
                place.closed = "\(id) owes \(owed) replicas"
            }
            return place
        }
    }

    /// Replicas that can be ordered now, in all groups together.
    var room: Int { places.reduce(0) { min($0 + $1.room, 1_000_000) } }

    /// Groups whose launches have just been found to fail, once for each order.
    var newlyShort: [(GroupID, DriverError)] {
        places.compactMap { place in place.newShortage.flatMap { error in place.group.id.map { ($0, error) } } }
    }

    /// Why groups are passed over, in their order.
    var closed: [String] { places.compactMap(\.closed) }

    /// The first order towards `count` more replicas; what it leaves over is for the next one. `nil` without room.
    func order(_ count: Int) -> Order? {
        func order(_ limit: (Place) -> Int) -> Order? {
            for place in places {
                let growth = min(count, place.room, limit(place))
                guard growth > 0 else { continue }
                return Order(group: place.group, growth: growth, size: place.present + place.credited + growth)
            }
            return nil
        }
        return order { $0.group.base - $0.present - $0.credited } ?? order { _ in count }
    }
}

extension TickContext {
    var placement: Placement { Placement(fleet: fleet, memory: memory, settings: settings, now: now) }
}

extension Replica {
    fileprivate var takesUpRoom: Bool {
        switch state {
        case .booting, .ready: true
        case .terminating, .stopped, .failed: false
        }
    }
}
