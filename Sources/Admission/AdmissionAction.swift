package import Fleet

/// What the owner of an `AdmissionController` has to do, in this order.
package enum AdmissionAction: Hashable, Sendable {
    // About a request.
    /// Send it there. Attempts count from 1; exactly one of `finished`, `failed` or `cancelled` is due for each.
    case dispatch(RequestID, to: Destination, attempt: Int)
    /// Answer it: with the status, or as an error event where a heartbeat has already committed the 200.
    case reject(RequestID, Refusal)
    /// Write a server-sent comment; the first one commits the 200. `nil`: no end of the wait is known.
    case heartbeat(RequestID, eta: Duration?)
    /// Abort both of its connections; never end the stream cleanly.
    case cut(RequestID)
    /// It is over. Comes once for each request, after everything else about it.
    indirect case ended(RequestRecord)

    // About a pool or a replica.
    /// Ask the controller for a replica. Once per wake, however many wait; keep asking until it has heard.
    case wake(PoolID)
    indirect case wakeEnded(WakeRecord)
    case probe(Probe)
    /// Close its idle connections: it slept, or is about to.
    case dropConnections(Destination)
    /// It is gone as far as is known, with requests still on it: one that hears nothing for a while may be given up.
    case lost(Destination)
    /// It is there again, with the requests that it had.
    case found(Destination)
    /// It gets nothing new until that moment, and then not before it has climbed the ladder again.
    case ejected(Destination, until: Timestamp)
    /// A cordoned replica has nothing left; so many requests were cut for that.
    case drained(Destination, cut: Int)
    /// The pool was idle and gets nothing any more: its replicas may stop.
    case closed(PoolID)
    /// The pool stays open; the demand says why.
    indirect case notIdle(PoolDemand)
    /// Demand has changed in a way that the controller should hear of at once.
    indirect case demand(PoolDemand)

    // About the process.
    /// Send `timePassed` then; replaces the earlier wish.
    case wakeAt(Timestamp)
    /// Nothing is left of a gateway that drains; so many requests were cut for that.
    case gatewayDrained(cut: Int)
}

/// What a pool has to do, as the gateway sees it.
package struct PoolDemand: Hashable, Sendable {
    package var pool: PoolID
    package var held: Int
    package var heldBodyBytes: Int
    package var inFlight: Int
    /// Requests that were let in since the gateway began; refused ones do not count.
    package var arrivals: Int
    /// How long the request that has been held longest has waited; `nil` when none is held.
    package var oldestWait: Duration?
    package var isWaking: Bool
    /// Since when nothing has been held or in flight; `nil` while something is.
    package var idleSince: Timestamp?
    /// For how long that has been so.
    package var idleFor: Duration?
    /// Replicas that get requests.
    package var ready: Int
}
