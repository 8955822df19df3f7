/// SkyServe's request-rate autoscaler.
///
/// The rate of the last 60 s over the target rate of a replica, rounded up. It decides every 20 s; a higher count must
/// be asked for during 300 s, a lower one during 1200 s, without a break; from zero it grows at once. All replicas
/// that are not gone count, booting ones too. It counts arrivals, not what waits. It sits in its own load balancer:
/// where metrics are missing here, it is taken to hold.
///
/// Source: <https://docs.skypilot.co/en/latest/serving/autoscaling.html> (`target_qps_per_replica`,
/// `upscale_delay_seconds`, `downscale_delay_seconds`).
package struct SkyServeAutoscaler: ScalingPolicy {
    /// Target rate as a share of a replica's capacity.
    package var target: Double
    package var windowSeconds = 60.0
    package var decisionSeconds = 20.0
    package var upDelaySeconds = 300.0
    package var downDelaySeconds = 1200.0

    private var arrivals: [Double] = []
    private var decisionsAbove = 0
    private var decisionsBelow = 0

    package init(target: Double = 0.7) { self.target = target }

    package mutating func desired(_ view: FleetView) -> Int {
        guard let load = view.load else { return view.desired }
        arrivals.append(load.arrivals)
        if arrivals.count > view.bins(in: windowSeconds) { arrivals.removeFirst() }
        guard view.ticks(every: decisionSeconds) else { return view.desired }

        let rate = arrivals.reduce(0, +) / max(windowSeconds, view.binSeconds)
        let count = wholeReplicas(rate / (target * view.capacityPerSecond))
        decisionsAbove = count > view.desired ? decisionsAbove + 1 : 0
        decisionsBelow = count < view.desired ? decisionsBelow + 1 : 0
        let step = max(decisionSeconds, view.binSeconds)
        guard
            view.desired == 0 || Double(decisionsAbove) * step >= upDelaySeconds
                || Double(decisionsBelow) * step >= downDelaySeconds
        else { return view.desired }
        (decisionsAbove, decisionsBelow) = (0, 0)
        return count
    }
}
