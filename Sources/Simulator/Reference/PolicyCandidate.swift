/// A policy that takes part in a comparison, with the one setting that may be tuned.
package struct PolicyCandidate: Sendable {
    package var name: String
    /// What the setting is.
    package var settingName: String
    /// The setting without tuning: the documented or usual one.
    package var standard: Double
    /// What tuning tries, ascending.
    package var settings: [Double]
    /// The policy at a setting, for a simulator whose traffic may only be used to turn a relative setting into a count.
    package var make: @Sendable (Double, FleetSimulator) -> any ScalingPolicy

    package init(
        name: String, settingName: String, standard: Double, settings: [Double],
        make: @escaping @Sendable (Double, FleetSimulator) -> any ScalingPolicy
    ) {
        self.name = name
        self.settingName = settingName
        self.standard = standard
        self.settings = settings
        self.make = make
    }

    /// One whose setting is the share of a replica's capacity that should be in use.
    private init(_ name: String, _ make: @escaping @Sendable (Double, FleetScenario) -> any ScalingPolicy) {
        self.init(
            name: name, settingName: "target utilization", standard: 0.7,
            settings: [0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9],
            make: { make($0, $1.scenario) })
    }

    /// The policies that others publish, and the two that need no publishing.
    package static let references: [PolicyCandidate] = [
        PolicyCandidate("hpa") { target, _ in HorizontalPodAutoscaler(target: target) },
        PolicyCandidate("keda") { KEDAScaler(target: $0, minimumReplicas: $1.minimumReplicas) },
        // The windows and the panic alone, which the fluid reference models; then with the rates.
        PolicyCandidate("knative_kpa") { target, _ in KnativeAutoscaler(target: target, limitsRates: false) },
        PolicyCandidate("knative_kpa_rates") { target, _ in KnativeAutoscaler(target: target) },
        PolicyCandidate("target_tracking") { target, _ in TargetTracking(target: target) },
        PolicyCandidate("predictive_scaling") { target, _ in PredictiveScaling(target: target) },
        PolicyCandidate("nomad") { target, _ in NomadTargetValue(target: target) },
        PolicyCandidate("skyserve") { target, _ in SkyServeAutoscaler(target: target) },
        PolicyCandidate(
            name: "dynamo", settingName: "load limit", standard: 0.9, settings: [0.5, 0.6, 0.7, 0.8, 0.9, 1],
            make: { DynamoLoadPlanner(limit: $0, waitSeconds: $1.scenario.waitObjectiveSeconds) }),
        PolicyCandidate(
            name: "thresholds", settingName: "upper threshold", standard: 0.6,
            settings: [0.4, 0.5, 0.6, 0.7, 0.8, 0.9], make: { setting, _ in LoadThresholds(above: setting) }),
        PolicyCandidate(
            name: "fixed", settingName: "share of the peak need", standard: 1,
            settings: [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1],
            make: { FixedSize(replicas: wholeReplicas($0 * Double($1.scenario.need(of: $1.work.max() ?? 0)))) }),
    ]
}
