import Fleet

/// A request between arrival and end.
struct LetInRequest: Sendable {
    let arrival: Arrival
    let arrivedAt: Timestamp
    /// The index of its pool.
    let pool: Int
    let place: FairQueue.Place
    let mayWake: Bool
    var bodyBytes: Int
    /// The replica that it was sent to; `nil` while it is held.
    var sentTo: ReplicaID?
    /// Replicas that it failed on.
    var tried: [ReplicaID] = []
    var attempts = 0
    var dispatchedAt: Timestamp?
    var firstByteAt: Timestamp?
    var lastReplica: ReplicaID?
    /// When the next comment is due; `nil` for answers that are not streams.
    var nextBeat: Timestamp?
    /// How many of the pool's wakes had ended when it came.
    let wakesBefore: Int
    var isCold = false

    var id: RequestID { arrival.id }

    func record(_ outcome: RequestRecord.Outcome, pool: PoolID, now: Timestamp) -> RequestRecord {
        RequestRecord(
            id: id, model: arrival.model, key: arrival.key, pool: pool, priority: place.priority, outcome: outcome,
            arrivedAt: arrivedAt, dispatchedAt: dispatchedAt, firstByteAt: firstByteAt, endedAt: now,
            replica: lastReplica, attempts: attempts, isCold: isCold)
    }
}
