/// One copy of the model server as the control plane knows it.
package struct Replica: Hashable, Sendable, Codable {
    package var id: ReplicaID
    package var state: ReplicaState
    /// When it was ordered or launched; `nil` when the control plane does not say.
    package var launchedAt: Timestamp?
    package var market: Market
    /// `nil` when unknown; an unknown price never blocks a decision.
    package var usdPerHour: Double?
    /// Where its engine listens, without a path, such as `http://10.0.0.7:8000`.
    package var endpoint: String?
    package var zone: String?
    /// `nil` in a pool that is one group.
    package var group: GroupID?
    /// When the cloud takes it away, once it has said so; `nil` while nothing is announced.
    package var leavesAt: Timestamp?

    package init(
        id: ReplicaID, state: ReplicaState, launchedAt: Timestamp? = nil, market: Market = .onDemand,
        usdPerHour: Double? = nil, endpoint: String? = nil, zone: String? = nil, group: GroupID? = nil,
        leavesAt: Timestamp? = nil
    ) {
        self.id = id
        self.state = state
        self.launchedAt = launchedAt
        self.market = market
        self.usdPerHour = usdPerHour
        self.endpoint = endpoint
        self.zone = zone
        self.group = group
        self.leavesAt = leavesAt
    }
}

package enum Market: String, Hashable, Sendable, Codable {
    case onDemand
    case spot
}

/// Where a replica is in its life.
package enum ReplicaState: Hashable, Sendable, Codable {
    /// Ordered, not yet able to serve.
    case booting(phase: BootPhase)
    /// Up as far as the control plane can tell.
    case ready
    /// Being taken down by the control plane; serves nothing new and is never ordered about again.
    case terminating
    /// Kept, but switched off.
    case stopped
    /// Broken, with the control plane's reason.
    case failed(String)
}

/// How far a cold start has come.
package enum BootPhase: String, Hashable, Sendable, Codable {
    /// The machine or process is ordered, nothing runs yet.
    case provision
    /// The machine runs, the engine does not answer.
    case serviceStart
}

/// What the control plane says about a pool.
package struct FleetState: Hashable, Sendable, Codable {
    package var observedAt: Timestamp
    /// The size that the control plane works towards; `nil` where it has no such number.
    package var desired: Int?
    /// The control plane's own bounds; orders beyond them are refused there.
    package var minimum: Int?
    package var maximum: Int?
    /// Why the latest launches failed, while replicas are missing; `nil` when the control plane does not say.
    package var shortage: DriverError?
    /// In fail-over order; `nil`: the pool is one group.
    package var groups: [GroupState]?
    /// Sorted by identifier.
    package var replicas: [Replica]

    package init(
        observedAt: Timestamp, desired: Int? = nil, minimum: Int? = nil, maximum: Int? = nil,
        shortage: DriverError? = nil, groups: [GroupState]? = nil, replicas: [Replica]
    ) {
        self.observedAt = observedAt
        self.desired = desired
        self.minimum = minimum
        self.maximum = maximum
        self.shortage = shortage
        self.groups = groups
        self.replicas = replicas.inOrder { $0.id < $1.id }
    }
}
