/// Kubernetes' Horizontal Pod Autoscaler on an external metric with an average-value target.
///
/// Every 15 s: `ceil(current × ratio)`, where the ratio is that of demand per replica to the target; nothing inside the
/// tolerance; the most that was recommended in the last 300 s on the way down; at most 100 % or 4 replicas, whichever is
/// more, in 15 s on the way up. External metrics count booting replicas as capacity. Without a metric nothing changes.
///
/// Source: <https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/>, "Algorithm details" and
/// "Default behavior".
package struct HorizontalPodAutoscaler: ScalingPolicy {
    /// Share of a replica's capacity that should be in use.
    package var target: Double
    package var tolerance = 0.1
    package var syncSeconds = 15.0
    package var downStabilizationSeconds = 300.0
    package var upRatio = 2.0
    package var upReplicas = 4

    /// Recommendations that may still be the largest of the window: counts fall, moments rise.
    private var recommended: [(second: Double, count: Int)] = []

    package init(target: Double = 0.7) { self.target = target }

    package mutating func desired(_ view: FleetView) -> Int {
        guard view.ticks(every: syncSeconds), let demand = view.demandPerSecond else { return view.desired }
        let current = max(1, view.desired)
        let ratio = demand / (target * view.capacityPerSecond * Double(current))
        var count = (ratio - 1).magnitude <= tolerance ? current : wholeReplicas(Double(current) * ratio)
        count = min(count, max(Int(upRatio * Double(current)), current + upReplicas))

        while let last = recommended.last, last.count <= count { recommended.removeLast() }
        recommended.append((view.second, count))
        while let first = recommended.first, first.second <= view.second - downStabilizationSeconds {
            recommended.removeFirst()
        }
        guard count < current, let most = recommended.first?.count else { return count }
        return min(most, current)
    }
}
