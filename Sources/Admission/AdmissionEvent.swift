package import Fleet

/// What happens around the gateway. Events about a request that has ended are ignored, so late ones do no harm.
package enum AdmissionEvent: Sendable {
    // From the client.
    case arrived(Arrival)
    /// The body of a request without an announced length has grown to so many bytes.
    case bodyGrew(RequestID, bytes: Int)
    /// The client has gone. The data path closes the replica's connection, if there is one.
    case cancelled(RequestID)

    // From the replica that the request was dispatched to.
    /// The first byte of the answer's body has been passed on (of its head, where there is no body).
    case responseStarted(RequestID)
    /// The answer has been passed on whole.
    case finished(RequestID, status: Int)
    case failed(RequestID, DispatchFailure)

    // From the controller.
    /// All replicas of a pool as last seen; one that is missing is gone.
    case replicas(PoolID, [ObservedReplica])
    case boot(PoolID, BootOutlook)
    /// The wake that was asked for will not come; the reason is for logs and the client.
    case wakeFailed(PoolID, reason: String)
    /// The controller wants to stop what is left of a pool: answered by `closed` or `notIdle` in the same step.
    case closeIfIdle(PoolID)
    /// The stop of a closed pool was called off; its replicas are probed and serve again.
    case reopen(PoolID)

    /// The answer to a `probe`. Each is to be answered once; one that is not counts as failed after a while.
    case probed(Probe, passed: Bool)

    // From the process.
    /// The moment of the latest `wakeAt` has come. Earlier and surplus ones do no harm.
    case timePassed
    /// A new configuration. Pools that it no longer has refuse what they hold and finish what they run.
    case configured(AdmissionSettings)
    /// The gateway itself stops: nothing new, the rest until then.
    case drain(by: Timestamp)
}

/// How serving a request failed, by what that allows.
package enum DispatchFailure: Hashable, Sendable {
    /// No connection could be made, so nothing was sent. The replica has to show that it is ready before it gets more.
    case unreachable
    /// The connection broke before a byte of the request was sent, such as a pooled one that had gone stale.
    case unsent
    /// The replica said at once that it does not serve (an early 503), and none of that has been passed on.
    case turnedAway
    /// The replica has seen the request, and none of an answer has been passed on.
    case unanswered
    /// Part of an answer has been passed on.
    case midway
}

/// A step of the ladder that a replica climbs before it gets its first request.
package enum ProbeStep: String, Hashable, Sendable, CaseIterable {
    /// Its health check passes.
    case health
    /// It lists the pool's models.
    case models
    /// It generates one token.
    case token
}

/// A question to a replica.
package struct Probe: Hashable, Sendable {
    package var destination: Destination
    package var step: ProbeStep
    /// Tells this question from all others.
    package var number: UInt64
}

/// One replica as the controller or the configuration has it.
package struct ObservedReplica: Hashable, Sendable {
    package enum State: Hashable, Sendable {
        case booting
        /// It should be able to serve; the gateway makes sure by the ladder.
        case up
        /// Cordoned: it finishes what it has, and what is left at the deadline is cut.
        case draining(by: Timestamp)
        /// Stopped, suspended or failed: its connections are worth nothing.
        case down
    }

    package var id: ReplicaID
    package var state: State
    /// How many requests it may have at once (hard limit); `nil`: the pool's setting.
    package var slots: Int?
    /// Requests at the engine, running and waiting, and those of them that wait; `nil` when unknown or too old to use.
    package var requests: Double?
    package var waiting: Double?
    /// Share of the KV cache in use, 0 to 1.
    package var kvCacheUsage: Double?

    package init(
        id: ReplicaID, state: State, slots: Int? = nil, requests: Double? = nil, waiting: Double? = nil,
        kvCacheUsage: Double? = nil
    ) {
        self.id = id
        self.state = state
        self.slots = slots
        self.requests = requests
        self.waiting = waiting
        self.kvCacheUsage = kvCacheUsage
    }
}

/// What the controller knows of a pool's boots.
package struct BootOutlook: Hashable, Sendable {
    /// The measured length of a boot that counts as typical (the median, say); `nil` before the first.
    package var typical: Duration?
    /// When the boot that is under way is expected to serve; `nil`: by its typical length.
    package var readyAt: Timestamp?

    package init(typical: Duration? = nil, readyAt: Timestamp? = nil) {
        self.typical = typical
        self.readyAt = readyAt
    }
}
