/// The Nomad Autoscaler's target-value strategy.
///
/// `ceil(current × factor)` of demand per replica over the target, nothing within 1 %; evaluated every 10 s, and not for
/// 300 s after a change (the cooldown). A failed query changes nothing.
///
/// Source: <https://developer.hashicorp.com/nomad/tools/autoscaling/plugins/strategy/target-value> (`threshold`) and
/// <https://developer.hashicorp.com/nomad/tools/autoscaling/agent/policy> (`default_cooldown`,
/// `default_evaluation_interval`).
package struct NomadTargetValue: ScalingPolicy {
    /// Share of a replica's capacity that should be in use.
    package var target: Double
    package var threshold = 0.01
    package var cooldownSeconds = 300.0
    package var evaluationSeconds = 10.0

    private var lastChange = -Double.infinity

    package init(target: Double = 0.7) { self.target = target }

    package mutating func desired(_ view: FleetView) -> Int {
        guard view.ticks(every: evaluationSeconds), view.second - lastChange >= cooldownSeconds,
            let demand = view.demandPerSecond
        else { return view.desired }
        let current = Double(max(1, view.desired))
        let factor = demand / (target * view.capacityPerSecond * current)
        guard (factor - 1).magnitude > threshold else { return view.desired }
        let count = wholeReplicas(current * factor)
        if count != view.desired { lastChange = view.second }
        return count
    }
}
