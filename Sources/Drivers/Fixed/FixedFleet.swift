package import Fleet

/// Replicas that somebody else runs: always the same ones, and nothing to order them with.
package struct FixedFleet: FleetInventory {
    private let replicas: [Replica]
    private let now: @Sendable () -> Timestamp

    package init(endpoints: [String], usdPerHour: Double? = nil, now: @escaping @Sendable () -> Timestamp) {
        replicas = endpoints.map {
            Replica(id: ReplicaID(rawValue: $0), state: .ready, usdPerHour: usdPerHour, endpoint: $0)
        }
        self.now = now
    }

    package func describe() async throws(DriverError) -> FleetState {
        FleetState(observedAt: now(), replicas: replicas)
    }
}
