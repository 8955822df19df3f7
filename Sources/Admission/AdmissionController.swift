package import Fleet

/// Which request goes where and when: the gateway's one state machine.
///
/// Events in, actions out; it reads no clock and does no I/O. The owner keeps one value, hands it every event in the order
/// in which it happened, and carries out the actions in their order. Since one step decides on both, a pool cannot be
/// closed and a request let in at the same time.
package struct AdmissionController: Sendable {
    package private(set) var settings: AdmissionSettings

    package init(settings: AdmissionSettings, now: Timestamp) {
        self.settings = settings
    }

    /// Takes note of an event. Costs O(log n) in the requests at the gateway, and O(r) in the replicas of a pool, for each
    /// action that it gives back.
    package mutating func handle(_ event: AdmissionEvent, now: Timestamp) -> [AdmissionAction] {
        []
    }

    /// What the pool has to do at this moment; `nil` for an unknown pool.
    package func demand(of pool: PoolID, now: Timestamp) -> PoolDemand? {
        nil
    }

    /// Sorted by identifier.
    package var poolIDs: [PoolID] { [] }
}
