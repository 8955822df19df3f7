package import Exporters
package import Fleet
import Synchronization

/// Where the loops publish and the exporters read: the only state that they share.
package final class SnapshotBoard: Sendable {
    private let snapshot: Mutex<AgentSnapshot>

    /// - Parameters:
    ///   - dcgmNames: see `AgentSnapshot`.
    ///   - countsPublications: whether there will be any to `note`.
    package init(version: String, startedAt: Timestamp, dcgmNames: Bool = false, countsPublications: Bool = false) {
        var first = AgentSnapshot(at: startedAt, version: version, startedAt: startedAt)
        first.dcgmNames = dcgmNames
        first.cloudWatch = countsPublications ? PublicationCounters() : nil
        snapshot = Mutex(first)
    }

    package var current: AgentSnapshot { snapshot.withLock { $0 } }

    /// Puts a pool in its place by name, or adds it.
    package func publish(_ pool: PoolSnapshot, at now: Timestamp) {
        snapshot.withLock { snapshot in
            snapshot.at = now
            if let index = snapshot.pools.firstIndex(where: { $0.pool == pool.pool }) {
                snapshot.pools[index] = pool
            } else {
                snapshot.pools.append(pool)
                snapshot.pools.sort { $0.pool < $1.pool }
            }
        }
    }

    /// Takes away the pools that are no longer configured.
    package func keep(only pools: Set<PoolID>) {
        snapshot.withLock { $0.pools.removeAll { !pools.contains($0.pool) } }
    }

    package func publish(_ gpus: GPUObservation?, at now: Timestamp) {
        snapshot.withLock { snapshot in
            snapshot.at = now
            snapshot.gpus = gpus
        }
    }

    package func publish(_ gateway: GatewaySnapshot, at now: Timestamp) {
        snapshot.withLock { snapshot in
            snapshot.at = now
            snapshot.gateway = gateway
        }
    }

    /// Counts a publication to CloudWatch, of so many values or failed.
    package func note(_ publication: Result<Int, DriverError>, at now: Timestamp) {
        snapshot.withLock { snapshot in
            switch publication {
            case .success(let values):
                snapshot.cloudWatch?.values += values
                snapshot.cloudWatch?.lastSuccess = now
            case .failure(let error):
                snapshot.cloudWatch?.errors[error.kind, default: 0] += 1
            }
        }
    }
}
