/// Predictive scaling of an AWS Auto Scaling group beside its target tracking: the larger count of both.
///
/// Each hour has a floor, the count that its forecast mean load needs at the target, from 300 s before the hour on
/// (`SchedulingBufferTime`) to its end. It starts with 24 hours of data, uses at most 14 days, and never shrinks the
/// group; that is left to target tracking. The service's forecaster is not public: the mean of the same hour of day
/// stands in for it.
///
/// Source: <https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-predictive-scaling.html>.
package struct PredictiveScaling: ScalingPolicy {
    package var bufferSeconds = 300.0
    package var historyDays = 14
    package var reactive: TargetTracking

    /// Mean load of each whole hour, `nil` without data.
    private var hours: [Double?] = []
    private var current = (work: 0.0, seconds: 0.0)
    /// Of an hour, as soon as it was asked for: what it rests on is over by then.
    private var forecasts: [Int: Double] = [:]

    package init(target: Double = 0.7) { reactive = TargetTracking(target: target) }

    package mutating func desired(_ view: FleetView) -> Int {
        if let load = view.load {
            current.work += load.arrivals
            current.seconds += view.binSeconds
        }
        while Double(hours.count + 1) * 3600 <= view.second + 1e-6 {
            hours.append(current.seconds > 0 ? current.work / current.seconds : nil)
            current = (0, 0)
        }
        let perReplica = reactive.target * view.capacityPerSecond
        let early = Int((view.second + bufferSeconds) / 3600)
        let load = max(forecast(hour: hours.count) ?? 0, forecast(hour: early) ?? 0)
        return max(wholeReplicas(load / perReplica), reactive.desired(view))
    }

    private mutating func forecast(hour: Int) -> Double? {
        if let known = forecasts[hour] { return known }
        let same = (1...historyDays).compactMap { day in
            hours.indices.contains(hour - 24 * day) ? hours[hour - 24 * day] : nil
        }
        guard !same.isEmpty else { return nil }
        forecasts = forecasts.filter { $0.key + 1 >= hour }
        forecasts[hour] = same.reduce(0, +) / Double(same.count)
        return forecasts[hour]
    }
}
