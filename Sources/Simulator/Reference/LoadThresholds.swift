/// The classic pair of thresholds: one more replica above 60 % load, one less after 30 minutes below 20 %.
///
/// Load is demand over the capacity of ready replicas, so it adds one replica a bin for as long as boots last. Without
/// metrics nothing changes and the half hour begins anew.
package struct LoadThresholds: ScalingPolicy {
    package var above: Double
    package var below = 0.2
    package var calmSeconds = 1800.0

    private var calmSince: Double?

    package init(above: Double = 0.6) { self.above = above }

    package mutating func desired(_ view: FleetView) -> Int {
        let load = view.demandPerSecond.map { $0 / (view.capacityPerSecond * Double(max(1, view.ready))) }
        guard let load, load < below else {
            calmSince = nil
            return load.map { $0 > above ? view.desired + 1 : view.desired } ?? view.desired
        }
        let since = calmSince ?? view.second
        calmSince = since
        guard view.second - since >= calmSeconds else { return view.desired }
        calmSince = nil
        return view.desired - 1
    }
}
