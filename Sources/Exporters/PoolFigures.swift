import Fleet
import Policy

/// What several exporters derive from a pool's snapshot. Whatever rests on something unknown is `nil`.
extension PoolSnapshot {
    /// Requests that one replica serves at once, configured or learned.
    var capacity: Double? { settings.capacity ?? memory.learnedCapacity }

    /// Demand as a share of what the present replicas can serve, those on their way included, as the rules see it;
    /// infinite for demand on nothing.
    var load: Double? {
        guard let capacity, capacity > 0, let requests = output?.demand.requests,
            let current = output?.decision.current
        else { return nil }
        if requests == 0 { return 0 }
        return current > 0 ? requests / (capacity * Double(current)) : .infinity
    }

    /// Serving replicas above what the present demand needs at the load that growth aims at; negative when short.
    var headroom: Double? {
        guard let capacity, capacity > 0, let requests = output?.demand.requests, let supply = output?.supply
        else { return nil }
        return Double(supply.serving.count) - requests / (capacity * settings.scaleUp.loadAbove)
    }

    /// The age of the oldest reading that the latest decision counted.
    var oldestReading: Duration? {
        (input?.observation.engines ?? []).filter(\.condition.countsInDemand).compactMap(\.age).max()
    }

    /// The largest share of KV cache in use on any engine that answers.
    var kvCacheUsage: Double? { answering.compactMap(\.kvCacheUsage).max() }

    /// The sum over the engines that answer; `nil` when none of them says.
    func rate(_ signal: (EngineObservation) -> Double?) -> Double? {
        let values = answering.compactMap(signal)
        return values.isEmpty ? nil : values.reduce(0, +)
    }

    private var answering: some Sequence<EngineObservation> {
        (input?.observation.engines ?? []).lazy.filter { $0.condition == .answering }
    }

    /// What all replicas that the control plane runs cost; `nil` when the price of any of them is unknown.
    var usdPerHour: Double? {
        guard let fleet = input?.fleet else { return nil }
        var sum = 0.0
        for replica in fleet.replicas where replica.state != .stopped {
            guard let price = replica.usdPerHour else { return nil }
            sum += price
        }
        return sum
    }

    /// Whether the pool rests at zero; `nil` while the fleet is unknown.
    var isAtZero: Bool? {
        guard let output, output.supply != nil else { return nil }
        return output.decision.steps.contains { $0.reason == .atZero }
    }

    /// The cold start that decisions reckon with.
    var bootP90: Duration { memory.boots.p90(expected: settings.boot.expected) }

    /// Until the first of the replicas on their way should serve; zero when it is overdue, `nil` when none is.
    var bootETA: Duration? {
        guard let input, let supply = output?.supply else { return nil }
        return supply.booting.map { max(.zero, launched($0, input) + bootP90 - input.now) }.min()
    }

    private func launched(_ id: ReplicaID, _ input: TickInput) -> Timestamp {
        input.fleet?.replicas.first { $0.id == id }?.launchedAt ?? memory.booting.since(id) ?? input.now
    }
}

extension Supply {
    /// The places of replicas, by the names that metrics, JSON and the page use, with the number in each.
    var counts: [(state: String, count: Int)] {
        [
            ("serving", serving.count), ("booting", booting.count), ("undelivered", undelivered),
            ("draining", draining.count), ("stuck", stuck.count), ("dead", dead.count), ("lost", lost.count),
            ("sleeping", sleeping.count), ("failed", failed.count),
        ]
    }

    /// The place of every listed replica, by the same names.
    var places: [(state: String, ids: [ReplicaID])] {
        [
            ("serving", serving), ("booting", booting), ("draining", draining), ("stuck", stuck), ("dead", dead),
            ("lost", lost), ("sleeping", sleeping), ("failed", failed),
        ]
    }
}

extension EngineCondition {
    /// Whether the engine's last reading is part of the demand.
    fileprivate var countsInDemand: Bool {
        switch self {
        case .answering, .leftoverGauges, .silent, .mute: true
        case .starting, .sleeping, .dead: false
        }
    }

    /// What the engine's answers lack, in words; `nil` when there is nothing to add to the name.
    var detail: String? {
        switch self {
        case .silent(let why), .dead(let why): why
        case .starting, .answering, .leftoverGauges, .mute, .sleeping: nil
        }
    }
}

extension DriverError {
    /// The classes of errors, by `kind`.
    static let kinds = [
        "throttled", "unauthorized", "no_capacity", "rejected", "unreachable", "outcome_unknown",
    ]
}

extension Authority {
    /// By `name`.
    static let names = ["act", "advise", "paused", "not_leader"]
}
