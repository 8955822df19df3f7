package import Fleet

/// The name of one request at this gateway, given by the data path and never used again.
package struct RequestID: Hashable, Comparable, Sendable, CustomStringConvertible {
    package var rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }

    package static func < (a: RequestID, b: RequestID) -> Bool { a.rawValue < b.rawValue }
    package var description: String { "\(rawValue)" }
}

/// The name of an API key, never the secret.
package struct KeyID: Hashable, Sendable, CustomStringConvertible {
    package var rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }
    package var description: String { rawValue }
}

/// A replica among all that a gateway knows.
package struct Destination: Hashable, Sendable, CustomStringConvertible {
    package var pool: PoolID
    package var replica: ReplicaID

    package init(pool: PoolID, replica: ReplicaID) {
        self.pool = pool
        self.replica = replica
    }

    package var description: String { "\(pool)/\(replica)" }
}

/// A request that wants service: authenticated, on an inference path, its head complete and its model read.
///
/// Whatever fails before that is answered by the data path and never comes here, so it can neither wake a pool nor keep
/// one awake.
package struct Arrival: Sendable {
    package var id: RequestID
    package var model: String
    package var key: KeyID
    /// Higher goes first; at most the key's own, which is also what `nil` stands for.
    package var priority: Int?
    /// What holding the request costs in body bytes: those read so far, or still to be read.
    package var bodyBytes: Int
    /// Whether the answer is a stream of server-sent events, which may be kept alive by comments.
    package var isStreaming: Bool
    /// Whether a second run does no harm, so that it may be sent again after a replica has seen it.
    package var isSafeToRepeat: Bool
    /// `x-stainless-retry-count`; 0 when absent.
    package var retryCount: Int
    /// A hash of what tells repetitions of one call from other calls of the same key (`Idempotency-Key`); `nil` when
    /// the client sends nothing of the kind.
    package var identity: UInt64?
    /// A hash of the session or the prompt's prefix: requests with equal ones prefer the same replica.
    package var affinity: UInt64?
    /// What the client itself will wait at most for the first byte; `nil` when it does not say.
    package var patience: Duration?

    package init(
        id: RequestID, model: String, key: KeyID, priority: Int? = nil, bodyBytes: Int = 0, isStreaming: Bool = false,
        isSafeToRepeat: Bool = false, retryCount: Int = 0, identity: UInt64? = nil, affinity: UInt64? = nil,
        patience: Duration? = nil
    ) {
        self.id = id
        self.model = model
        self.key = key
        self.priority = priority
        self.bodyBytes = bodyBytes
        self.isStreaming = isStreaming
        self.isSafeToRepeat = isSafeToRepeat
        self.retryCount = retryCount
        self.identity = identity
        self.affinity = affinity
        self.patience = patience
    }
}
