package import Admission
package import Exporters
package import Fleet
package import Gateway
package import Logging
import Policy
import Synchronization

/// Between the pools' loops and the gateways: tells what serves, and knows what is held and asked for.
///
/// One gateway may be in this process; the others report over HTTP. A gateway that falls silent keeps what it said last,
/// and its pools do not shrink, until it is forgotten.
package final class GatewayLink: GatewayController {
    package let news: AsyncStream<FleetNews>

    private struct Remote {
        var report: GatewayReport
        var at: Timestamp

        var hasWork: Bool { report.pools.contains { $0.held > 0 || $0.inFlight > 0 } }
    }

    private struct State {
        var reader: NewsReader?
        var reports: [PoolID: FleetReport.Pool] = [:]
        /// Why a pool cannot be woken, whoever asks.
        var unable: [PoolID: String] = [:]
        var own: [PoolID: PoolDemand] = [:]
        var remotes: [String: Remote] = [:]
        var closing: [PoolID: AsyncStream<Bool>.Continuation] = [:]
    }

    /// Three polls were missed.
    static let silentAfter: Duration = .seconds(5)
    static let forgottenAfter: Duration = .seconds(600)
    private static let remotesAtMost = 64

    private let input: AsyncStream<FleetNews>.Continuation
    private let wakes: WakeBoard
    private let logger: Logger
    private let closesWithin: Duration
    private let now: @Sendable () -> Timestamp
    private let state: Mutex<State>

    /// - Parameters:
    ///   - own: the reader for a gateway in this process; `nil` without one.
    ///   - closesWithin: how long that gateway may take to say whether it is idle.
    package init(
        own: NewsReader? = nil, wakes: WakeBoard, logger: Logger, closesWithin: Duration = .seconds(2),
        now: @escaping @Sendable () -> Timestamp
    ) {
        (news, input) = AsyncStream.makeStream(of: FleetNews.self, bufferingPolicy: .bufferingNewest(4096))
        self.wakes = wakes
        self.logger = logger
        self.closesWithin = closesWithin
        self.now = now
        state = Mutex(State(reader: own))
    }

    // MARK: From the gateways

    package func notify(_ notice: GatewayNotice) {
        switch notice {
        case .wake(let pool): wake(pool)
        case .demand(let demand): state.withLock { $0.own[demand.pool] = demand }
        case .closed(let pool): answer(true, pool)
        case .notIdle(let demand): answer(false, demand.pool)
        case .drained, .ejected, .wakeEnded: break
        }
    }

    /// What the gateway in this process has to do now; what it says by itself leaves out small changes.
    package func update(_ demands: [PoolDemand]) {
        state.withLock { state in for demand in demands { state.own[demand.pool] = demand } }
    }

    /// Takes note of what a gateway elsewhere says, and returns what it has to know; `nil` when there are too many.
    package func exchange(_ report: GatewayReport) -> FleetReport? {
        let now = now()
        let isKnown = state.withLock { state in
            if report.isLeaving {
                state.remotes[report.gateway] = nil
                return true
            }
            if state.remotes[report.gateway] == nil, state.remotes.count >= Self.remotesAtMost {
                // Whoever starts anew and again has a new name each time.
                let gone = state.remotes.filter { now - $0.value.at > Self.silentAfter && !$0.value.hasWork }
                guard let oldest = gone.min(by: { $0.value.at < $1.value.at })?.key else { return false }
                state.remotes[oldest] = nil
            }
            state.remotes[report.gateway] = Remote(report: report, at: now)
            return true
        }
        guard isKnown else { return nil }
        for pool in report.pools where pool.isWaking { wake(pool.pool) }
        return self.report
    }

    package var report: FleetReport {
        let now = now()
        return state.withLock { FleetReport(now: now, pools: $0.reports.values.sorted { $0.pool < $1.pool }) }
    }

    private func wake(_ pool: PoolID) {
        let now = now()
        wakes.ask(for: pool, at: now)
        state.withLock { state in
            guard let reason = state.unable[pool] else { return }
            fail(pool, reason, at: now, &state)
        }
    }

    // MARK: From the loops

    /// - Parameters:
    ///   - failure: why nobody will come who was asked for; `nil` when that is not known.
    ///   - later: the fleet as it was seen after the tick, at `now`.
    package func publish(
        _ snapshot: PoolSnapshot, failure: String? = nil, later: FleetState? = nil, at now: Timestamp? = nil
    ) {
        guard var report = FleetReport.Pool(snapshot, later: later, at: now) else { return }
        state.withLock { state in
            state.unable[report.pool] = snapshot.authority == .act ? nil : "\(snapshot.authority)"
            if !report.replicas.contains(where: { $0.state == .up }) {
                report.failure = state.reports[report.pool]?.failure
            }
            state.reports[report.pool] = report
            tell(report, &state)
            if let failure { fail(report.pool, failure, at: report.at, &state) }
        }
    }

    /// The pool is no longer configured.
    package func forget(_ pool: PoolID) {
        state.withLock { state in
            state.reports[pool] = nil
            state.unable[pool] = nil
        }
    }

    /// What gateways hold for a pool, `nil` without gateways; and how many of them do not say.
    func held(for pool: PoolID) -> (requests: Double?, silent: Int) {
        let now = now()
        let (held, silent, forgotten) = state.withLock { state in
            let forgotten = state.remotes.filter { now - $0.value.at > Self.forgottenAfter }.map(\.key)
            for gateway in forgotten { state.remotes[gateway] = nil }
            var held = state.own[pool].map { Double($0.held) }
            var silent = 0
            for remote in state.remotes.values {
                guard let said = remote.report.pools.first(where: { $0.pool == pool }) else { continue }
                held = (held ?? 0) + Double(said.held)
                if now - remote.at > Self.silentAfter { silent += 1 }
            }
            return (held, silent, forgotten)
        }
        for gateway in forgotten.sorted() {
            logger.warning("a silent gateway is forgotten", metadata: ["gateway": "\(gateway)"])
        }
        return (held, silent)
    }

    /// Whether no gateway has anything to do for a pool whose last replica is about to go; none of them sends it
    /// anything from then on.
    ///
    /// - Parameter cordoned: since when gateways have been told to send it nothing. One elsewhere has to have seen that.
    func letsGo(_ pool: PoolID, cordoned: Timestamp) async -> Bool {
        let now = now()
        let (hasOwn, areIdle) = state.withLock { state in
            let said = state.remotes.values.compactMap { remote in
                remote.report.pools.first { $0.pool == pool }.map { ($0, now - remote.at) }
            }
            let areIdle = said.allSatisfy { pool, age in
                pool.isIdle && age <= Self.silentAfter && pool.seen.map { $0 >= cordoned } ?? false
            }
            return (state.reader?.settings.models.values.contains(pool) ?? false, areIdle)
        }
        guard hasOwn, areIdle else { return areIdle }
        return await close(pool)
    }

    /// The replica of a closed pool did not go after all.
    func reopen(_ pool: PoolID) {
        state.withLock { if $0.reader != nil { _ = input.yield(.reopen(pool)) } }
    }

    /// The models of the gateway in this process have changed.
    package func configure(_ settings: AdmissionSettings, poolsWithSlots: Set<PoolID>) {
        state.withLock { state in
            state.reader = NewsReader(settings: settings, poolsWithSlots: poolsWithSlots)
            input.yield(.configured(settings))
            for report in state.reports.values { tell(report, &state) }
        }
    }

    private func close(_ pool: PoolID) async -> Bool {
        let (answers, answer) = AsyncStream.makeStream(of: Bool.self, bufferingPolicy: .bufferingNewest(1))
        state.withLock { state in
            state.closing[pool] = answer
            input.yield(.closeIfIdle(pool))
        }
        let limit = Task { [closesWithin] in
            try? await Task.sleep(for: closesWithin)
            answer.finish()
        }
        defer { limit.cancel() }
        for await isIdle in answers { return isIdle }
        // Too late an answer may have closed it.
        _ = state.withLock { $0.closing.removeValue(forKey: pool) }
        reopen(pool)
        return false
    }

    private func answer(_ isIdle: Bool, _ pool: PoolID) {
        let closing = state.withLock { $0.closing.removeValue(forKey: pool) }
        closing?.yield(isIdle)
        closing?.finish()
    }

    private func fail(_ pool: PoolID, _ reason: String, at now: Timestamp, _ state: inout State) {
        guard var report = state.reports[pool], !report.replicas.contains(where: { $0.state == .up }) else { return }
        report.failure = FleetReport.Failure(at: now, reason: reason)
        state.reports[pool] = report
        tell(report, &state)
    }

    private func tell(_ report: FleetReport.Pool, _ state: inout State) {
        for news in state.reader?.read(report, now: now()) ?? [] { input.yield(news) }
    }
}
