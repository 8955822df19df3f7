/// A gauge of a pool that others may scale by, by the word of the configuration.
package enum PublishedGauge: String, Hashable, Sendable, CaseIterable {
    case queueDepth = "queue_depth"
    case demandPerReplica = "demand_per_replica"
    case desiredReplicas = "desired_replicas"
}
