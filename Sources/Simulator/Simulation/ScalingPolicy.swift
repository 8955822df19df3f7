/// Decides how many replicas a simulated pool should have; a value that remembers what it has seen.
///
/// It is asked once a bin, after the bin's arrivals were served, and sees only what has happened. The simulator keeps
/// the answer inside the scenario's bounds, orders what is missing from the end of the bin on, or takes away what is
/// too much: booting replicas first, the newest first.
package protocol ScalingPolicy: Sendable {
    /// Replicas, ready and booting, that there should be from `view.second` on.
    mutating func desired(_ view: FleetView) -> Int

    /// The age at which a boot is given up for lost: the replica is removed, and ordered anew where the count asks for
    /// it. `nil` waits for ever, as most autoscalers do.
    var bootDeadlineSeconds: Double? { get }
}

extension ScalingPolicy {
    package var bootDeadlineSeconds: Double? { nil }
}

/// What a policy may see at the end of a bin.
package struct FleetView: Hashable, Sendable {
    /// The load as the metrics tell it.
    package struct Load: Hashable, Sendable {
        /// Work that came in the bin.
        package var arrivals: Double
        /// Work that waits at the end of the bin.
        package var backlog: Double
        /// Work that was done in the bin.
        package var served: Double
        /// How old this reading is: 0, except where the metrics are stale.
        package var ageSeconds = 0.0
    }

    /// The end of the bin, from the start of the trace.
    package var second: Double
    package var binSeconds: Double
    /// `nil` where the metrics are missing.
    package var load: Load?
    package var ready: Int
    /// When each booting replica was ordered; the oldest first.
    package var bootingSinceSeconds: [Double] = []
    /// How long the boots took that ended in a ready replica since the last bin.
    package var bootedAfterSeconds: [Double] = []
    /// Replicas that were asked for at the end of the last bin and that the provider did not have.
    package var refused = 0
    /// The count that is asked for at present. Where nothing goes wrong it is `ready` and booting together.
    package var desired: Int
    /// Work that a ready replica does in a second.
    package var capacityPerSecond: Double
    /// How long a boot takes by the operator's word.
    package var bootSeconds: Double
    /// The gauges of the ready replicas' engines; `nil` in the fluid model, which has none.
    package var engines: [EngineLoad]?
}

extension FleetView {
    package var booting: Int { bootingSinceSeconds.count }

    /// Work per second that asks to be served: what came in the bin and what waits. `nil` without metrics.
    package var demandPerSecond: Double? { load.map { ($0.arrivals + $0.backlog) / binSeconds } }

    /// Share of the ready replicas' capacity that was in use in the bin; `nil` without metrics or ready replicas.
    package var utilization: Double? {
        guard let load, ready > 0 else { return nil }
        return load.served / (Double(ready) * capacityPerSecond * binSeconds)
    }

    /// Whether a clock that ticks every `period` ticked in this bin; at most once a bin.
    func ticks(every period: Double) -> Bool {
        ((second + 1e-6) / period).rounded(.down) > ((second - binSeconds + 1e-6) / period).rounded(.down)
    }

    /// How many bins make up a span; at least one.
    func bins(in seconds: Double) -> Int { max(1, Int((seconds / binSeconds).rounded())) }
}

/// The least whole number of replicas for a need that may be any number from 0 on.
func wholeReplicas(_ need: Double) -> Int { Int(min(need.rounded(.up), 1e9)) }
