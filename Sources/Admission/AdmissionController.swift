package import Fleet

/// Which request goes where and when: the gateway's one state machine.
///
/// Events in, actions out; it reads no clock and does no I/O. The owner keeps one value, hands it every event in the order
/// in which it happened, and carries out the actions in their order. Since one step decides on both, a pool cannot be
/// closed and a request let in at the same time.
package struct AdmissionController: Sendable {
    enum TimerKey: Hashable, Sendable {
        /// The next comment, or the end of its patience.
        case request(RequestID)
        /// What comes next for it depends on its phase.
        case replica(Destination)
        /// Nobody waits for a wake that somebody was told to come back to.
        case lease(PoolID)
        case drainDeadline
    }

    package internal(set) var settings: AdmissionSettings
    var now: Timestamp
    var desks: [PoolDesk] = []
    var deskIndex: [PoolID: Int] = [:]
    var requests: [RequestID: LetInRequest] = [:]
    var keys = KeyLedger()
    /// Held requests whose clients tell repetitions from other calls.
    var identities: [CallIdentity: RequestID] = [:]
    var timers = Timers<TimerKey, Timestamp>()
    var held = 0
    var heldBodyBytes = 0
    var dispatches = 0
    var probes: UInt64 = 0
    var drain: GatewayDrain?
    /// What this step has led to so far.
    var actions: [AdmissionAction] = []
    /// The pools that this step has changed something about.
    private var touched: [Int] = []
    private var toldWake: Timestamp?

    package init(settings: AdmissionSettings, now: Timestamp) {
        self.settings = settings
        self.now = now
        configure(settings)
        touched = []
    }

    /// Takes note of an event. Costs O(log n) in the requests at the gateway, and O(r) in the replicas of a pool, for each
    /// action that it gives back.
    ///
    /// - Parameter now: from a clock that does not jump (a monotonic one from the wall clock's time at the start on); one
    ///   that goes back stands still here.
    package mutating func handle(_ event: AdmissionEvent, now: Timestamp) -> [AdmissionAction] {
        self.now = max(self.now, now)
        actions.removeAll(keepingCapacity: true)
        // What has happened comes before what is due, so that nobody is cut, or told to wait, who is through already.
        take(event)
        settleTouched()
        fireTimers()
        tellWake()
        return actions
    }

    /// What the pool has to do; `nil` for an unknown pool.
    package func demand(of pool: PoolID, now: Timestamp) -> PoolDemand? {
        deskIndex[pool].map { demand(ofDesk: $0, now: max(self.now, now)) }
    }

    /// Whether a replica of the pool is on its way to be ready.
    package func isComing(_ pool: PoolID) -> Bool { deskIndex[pool].map { desks[$0].isComing } ?? false }

    func demand(ofDesk desk: Int, now: Timestamp) -> PoolDemand {
        let oldest = desks[desk].queue.byAge.first.flatMap { requests[$0]?.arrivedAt }
        return desks[desk].demand(oldestSince: oldest, now: now)
    }

    private mutating func take(_ event: AdmissionEvent) {
        switch event {
        case .arrived(let arrival): arrive(arrival)
        case .bodyGrew(let id, let bytes): bodyGrew(id, to: bytes)
        case .cancelled(let id): end(id, .cancelled)
        case .responseStarted(let id): responseStarted(id)
        case .finished(let id, let status): finished(id, status)
        case .failed(let id, let failure): failed(id, failure)
        case .replicas(let pool, let seen): deskIndex[pool].map { observe(seen, desk: $0) }
        case .boot(let pool, let outlook): deskIndex[pool].map { desks[$0].outlook = outlook }
        case .wakeFailed(let pool, let reason): deskIndex[pool].map { wakeFailed(reason, desk: $0) }
        case .closeIfIdle(let pool): deskIndex[pool].map { closeIfIdle($0) }
        case .reopen(let pool): deskIndex[pool].map { reopen($0) }
        case .probed(let probe, let passed): probed(probe, passed)
        case .timePassed: break
        case .configured(let settings): configure(settings)
        case .drain(let deadline): startDrain(deadline)
        }
    }

    private mutating func fireTimers() {
        while let key = timers.take(dueBy: now) {
            switch key {
            case .request(let id): requestIsDue(id)
            case .replica(let destination): replicaIsDue(destination)
            case .lease(let pool): deskIndex[pool].map { touch($0) }
            case .drainDeadline: finishDrain()
            }
            // What a timer has freed may be what the next one waits for.
            settleTouched()
        }
    }

    mutating func touch(_ desk: Int) {
        if !touched.contains(desk) { touched.append(desk) }
    }

    private mutating func settleTouched() {
        while let desk = touched.popLast() { settle(desk) }
        if requests.isEmpty { reportDrained() }
    }

    /// Brings a pool to rest after a change.
    ///
    /// 1. A wake ends when a replica is ready.
    /// 2. What is held is released, as far as there is room.
    /// 3. What remains needs a replica that is on its way, or a wake; a wake that nobody needs ends.
    /// 4. The controller hears of it.
    private mutating func settle(_ desk: Int) {
        if desks[desk].isServed {
            desks[desk].failure = nil
            endWake(desk, .served)
            release(desk)
        } else {
            settleWake(desk)
        }
        if !desks[desk].isEmpty {
            desks[desk].idleSince = nil
        } else if desks[desk].idleSince == nil {
            desks[desk].idleSince = now
        }
        if desks[desk].hasNews() { actions.append(.demand(demand(ofDesk: desk, now: now))) }
    }

    /// Asks for the next moment, when the one that was asked for is past or too late.
    private mutating func tellWake() {
        if let told = toldWake, told <= now { toldWake = nil }
        guard let next = timers.earliest, toldWake.map({ next < $0 }) ?? true else { return }
        toldWake = next
        actions.append(.wakeAt(next))
    }

    /// Takes over a configuration; what is under way goes on by the limits that it began with.
    mutating func configure(_ settings: AdmissionSettings) {
        self.settings = settings
        let wanted = Set(settings.models.values).union(settings.pools.keys).sorted()
        for pool in wanted {
            let limits = settings.pools[pool] ?? PoolLimits()
            if let desk = deskIndex[pool] {
                desks[desk].limits = limits
                desks[desk].isRetired = false
            } else {
                deskIndex[pool] = desks.count
                desks.append(PoolDesk(id: pool, limits: limits, now: now))
            }
        }
        for desk in desks.indices where !wanted.contains(desks[desk].id) {
            desks[desk].isRetired = true
            refuseHeld(desk, Refusal(.modelNotFound, "The model was taken out of the configuration."))
            observe([], desk: desk)
        }
    }
}
