import Exporters
package import Fleet
import Policy

/// What gateways have to know of the pools: as it is for the one in this process, as JSON for those elsewhere.
package struct FleetReport: Hashable, Sendable, Codable {
    /// What the controller's clock shows as it says this: the moments below are by it, and gateways have their own.
    package var now: Timestamp
    /// A pool that is missing is not gone: nothing is known of it yet.
    package var pools: [Pool]

    package struct Pool: Hashable, Sendable, Codable {
        package var pool: PoolID
        /// The tick that it is from.
        package var at: Timestamp
        package var replicas: [Entry]
        /// The median of the measured boots; `nil` before the first.
        package var bootSeconds: Double?
        /// When the boot that is under way is expected to serve.
        package var readyAt: Timestamp?
        /// Why the latest wake that failed did, while nothing has served since.
        package var failure: Failure?
    }

    package struct Failure: Hashable, Sendable, Codable {
        package var at: Timestamp
        package var reason: String
    }

    package struct Entry: Hashable, Sendable, Codable {
        package enum State: String, Hashable, Sendable, Codable {
            case booting, up, draining, down
        }

        package var id: ReplicaID
        package var endpoint: String?
        package var state: State
        /// Only of one that drains: when it is taken away at the latest.
        package var leavesAt: Timestamp?
        /// `nil` where the pool's capacity is not configured.
        package var slots: Int?
        /// At the tick's reading of the engine.
        package var requests: Double?
        package var waiting: Double?
        package var kvCacheUsage: Double?
    }
}

extension FleetReport.Pool {
    /// `nil` while the fleet is not known.
    ///
    /// - Parameter later: the fleet as it was seen after the snapshot's tick.
    init?(_ snapshot: PoolSnapshot, later: FleetState? = nil, at now: Timestamp? = nil) {
        guard let input = snapshot.input, let known = input.fleet, let supply = snapshot.output?.supply else {
            return nil
        }
        pool = snapshot.pool
        // Readers take what has the same moment for the same.
        at = now.map { max($0, input.now + .milliseconds(1)) } ?? input.now
        let fleet = later ?? known
        let stood = Set(known.replicas.filter(\.state.isStanding).map(\.id))
        var booting: [Replica] = []
        let engines = Dictionary(input.observation.engines.map { ($0.id, $0) }) { first, _ in first }
        replicas = fleet.replicas.map { replica in
            var entry = FleetReport.Entry(id: replica.id, endpoint: replica.endpoint, state: .down)
            if let since = snapshot.memory.draining.since(replica.id) {
                entry.state = .draining
                let deadline = since + snapshot.settings.drainDeadline
                entry.leavesAt = replica.leavesAt.map { min($0, deadline) } ?? deadline
            } else if supply.draining.contains(replica.id) {
                // The cloud takes it away, or it was called back just now.
                entry.leavesAt = replica.leavesAt
                entry.state = replica.leavesAt == nil ? .up : .draining
            } else if supply.serving.contains(replica.id) || supply.lost.contains(replica.id) {
                entry.state = .up
            } else if supply.booting.contains(replica.id) || replica.state.isStanding && !stood.contains(replica.id) {
                entry.state = .booting
                booting.append(replica)
            }
            entry.slots = snapshot.settings.capacity.map { max(1, Int($0)) }
            if let engine = engines[replica.id], engine.condition == .answering {
                (entry.requests, entry.waiting) = (engine.requests, engine.waiting)
                entry.kvCacheUsage = engine.kvCacheUsage
            }
            return entry
        }
        let boots = snapshot.memory.boots.measured.sorted()
        guard !boots.isEmpty else { return }
        let typical = boots[boots.count / 2]
        bootSeconds = typical.seconds
        readyAt = booting.compactMap { replica in
            (replica.launchedAt ?? snapshot.memory.booting.since(replica.id)).map { $0 + typical }
        }.min()
    }
}

extension ReplicaState {
    /// On its way, or there.
    var isStanding: Bool {
        switch self {
        case .booting, .ready: true
        case .terminating, .stopped, .failed: false
        }
    }
}

/// What a gateway elsewhere tells of itself, and asks for.
package struct GatewayReport: Hashable, Sendable, Codable {
    /// Tells it from others; new after each start.
    package var gateway: String
    /// It stops, and is not to be waited for.
    package var isLeaving: Bool
    package var pools: [Pool]

    package struct Pool: Hashable, Sendable, Codable {
        package var pool: PoolID
        package var held: Int
        package var inFlight: Int
        /// Since it began.
        package var arrivals: Int
        /// It wants a replica.
        package var isWaking: Bool
        /// Nothing to do, for as long as its settings ask for before a stop.
        package var isIdle: Bool
        /// The `at` of the latest report of the pool that it goes by.
        package var seen: Timestamp?
    }
}

extension GatewayReport {
    /// Whether its numbers can be counted with.
    var isSound: Bool {
        (1...128).contains(gateway.utf8.count) && pools.count <= 1000
            && pools.allSatisfy { (0...1_000_000).contains($0.held) && (0...1_000_000).contains($0.inFlight) }
    }
}
