import Fleet

/// A replica as requests are sent to it.
struct RoutedReplica: Sendable {
    enum Phase: Hashable, Sendable {
        /// On its way; nothing answers yet.
        case booting
        /// Stopped or gone.
        case away
        /// It shows that it can serve, step by step; `asked` is the probe that is out, `nil` between two.
        case climbing(step: Int, asked: UInt64?)
        case ready
        /// Out for a while, after too many failures.
        case ejected
        /// Cordoned: it only finishes what it has. `isDone` once that has been said.
        case draining(wasReady: Bool, isDone: Bool)
        /// Given up for a stop, with the proof that it was idle.
        case closed
    }

    let id: ReplicaID
    /// Where it is on the circle of affinities.
    let hash: UInt64
    var phase: Phase = .away
    /// Whether the controller still names it. Without that it stays until its last request has ended.
    var isListed = true
    var slots: Int
    var waiting: Double?
    var kvCacheUsage: Double?
    /// Requests at the engine that others have sent.
    var foreign = 0.0
    var inFlight: Set<RequestID> = []
    /// Failures since the last success.
    var failuresInRow = 0
    /// Ejections since the last success.
    var ejections = 0
    /// When it last got a request, as a count of all dispatches.
    var lastUsed = 0

    init(id: ReplicaID, slots: Int) {
        self.id = id
        self.slots = slots
        // FNV-1a: the same in every process, unlike `Hasher`.
        hash = id.rawValue.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }

    var isReady: Bool { phase == .ready }

    /// Whether it can become ready without anybody being asked.
    var isComing: Bool {
        switch phase {
        case .booting, .climbing, .ejected: true
        case .away, .ready, .draining, .closed: false
        }
    }

    var hasRoom: Bool { inFlight.count < slots }

    /// Share of its slots in use, by whomever.
    var load: Double { (Double(inFlight.count) + foreign) / Double(max(1, slots)) }

    /// Whether others are to be preferred.
    func isBeyondSoftLimit(_ limits: PoolLimits) -> Bool {
        load >= limits.softShare || (waiting ?? 0) >= limits.softWaiting
            || (kvCacheUsage ?? 0) >= limits.softKVCacheUsage
    }

    /// Takes over what the controller sees. Engines count our requests too, so those are taken off their number.
    mutating func report(_ seen: ObservedReplica, _ limits: PoolLimits) {
        isListed = true
        slots = max(0, seen.slots ?? limits.slots)
        waiting = seen.waiting
        kvCacheUsage = seen.kvCacheUsage
        foreign = max(0, (seen.requests ?? 0) - Double(inFlight.count))
    }
}
