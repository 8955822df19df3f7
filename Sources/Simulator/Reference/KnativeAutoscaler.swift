/// Knative Serving's pod autoscaler (KPA).
///
/// The stable count is the mean demand of 60 s over the target, the panic count that of 6 s. When the panic count is at
/// least twice the ready replicas it panics: until 60 s have passed without that, it takes the larger of both and never
/// less than the largest panic count. Rates bound the count to between the ready replicas over `maximumDownRate` and
/// times `maximumUpRate`, unless they are switched off. Booting replicas do not count. A bin without metrics is no part
/// of the means; with none at all nothing changes.
///
/// Source: <https://knative.dev/docs/serving/autoscaling/kpa-specific/> and the `config-autoscaler` map's defaults.
package struct KnativeAutoscaler: ScalingPolicy {
    /// Share of a replica's capacity that should be in use.
    package var target: Double
    package var stableSeconds = 60.0
    package var panicSeconds = 6.0
    package var panicThreshold = 2.0
    package var maximumUpRate = 1000.0
    package var maximumDownRate = 2.0
    /// Without the rates a fleet that boots slowly shrinks further between its panics.
    package var limitsRates: Bool

    private var demands: [Double?] = []
    private var panic: (second: Double, count: Int)?

    package init(target: Double = 0.7, limitsRates: Bool = true) {
        self.target = target
        self.limitsRates = limitsRates
    }

    package mutating func desired(_ view: FleetView) -> Int {
        demands.append(view.demandPerSecond)
        if demands.count > view.bins(in: stableSeconds) { demands.removeFirst() }
        let perReplica = target * view.capacityPerSecond
        guard let stableDemand = mean(demands[...]),
            let panicDemand = mean(demands.suffix(view.bins(in: panicSeconds)))
        else { return view.desired }
        let ready = Double(max(1, view.ready))
        let panicCount = wholeReplicas(panicDemand / perReplica)

        if Double(panicCount) / ready >= panicThreshold {
            panic = (view.second, max(panicCount, panic?.count ?? 0))
        } else if let since = panic?.second, view.second - since > stableSeconds {
            panic = nil
        }
        let stable = bounded(wholeReplicas(stableDemand / perReplica), ready)
        return max(stable, panic.map { max(bounded(panicCount, ready), $0.count) } ?? 0)
    }

    private func bounded(_ count: Int, _ ready: Double) -> Int {
        guard limitsRates else { return count }
        return min(max(count, Int(ready / maximumDownRate)), wholeReplicas(ready * maximumUpRate))
    }

    private func mean(_ demands: ArraySlice<Double?>) -> Double? {
        var (sum, count) = (0.0, 0)
        for case let demand? in demands {
            sum += demand
            count += 1
        }
        return count > 0 ? sum / Double(count) : nil
    }
}
