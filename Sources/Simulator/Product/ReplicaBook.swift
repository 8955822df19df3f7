import Fleet

/// Tells a simulated pool's replicas apart: the simulator only counts them, a controller names its victims.
///
/// Boots of the same moment are interchangeable, and so are ready replicas; of replicas that went by themselves the
/// newest is struck off.
struct ReplicaBook: Sendable {
    struct Entry: Sendable {
        let id: ReplicaID
        /// `nil` for a replica that was there before the trace.
        var orderedAtSecond: Double?
        /// From the start of the trace; `nil` while it boots.
        var answeringSinceSecond: Double?

        var isReady: Bool { answeringSinceSecond != nil }
    }

    /// In the order of their names, which is that of their orders.
    private(set) var entries: [Entry] = []
    private(set) var ready = 0
    private var named = 0
    private var bootingSince: [Double] = []

    /// Brings the book to what the simulator shows.
    ///
    /// - Returns: whether that changed anything.
    @discardableResult mutating func update(_ view: FleetView) -> Bool {
        let isSame =
            view.ready == ready && view.bootedAfterSeconds.isEmpty && view.bootingSinceSeconds == bootingSince
        guard !isSame else { return false }
        var (known, booted) = (0, 0)
        entries = entries.compactMap { entry in
            guard !entry.isReady, let ordered = entry.orderedAtSecond else { return entry }
            if known < view.booting, view.bootingSinceSeconds[known] == ordered {
                known += 1
                return entry
            }
            guard booted < view.bootedAfterSeconds.count else { return nil }
            var entry = entry
            entry.answeringSinceSecond = ordered + view.bootedAfterSeconds[booted]
            booted += 1
            return entry
        }
        ready = entries.count(where: \.isReady)
        while ready > view.ready, let newest = entries.lastIndex(where: \.isReady) {
            entries.remove(at: newest)
            ready -= 1
        }
        while ready < view.ready {
            name(orderedAt: nil, answeringSince: view.second - view.binSeconds)
            ready += 1
        }
        for ordered in view.bootingSinceSeconds[known...] { name(orderedAt: ordered, answeringSince: nil) }
        bootingSince = view.bootingSinceSeconds
        return true
    }

    /// Strikes off replicas that the next look at the simulator will not show any more.
    mutating func strike(_ ids: [ReplicaID]) {
        entries.removeAll { ids.contains($0.id) }
        ready = entries.count(where: \.isReady)
    }

    private mutating func name(orderedAt: Double?, answeringSince: Double?) {
        named += 1
        // Padded, so that names sort as numbers.
        let digits = String(named)
        let id = ReplicaID(rawValue: "r" + String(repeating: "0", count: max(0, 7 - digits.count)) + digits)
        entries.append(Entry(id: id, orderedAtSecond: orderedAt, answeringSinceSecond: answeringSince))
    }
}
