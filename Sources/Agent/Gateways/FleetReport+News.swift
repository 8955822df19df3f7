package import Admission
package import Fleet
package import Gateway

/// Turns reports into news, each once.
package struct NewsReader: Sendable {
    package var settings: AdmissionSettings
    /// Pools whose slots are set at the gateway.
    package var poolsWithSlots: Set<PoolID>
    /// The tick of each pool that was read last.
    package private(set) var seen: [PoolID: Timestamp] = [:]
    private var failures: [PoolID: FleetReport.Failure] = [:]

    package init(settings: AdmissionSettings, poolsWithSlots: Set<PoolID> = []) {
        self.settings = settings
        self.poolsWithSlots = poolsWithSlots
    }

    /// Pools that no model needs are left out.
    ///
    /// - Parameter now: what the clock shows that the report's moments are by.
    package mutating func read(_ pool: FleetReport.Pool, now: Timestamp) -> [FleetNews] {
        guard settings.models.values.contains(pool.pool) else { return [] }
        var news: [FleetNews] = []
        // Readings are compared with what is in flight now, so an old one is not told twice.
        if seen[pool.pool] != pool.at {
            seen[pool.pool] = pool.at
            let outlook = BootOutlook(typical: pool.bootSeconds.map { .seconds($0) }, readyAt: pool.readyAt)
            let replicas = pool.replicas.map { replica($0, pool.pool) }
            news = [.boot(pool.pool, outlook, now: now), .replicas(pool.pool, replicas, now: now)]
        }
        if let failure = pool.failure, failures[pool.pool] != failure {
            failures[pool.pool] = failure
            news.append(.wakeFailed(pool.pool, reason: failure.reason))
        }
        return news
    }

    private func replica(_ entry: FleetReport.Entry, _ pool: PoolID) -> GatewayReplica {
        let state: ObservedReplica.State
        switch entry.state {
        case .up: state = .up
        // The ladder finds out that it serves before the next tick does.
        case .booting where entry.endpoint != nil && settings.pools[pool]?.ladder.isEmpty != true: state = .up
        case .booting: state = .booting
        case .draining: state = .draining(by: entry.leavesAt ?? Timestamp(millisecondsSince1970: .max))
        case .down: state = .down
        }
        let observed = ObservedReplica(
            id: entry.id, state: state, slots: poolsWithSlots.contains(pool) ? nil : entry.slots,
            requests: entry.requests, waiting: entry.waiting, kvCacheUsage: entry.kvCacheUsage)
        return GatewayReplica(observed, endpoint: entry.endpoint)
    }
}
