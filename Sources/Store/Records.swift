package import Fleet
package import Policy

/// What `Demand.sample` was at one tick; `nil` where nothing was known.
package struct StoredDemand: Hashable, Sendable {
    package var at: Timestamp
    package var requests: Double?
}

/// Where a controller stopped.
package struct LastState: Hashable, Sendable {
    package var memory: PoolMemory
    package var observer: PoolObserver
}

/// An action that was to be asked for; whether it was, nobody has written down.
package struct OpenIntent: Hashable, Sendable {
    package var id: ActionID
    package var at: Timestamp
    package var action: ScalingAction

    package init(id: ActionID, at: Timestamp, action: ScalingAction) {
        self.id = id
        self.at = at
        self.action = action
    }
}

package struct StoredAction: Hashable, Sendable {
    package var id: ActionID
    package var at: Timestamp
    package var action: ScalingAction
    /// The answer; `nil` when none was written.
    package var outcome: ActionOutcome.Result?
    package var closedAt: Timestamp?
    /// What a later look at the fleet found; `nil` when none was needed.
    package var foundDone: Bool?
}

/// One cold start, from launch to the first answer.
package struct StoredBoot: Hashable, Sendable {
    package var replica: ReplicaID
    package var launchedAt: Timestamp
    package var readyAt: Timestamp
}
