/// KEDA with its Prometheus trigger: an HPA between 1 and many replicas, and KEDA's own switch between 0 and 1.
///
/// The trigger is polled every 30 s for activity, and 300 s without any (the cooldown) go before the scale to zero,
/// which a minimum above 0 rules out. An empty answer counts as 0 (`ignoreNullValues`, true by default), so missing
/// metrics shrink the fleet.
///
/// Source: <https://keda.sh/docs/latest/reference/scaledobject-spec/> (`pollingInterval`, `cooldownPeriod`) and
/// <https://keda.sh/docs/latest/scalers/prometheus/> (`ignoreNullValues`).
package struct KEDAScaler: ScalingPolicy {
    package var pollingSeconds = 30.0
    package var cooldownSeconds = 300.0
    package var minimumReplicas: Int
    package var autoscaler: HorizontalPodAutoscaler

    private var lastActive: Double?

    package init(target: Double = 0.7, minimumReplicas: Int = 0) {
        autoscaler = HorizontalPodAutoscaler(target: target)
        self.minimumReplicas = minimumReplicas
    }

    package mutating func desired(_ view: FleetView) -> Int {
        var view = view
        view.load = view.load ?? FleetView.Load(arrivals: 0, backlog: 0, served: 0)
        let isActive = (view.demandPerSecond ?? 0) > 0
        let isPolled = view.ticks(every: pollingSeconds)
        if isPolled && isActive { lastActive = view.second }
        // At zero the HPA is off, and KEDA alone wakes the pool.
        if view.desired == 0 { return isPolled && isActive ? 1 : 0 }
        let count = max(1, autoscaler.desired(view))
        let idle = lastActive.map { view.second - $0 } ?? .infinity
        return minimumReplicas == 0 && isPolled && !isActive && idle >= cooldownSeconds ? 0 : count
    }
}
