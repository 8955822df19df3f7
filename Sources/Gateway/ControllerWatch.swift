import Admission
import Fleet

/// What becomes of wakes and readings while the controller says nothing.
///
/// News about a pool shows that the controller hears. Until it comes, a wake is asked for again, ever more rarely; and
/// what was read of the engines long ago is no longer used.
struct ControllerWatch {
    /// What is to be done by now.
    struct Due {
        var again: [PoolID] = []
        var givenUp: [PoolID] = []
        /// Pools by what is still known of their replicas.
        var outdated: [(PoolID, [ObservedReplica])] = []
    }

    private struct Ask {
        var since: Timestamp
        var next: Timestamp
        var pause: Duration
    }

    private struct Readings {
        var at: Timestamp
        var replicas: [ObservedReplica]
    }

    /// How long the engines' numbers are used.
    static let readingLife: Duration = .seconds(30)

    /// After which an unheard wake has failed; a 60th of it is the first pause, and eight times that the longest.
    private let patience: Duration
    private var asks: [PoolID: Ask] = [:]
    private var readings: [PoolID: Readings] = [:]

    init(patience: Duration) { self.patience = patience }

    mutating func asked(for pool: PoolID, now: Timestamp) {
        asks[pool] = Ask(since: now, next: now + patience / 60, pause: patience / 60)
    }

    mutating func wakeEnded(_ pool: PoolID) { asks[pool] = nil }

    /// - Parameter replicas: `nil` for news of another kind.
    mutating func heard(of pool: PoolID, replicas: [ObservedReplica]?, now: Timestamp) {
        asks[pool] = nil
        guard let replicas else { return }
        readings[pool] = replicas.contains { $0.hasReadings } ? Readings(at: now, replicas: replicas) : nil
    }

    /// Each is said once.
    mutating func due(_ now: Timestamp) -> Due {
        var due = Due()
        for (pool, ask) in asks.sorted(by: { $0.key < $1.key }) {
            if now - ask.since >= patience {
                asks[pool] = nil
                due.givenUp.append(pool)
            } else if now >= ask.next {
                let pause = min(ask.pause * 2, patience / 60 * 8)
                asks[pool] = Ask(since: ask.since, next: now + pause, pause: pause)
                due.again.append(pool)
            }
        }
        for (pool, old) in readings.sorted(by: { $0.key < $1.key }) where now - old.at >= Self.readingLife {
            readings[pool] = nil
            due.outdated.append((pool, old.replicas.map(\.withoutReadings)))
        }
        return due
    }
}

extension ObservedReplica {
    fileprivate var hasReadings: Bool { requests != nil || waiting != nil || kvCacheUsage != nil }

    fileprivate var withoutReadings: ObservedReplica { ObservedReplica(id: id, state: state, slots: slots) }
}
