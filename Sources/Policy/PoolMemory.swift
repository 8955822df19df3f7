package import Fleet

/// What a controller keeps between ticks. Stored with every tick, so that a restart continues where it stopped.
package struct PoolMemory: Hashable, Sendable, Codable {
    package var lastTick: Timestamp?
    /// When this controller began to watch without a gap; nothing shrinks within one stable window of it.
    package var watchingSince: Timestamp?
    /// Since when fewer replicas would do, without interruption.
    package var calmSince: Timestamp?
    /// Since when nobody is known to have asked for anything, without interruption.
    package var idleSince: Timestamp?
    /// When that was last known to be so.
    package var idleSeen: Timestamp?
    /// Somebody asks for a pool in which nobody serves.
    package var wake: WakeCall?
    /// The previous tick lacked data.
    package var wasBlind = false
    package var lastScaleUp: Timestamp?
    package var lastScaleDown: Timestamp?
    /// Changes young enough for a step limit to count them, oldest first.
    package var recentSteps: [Step] = []
    /// Replicas that the controller has cordoned, by identifier.
    package var draining: [Since] = []
    /// Replicas whose removal was accepted and that are still listed, by identifier.
    @AddedLater package var removed: [Since] = []
    /// Replicas whose boot has not ended, by identifier.
    package var booting: [Since] = []
    /// Replicas whose health check fails, by identifier.
    package var dead: [Since] = []
    /// Replicas that the control plane calls broken, by identifier.
    @AddedLater package var failed: [Since] = []
    /// Replicas whose engine does not answer any more, by identifier.
    @AddedLater package var silent: [Since] = []
    /// Ticks with replicas newly broken since one booted.
    @AddedLater package var crashes = 0
    /// Since when the group is smaller than the size it works towards, with nothing to show for the difference.
    package var undeliveredSince: Timestamp?
    /// The size that the control plane worked towards at the last tick.
    package var lastDesired: Int?
    /// The action whose outcome is not known yet.
    package var pending: Pending?
    /// When the control plane last accepted an action, or may have.
    package var lastAnswered: Timestamp?
    /// Holds back growth; and removals too, unless it was growth itself that was refused.
    package var backOff: BackOff?
    /// Holds back removals, after one was refused.
    package var removalBackOff: BackOff?
    /// Of each group of a pool of several.
    @AddedLater package var groups: [GroupMemory] = []
    /// Replicas that the cloud is about to take away.
    @AddedLater package var notices: [Notice] = []
    /// Replicas on which requests wait, by identifier.
    @AddedLater package var queueing: [Since] = []
    /// The batch of settled replicas while requests wait there for long: the largest, or less where most show less.
    package var learnedCapacity: Double?
    /// The largest of them that was ever seen.
    package var largestBatch: Double?
    /// What all engines together last told of their KV caches, in full ones, and of the tokens that they generate in a
    /// second.
    package var kvCaches: EngineSignal.Last?
    package var tokenRate: EngineSignal.Last?
    /// Optional, as memories that were stored earlier lack it.
    package var work: WorkMeter?
    /// Kept while there is a budget for a day.
    package var spending: Spending?
    /// Whether the objective has followed what was learned.
    package var hasLearned: Bool?
    /// Whether forecasts were good enough to be acted on, by the latest one.
    package var forecastTrusted: Bool?
    package var boots = BootClock()
    package var actionsPlanned = 0

    package init() {}

    package struct Step: Hashable, Sendable, Codable {
        package var at: Timestamp
        /// Replicas ordered; negative when cordoned.
        package var change: Int
    }

    package struct Since: Hashable, Sendable, Codable, NamedByReplica {
        package var id: ReplicaID
        package var since: Timestamp
    }

    package struct Pending: Hashable, Sendable, Codable {
        package var planned: PlannedAction
        package var at: Timestamp
        /// Replicas by which it grows; 0 for a removal, which was counted when its victims were cordoned.
        package var growth: Int
        /// Drained replicas that it takes away.
        package var leaving: [Leaving]
    }

    package struct Leaving: Hashable, Sendable, Codable {
        package var id: ReplicaID
        package var since: Timestamp
        /// Requests still on it, by its last reading.
        package var cutRequests: Double
    }

    package struct BackOff: Hashable, Sendable, Codable {
        package var until: Timestamp
        package var failures: Int
        package var error: DriverError
    }
}

extension PoolMemory {
    /// Silence lasts since the last good reading. While nobody asked there was none.
    mutating func noteSilence(_ engines: [EngineObservation], now: Timestamp) {
        if silent.isEmpty, !engines.contains(where: { if case .silent = $0.condition { true } else { false } }) {
            return
        }
        silent = engines.compactMap { engine in
            guard case .silent = engine.condition, let age = engine.age else { return nil }
            return Since(id: engine.id, since: max(now - age, silent.since(engine.id) ?? watchingSince ?? now))
        }
    }

    /// After the clock was set back: what lies in the future happened just now, and nothing waits for it.
    mutating func forgetFuture(now: Timestamp) {
        move { min($0, now) }
        (backOff, removalBackOff, wake) = (nil, nil, nil)
        for index in groups.indices { (groups[index].backOff, groups[index].removalBackOff) = (nil, nil) }
    }

    /// After a gap, or a clock that was set forward: what nobody watched has not lasted. All goes on as if the last tick
    /// had been one interval ago.
    mutating func forgiveGap(now: Timestamp, interval: Duration) {
        guard let lastTick else { return }
        let unwatched = now - lastTick - interval
        move { $0 + unwatched }
    }

    /// Every moment since when something lasts. Not that up to which money is counted: replicas cost, watched or not.
    private mutating func move(_ moved: (Timestamp) -> Timestamp) {
        for moment in [\PoolMemory.lastTick, \.lastScaleUp, \.lastScaleDown, \.undeliveredSince, \.lastAnswered] {
            self[keyPath: moment] = self[keyPath: moment].map(moved)
        }
        for moment in [\PoolMemory.kvCaches, \.tokenRate] {
            if let at = self[keyPath: moment]?.at { self[keyPath: moment]?.at = moved(at) }
        }
        for index in groups.indices { groups[index].undeliveredSince = groups[index].undeliveredSince.map(moved) }
        for index in recentSteps.indices { recentSteps[index].at = moved(recentSteps[index].at) }
        for list in [\PoolMemory.draining, \.removed, \.booting, \.dead, \.failed, \.silent, \.queueing] {
            for index in self[keyPath: list].indices {
                self[keyPath: list][index].since = moved(self[keyPath: list][index].since)
            }
        }
        guard var pending else { return }
        pending.at = moved(pending.at)
        for index in pending.leaving.indices { pending.leaving[index].since = moved(pending.leaving[index].since) }
        self.pending = pending
    }
}

extension DriverError {
    /// Whether the control plane is well and refused this one thing; otherwise all calls have the same trouble.
    var isRefusal: Bool {
        switch self {
        case .unauthorized, .noCapacity, .rejected: true
        case .throttled, .unreachable, .outcomeUnknown: false
        }
    }
}

extension [PoolMemory.Since] {
    package func since(_ id: ReplicaID) -> Timestamp? { place(of: id).map { self[$0].since } }

    /// Keeps the moment of every identifier that is still there, adds the new ones at `now`.
    mutating func track(_ ids: [ReplicaID], now: Timestamp) {
        if isEmpty, ids.isEmpty { return }
        self = ids.sorted().map { PoolMemory.Since(id: $0, since: since($0) ?? now) }
    }
}
