package import Fleet

/// What a policy is tried on, besides the traffic: the replicas, the objective and what goes wrong.
package struct FleetScenario: Hashable, Sendable {
    package var binSeconds = 15.0
    /// Work that a ready replica does in a second, in the unit of the traffic.
    package var capacityPerSecond: Double
    /// From the order of a replica to its first served work.
    package var bootSeconds: Double
    /// Work that waits longer than this misses the objective.
    package var waitObjectiveSeconds = 10.0
    /// Replicas that are ready when the trace begins.
    package var startReplicas = 1
    package var minimumReplicas = 1
    package var maximumReplicas = 1_000_000
    /// `nil` leaves dollars out of the report.
    package var usdPerReplicaHour: Double?
    package var disturbances = Disturbances()
    /// Of every random draw; the same seed gives the same result.
    package var seed: UInt64 = 1

    package init(capacityPerSecond: Double, bootSeconds: Double) {
        self.capacityPerSecond = capacityPerSecond
        self.bootSeconds = bootSeconds
    }

    /// A scenario whose fleet is sized to the traffic: the mean load needs `meanReplicas`, and the fleet begins with
    /// what the first ten minutes need at a load of 70 %.
    package init(
        fittedTo work: [Double], meanReplicas: Double = 12, bootSeconds: Double, binSeconds: Double = 15
    ) {
        let mean = work.isEmpty ? 0 : work.reduce(0, +) / Double(work.count)
        self.init(
            capacityPerSecond: mean > 0 ? mean / binSeconds / meanReplicas : 1, bootSeconds: bootSeconds)
        self.binSeconds = binSeconds
        let first = work.prefix(Int((600 / binSeconds).rounded(.up))).map(need(of:)).max() ?? 1
        startReplicas = Int(Double(first) / 0.7) + 1
    }

    /// Replicas that serve a bin's work within the bin.
    func need(of work: Double) -> Int {
        max(minimumReplicas, wholeReplicas(max(0, work / binSeconds / capacityPerSecond - 1e-9)))
    }
}

/// What may go wrong or vary in a scenario; as made, nothing does.
package struct Disturbances: Hashable, Sendable {
    /// Boot times at evenly spaced quantiles, the shortest first, the longest last; draws are interpolated between
    /// them. Empty: every boot takes the scenario's time.
    package var bootQuantilesSeconds: [Double] = []
    /// Share of boots that end without a replica, after the time of a boot.
    package var failedBootShare = 0.0
    /// Share of boots that never end.
    package var stuckBootShare = 0.0
    /// When the provider has no replica to give.
    package var capacityGaps: [CapacityGap] = []
    /// How long a ready replica that was taken away still costs, serving nothing new.
    package var drainSeconds = 0.0
    /// `nil`: every replica is on demand.
    package var spot: SpotMarket?
    /// The first that holds at a moment applies.
    package var metricsFaults: [MetricsFault] = []

    package init() {}
}

/// A span without capacity at the provider, in seconds of the trace.
package struct CapacityGap: Hashable, Sendable {
    package var seconds: Range<Double>
    /// `nil`: in every market.
    package var market: Market?

    package init(seconds: Range<Double>, market: Market? = nil) {
        self.seconds = seconds
        self.market = market
    }
}

/// Replicas at a lower price that the provider may take back at any moment, also while they boot.
package struct SpotMarket: Hashable, Sendable {
    /// Replicas up to this count are on demand, those beyond it spot.
    package var onDemandBase: Int
    /// Expected interruptions of one replica.
    package var interruptionsPerHour: Double
    package var usdPerReplicaHour: Double?

    package init(onDemandBase: Int, interruptionsPerHour: Double, usdPerReplicaHour: Double? = nil) {
        self.onDemandBase = onDemandBase
        self.interruptionsPerHour = interruptionsPerHour
        self.usdPerReplicaHour = usdPerReplicaHour
    }
}

/// A span in which a policy sees less than the truth about the load.
package struct MetricsFault: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        /// No reading.
        case missing
        /// The last reading before the span, with its age; none where there was none.
        case stale
        /// Every number times a factor: 0 is an outage that reads as no load.
        case scaled(Double)
    }

    /// Of the trace, by the end of a bin.
    package var seconds: Range<Double>
    package var kind: Kind

    package init(seconds: Range<Double>, kind: Kind) {
        self.seconds = seconds
        self.kind = kind
    }
}
