package import Fleet

/// A request from arrival to end, for the log line and the histograms.
package struct RequestRecord: Hashable, Sendable {
    package enum Outcome: Hashable, Sendable {
        /// The whole answer was passed on, whatever its status.
        case served(status: Int)
        case refused(Refusal.Code)
        case cancelled
        /// The replica failed after part of its answer had been passed on.
        case brokenOff
        /// It was still running at the deadline of a drain.
        case drainDeadline
        /// The client repeated the call, and the repetition took its place.
        case superseded
    }

    package var id: RequestID
    package var model: String
    package var key: KeyID
    /// `nil` for a model that is not known.
    package var pool: PoolID?
    package var priority: Int
    package var outcome: Outcome
    package var arrivedAt: Timestamp
    /// When it was sent to a replica for the first time.
    package var dispatchedAt: Timestamp?
    package var firstByteAt: Timestamp?
    package var endedAt: Timestamp
    /// The replica that it was last sent to.
    package var replica: ReplicaID?
    /// How often it was sent to a replica.
    package var attempts: Int
    /// Whether it waited for a wake.
    package var isCold: Bool
}

/// One wake from the first request that needed it to its end.
package struct WakeRecord: Hashable, Sendable {
    package enum Outcome: Hashable, Sendable {
        /// A replica is ready; `waiters` are the requests that it finds.
        case served
        case failed(String)
        /// Nobody waits any more.
        case abandoned
    }

    package var pool: PoolID
    package var outcome: Outcome
    package var startedAt: Timestamp
    package var endedAt: Timestamp
    /// Requests that were waiting at the end.
    package var waiters: Int
}
