/// Target tracking of an AWS Auto Scaling group with instance warm-up.
///
/// The metric is the mean of a minute. Out after 3 minutes above the target, in proportion to the last; in after 15
/// minutes below 90 % of it, by a tenth of the group at most, and not while replicas boot. A minute with missing data
/// adds nothing to either alarm: without data the group stays as it is.
///
/// Source: <https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-target-tracking.html>; the alarms' counts
/// are those of the alarms that the service creates.
package struct TargetTracking: ScalingPolicy {
    /// Share of a replica's capacity that should be in use.
    package var target: Double
    package var outMinutes = 3
    package var inMinutes = 15
    package var inBelow = 0.9
    package var inStepShare = 0.1

    private var demands: [Double] = []
    private var isIncomplete = false
    private var bins = 0
    /// The metric over the target, minute by minute, the latest last.
    private var ratios: [Double] = []

    package init(target: Double = 0.7) { self.target = target }

    package mutating func desired(_ view: FleetView) -> Int {
        guard let demand = minuteOfDemand(view) else { return view.desired }
        let current = Double(max(1, view.desired))
        let perReplica = target * view.capacityPerSecond
        ratios.append(demand / (current * perReplica))
        if ratios.count > max(outMinutes, inMinutes) { ratios.removeFirst() }

        if ratios.count >= outMinutes, ratios.suffix(outMinutes).allSatisfy({ $0 > 1 }) {
            return wholeReplicas(current * ratios[ratios.count - 1])
        }
        if ratios.count >= inMinutes, ratios.suffix(inMinutes).allSatisfy({ $0 < inBelow }), view.booting == 0 {
            ratios = []
            let step = max(1, Int(inStepShare * current))
            return max(view.desired - step, wholeReplicas(current * demand / (current * perReplica)))
        }
        return view.desired
    }

    /// The mean demand of a minute when this bin ends one whose data is complete.
    private mutating func minuteOfDemand(_ view: FleetView) -> Double? {
        bins += 1
        if let demand = view.demandPerSecond { demands.append(demand) } else { isIncomplete = true }
        guard bins >= view.bins(in: 60) else { return nil }
        defer {
            demands = []
            isIncomplete = false
            bins = 0
        }
        return isIncomplete ? nil : demands.reduce(0, +) / Double(bins)
    }
}
