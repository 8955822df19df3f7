/// What a policy cost and what it gave.
package struct FleetReport: Hashable, Sendable {
    /// Of ready, booting and draining replicas, in all markets.
    package var replicaHours = 0.0
    package var spotReplicaHours = 0.0
    /// `nil` where a price is unknown.
    package var usd: Double?
    /// Share of the work that waited no longer than the objective; `nil` where no work came, as for the next two.
    package var shareInTime: Double?
    package var meanWaitSeconds: Double?
    package var p99WaitSeconds: Double?
    package var worstWaitSeconds = 0.0
    /// How often the count that is asked for rose and fell.
    package var scaleUps = 0
    package var scaleDowns = 0
    /// Changes against the direction of the one before, within ten minutes of it: the count went up in vain, or down.
    package var flaps = 0
    package var arrivals = 0.0
    package var served = 0.0
    /// Work that still waits at the end.
    package var backlog = 0.0
    package var failedBoots = 0
    /// Boots that the policy gave up.
    package var abandonedBoots = 0
    package var interruptions = 0
    /// Replicas that the provider did not have, counted at every bin that asked for them.
    package var refusedOrders = 0
    /// One row a bin, where it was asked for.
    package var timeline: [FleetBin] = []

    package var changes: Int { scaleUps + scaleDowns }

    package static let flapSeconds = 600.0
}

/// One bin of a simulated pool.
package struct FleetBin: Hashable, Sendable {
    /// Start of the bin, from the start of the trace.
    package var second: Double
    package var arrivals: Double
    /// Work that waits at the end of the bin.
    package var backlog: Double
    /// Replicas during the bin.
    package var ready: Int
    package var booting: Int
    /// What was asked for at the end of the bin.
    package var desired: Int

    package static let csvHeader = "t_s,arrivals,backlog,ready,booting,desired"

    package var csv: String { "\(second),\(arrivals),\(backlog),\(ready),\(booting),\(desired)" }
}
