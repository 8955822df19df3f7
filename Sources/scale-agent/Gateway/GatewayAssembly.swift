import Admission
import Config
import Exporters
import Fleet
import Gateway
import Logging
import NIOCore

extension GatewaySettings {
    /// As the file says.
    init(_ config: GatewayConfig) {
        self.init(listeners: config.listeners.map(Listener.init))
        threads = max(1, min(4, System.coreCount))
        keyFile = config.keyFile
        drain = config.drain
        limits.connections = config.limits.connections
        limits.bodyBytes = config.limits.bodyBytes
        limits.heldBodyBytes = config.limits.heldBodyBytes
        limits.headTime = config.limits.headTime
        limits.idleTime = config.limits.idleTime
        limits.unreadTime = config.limits.unreadTime
        // Nobody hears, so engines are waited for as long as requests are held.
        if !config.endpoints.isEmpty { controllerPatience = .seconds(3600) }
        upstream.silentTime = config.limits.silentTime
        upstream.authorization = config.engineAuthorization?.revealed
    }
}

extension GatewaySettings.Listener {
    fileprivate init(_ config: GatewayListener) {
        switch config.address {
        case .tcp(let address): self.init(.tcp(host: address.host, port: address.port))
        case .unix(let path): self.init(.unix(path: path))
        }
        tls = config.tls.map { .init(certificateChain: $0.certificate, privateKey: $0.key) }
        // The configuration has checked them.
        if !config.allow.isEmpty { allow = config.allow.compactMap { AddressBlock($0) } }
        needsKey = config.needsKey
    }
}

extension GatewayConfig {
    /// Whether a running gateway can go over from one to the other: only models, holds, limits of keys and engines that
    /// nobody starts differ.
    func isSameServer(as other: GatewayConfig?) -> Bool {
        guard var other else { return false }
        (other.admission, other.poolsWithSlots, other.endpoints) = (admission, poolsWithSlots, endpoints)
        return self == other
    }
}

extension GatewaySnapshot {
    init(_ numbers: GatewayNumbers, controllerAnswers: Bool?) {
        self.init()
        pools = numbers.demand.map { demand in
            var pool = Pool(pool: demand.pool)
            (pool.held, pool.heldBodyBytes, pool.inFlight) = (demand.held, demand.heldBodyBytes, demand.inFlight)
            (pool.arrivals, pool.oldestWait) = (demand.arrivals, demand.oldestWait)
            (pool.isWaking, pool.ready) = (demand.isWaking, demand.ready)
            return pool
        }
        times.wait = Histogram(numbers.wait)
        times.coldWait = Histogram(numbers.coldWait)
        times.firstByte = Histogram(numbers.firstByte)
        times.interChunk = Histogram(numbers.interChunk)
        times.wake = Histogram(numbers.wake)
        for (key, count) in numbers.requests {
            let words = key.split(separator: " ", maxSplits: 1)
            guard words.count == 2, let status = Int(words[0]) else { continue }
            answers[Answer(status: status, outcome: String(words[1]))] = count
        }
        wakes = numbers.wakes
        (connections, refusedConnections) = (numbers.clientConnections, numbers.refusedConnections)
        heartbeats = numbers.heartbeats
        self.controllerAnswers = controllerAnswers
    }
}

extension Histogram {
    fileprivate init(_ tally: Tally) { self.init(bounds: tally.bounds, counts: tally.counts, sum: tally.sum) }
}

/// Replicas that nobody starts or stops: they are there, and the ladder tells which of them serve.
struct FixedReplicas: GatewayController {
    let news: AsyncStream<FleetNews>
    private let input: AsyncStream<FleetNews>.Continuation
    private let logger: Logger

    init(_ endpoints: [PoolID: [String]], logger: Logger) {
        self.logger = logger
        (news, input) = AsyncStream.makeStream(of: FleetNews.self)
        tell(endpoints)
    }

    func configure(_ settings: AdmissionSettings, _ endpoints: [PoolID: [String]]) {
        input.yield(.configured(settings))
        tell(endpoints)
    }

    private func tell(_ endpoints: [PoolID: [String]]) {
        for (pool, endpoints) in endpoints.sorted(by: { $0.key < $1.key }) {
            let replicas = endpoints.map { endpoint in
                GatewayReplica(
                    ObservedReplica(id: ReplicaID(rawValue: endpoint), state: .up), endpoint: endpoint)
            }
            input.yield(.replicas(pool, replicas))
        }
    }

    func notify(_ notice: GatewayNotice) {
        if case .wake(let pool) = notice {
            logger.notice("no replica is ready, and nobody can start one", metadata: ["pool": "\(pool)"])
        }
    }
}
