import Fleet

/// What the gateway knows of one pool.
struct PoolDesk: Sendable {
    /// A pool without a ready replica is wanted. There is at most one per pool, whoever waits.
    struct WakeLease: Sendable {
        var startedAt: Timestamp
        /// Whether the controller was asked. Not so while only such requests wait for a replica that comes anyway whose
        /// keys may not wake.
        var isAsked = false
        /// Until then it lasts without anybody who waits: somebody was told to come back.
        var keptUntil: Timestamp?
    }

    let id: PoolID
    var limits: PoolLimits
    /// No longer in the configuration.
    var isRetired = false
    var queue = FairQueue()
    var heldBodyBytes = 0
    /// Held requests whose keys may wake.
    var heldWakers = 0
    var inFlight = 0
    var arrivals = 0
    /// Sorted by identifier.
    var replicas: [RoutedReplica] = []
    var lease: WakeLease?
    var wakesEnded = 0
    /// Why the last wake failed, for as long as that answers for new requests.
    var failure: (reason: String, until: Timestamp)?
    var outlook = BootOutlook()
    var idleSince: Timestamp?
    private var told: (total: Int, isHolding: Bool, isWaking: Bool) = (0, false, false)

    init(id: PoolID, limits: PoolLimits, now: Timestamp) {
        self.id = id
        self.limits = limits
        idleSince = now
    }

    var isEmpty: Bool { queue.isEmpty && inFlight == 0 }
    var isServed: Bool { replicas.contains { $0.isReady } }
    var isComing: Bool { replicas.contains { $0.isComing } }

    func index(of replica: ReplicaID) -> Int? { replicas.firstIndex { $0.id == replica } }

    /// How long until a replica is expected to be ready; `nil` when unknown or overdue.
    func expectedWait(_ now: Timestamp) -> Duration? {
        guard !isServed else { return nil }
        let readyAt = outlook.readyAt ?? outlook.typical.map { (lease?.startedAt ?? now) + $0 }
        return readyAt.flatMap { $0 > now ? $0 - now : nil }
    }

    /// How long a request may be held from its arrival on, as things stand.
    func patience(for arrival: Arrival) -> Duration {
        let own = arrival.patience ?? limits.maximumHold
        return min(own, limits.maximumHold, isServed ? limits.maximumHold : limits.wakeBudget)
    }

    func demand(oldestSince: Timestamp?, now: Timestamp) -> PoolDemand {
        PoolDemand(
            pool: id, held: queue.count, heldBodyBytes: heldBodyBytes, inFlight: inFlight, arrivals: arrivals,
            oldestWait: oldestSince.map { now - $0 }, isWaking: lease != nil, idleSince: idleSince,
            idleFor: idleSince.map { now - $0 },
            ready: replicas.count { $0.isReady })
    }

    /// Whether the controller should hear of the demand now: work or waiting began or ended, a wake began or ended, or the
    /// number of requests left the band of 1/2 to 5/4 of what was told last.
    mutating func hasNews() -> Bool {
        let total = queue.count + inFlight
        let state = (total: total, isHolding: !queue.isEmpty, isWaking: lease != nil)
        let isNews =
            state.isHolding != told.isHolding || state.isWaking != told.isWaking || (total == 0) != (told.total == 0)
            || total > told.total + max(1, told.total / 4) || total * 2 < told.total
        if isNews { told = state }
        return isNews
    }
}
