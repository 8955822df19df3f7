package import Admission
package import Fleet
import FoundationEssentials
package import Gateway
package import Logging
import ServiceLifecycle
import Synchronization
package import Transport

/// The controller of a gateway-only process: asked once a second, and at once when something is wanted.
///
/// While it is away the gateway goes on with what it knows.
package final class ControllerClient: GatewayController, Service {
    package let news: AsyncStream<FleetNews>

    private struct State {
        var reader: NewsReader
        var demands: [PoolID: PoolDemand] = [:]
        /// Pools that are wanted, until somebody serves or nobody waits.
        var wanted: Set<PoolID> = []
        var isAway = false
        /// Something happened since the last question.
        var isPoked = false
        var waiting: AsyncStream<Void>.Continuation?
    }

    private static let interval: Duration = .seconds(1)
    /// Between two questions, however much happens.
    private static let pause: Duration = .milliseconds(50)
    private static let deadline: Duration = .seconds(3)

    private let url: String
    private let headers: [HTTPField]
    private let name: String
    private let transport: HTTPTransport
    private let logger: Logger
    private let input: AsyncStream<FleetNews>.Continuation
    private let clock: any Clock<Duration>
    private let state: Mutex<State>

    /// - Parameter name: tells this process from all other gateways, and from earlier ones of its own.
    package init(
        url: String, token: String?, name: String, reader: NewsReader, transport: HTTPTransport, logger: Logger,
        clock: any Clock<Duration> = ContinuousClock()
    ) {
        self.url = url
        headers =
            [HTTPField("Content-Type", "application/json")]
            + (token.map { [HTTPField("Authorization", "Bearer \($0)")] } ?? [])
        self.name = name
        self.transport = transport
        self.logger = logger
        (news, input) = AsyncStream.makeStream(of: FleetNews.self, bufferingPolicy: .bufferingNewest(4096))
        self.clock = clock
        state = Mutex(State(reader: reader))
    }

    package func notify(_ notice: GatewayNotice) {
        switch notice {
        case .wake(let pool): state.withLock { _ = $0.wanted.insert(pool) }
        case .wakeEnded(let record): state.withLock { _ = $0.wanted.remove(record.pool) }
        case .demand(let demand): state.withLock { $0.demands[demand.pool] = demand }
        case .closed, .notIdle, .drained, .ejected: return
        }
        state.withLock { state in
            state.isPoked = true
            state.waiting?.yield()
        }
    }

    package func update(_ demands: [PoolDemand]) {
        state.withLock { state in for demand in demands { state.demands[demand.pool] = demand } }
    }

    package func configure(_ settings: AdmissionSettings, poolsWithSlots: Set<PoolID>) {
        state.withLock { $0.reader = NewsReader(settings: settings, poolsWithSlots: poolsWithSlots) }
        input.yield(.configured(settings))
    }

    /// Until shutdown; then it says goodbye.
    package func run() async {
        await cancelWhenGracefulShutdown { [self] in
            while !Task.isCancelled {
                await exchange(isLeaving: false)
                try? await clock.sleep(for: Self.pause)
                await withTaskGroup(of: Void.self) { group in
                    group.addTask { [clock] in try? await clock.sleep(for: Self.interval - Self.pause) }
                    group.addTask { await self.untilPoked() }
                    await group.next()
                    group.cancelAll()
                }
            }
        }
        await Task { await exchange(isLeaving: true) }.value
    }

    /// Returns at once when something has happened since the last question; a stream of its own, since one ends with
    /// the task that reads it.
    private func untilPoked() async {
        let (pokes, poke) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        state.withLock { state in
            state.waiting = poke
            if state.isPoked { poke.yield() }
        }
        for await _ in pokes { return }
    }

    private func exchange(isLeaving: Bool) async {
        let said = state.withLock { state in
            state.isPoked = false
            return self.report(state, isLeaving: isLeaving)
        }
        guard let body = try? JSONEncoder().encode(said) else { return }
        let request = HTTPRequest(
            method: "POST", url: url + "/api/v1/demand", headers: headers, body: Array(body), deadline: Self.deadline)
        do throws(HTTPFailure) {
            let response = try await transport.send(request)
            guard response.status == 200,
                let known = try? JSONDecoder().decode(FleetReport.self, from: Data(response.body))
            else { return isAway("it answers \(response.status)") }
            isAway(nil)
            state.withLock { state in
                for pool in known.pools {
                    for news in state.reader.read(pool, now: known.now) { input.yield(news) }
                }
            }
        } catch {
            if !Task.isCancelled { isAway("\(error)") }
        }
    }

    private func report(_ state: State, isLeaving: Bool) -> GatewayReport {
        let pools = Set(state.reader.settings.models.values).sorted().map { pool in
            let demand = state.demands[pool]
            let grace = state.reader.settings.pools[pool, default: PoolLimits()].idleGrace
            let isIdle = demand.map { demand in
                !demand.isWaking && demand.idleFor.map { $0 >= grace } ?? false
            }
            return GatewayReport.Pool(
                pool: pool, held: demand?.held ?? 0, inFlight: demand?.inFlight ?? 0, arrivals: demand?.arrivals ?? 0,
                isWaking: state.wanted.contains(pool), isIdle: isIdle ?? false, seen: state.reader.seen[pool])
        }
        return GatewayReport(gateway: name, isLeaving: isLeaving, pools: pools)
    }

    package var isAnswered: Bool { state.withLock { !$0.isAway } }

    /// Said once each time.
    private func isAway(_ why: String?) {
        let before = state.withLock { state in
            defer { state.isAway = why != nil }
            return state.isAway
        }
        if let why, !before {
            logger.error("the controller is away", metadata: ["controller": "\(url)", "error": "\(why)"])
        } else if why == nil, before {
            logger.notice("the controller is back", metadata: ["controller": "\(url)"])
        }
    }
}
