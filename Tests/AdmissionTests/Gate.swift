import Fleet

@testable import Admission

/// A controller with a clock of its own, and short names for what tests do all the time.
struct Gate {
    static let pool = PoolID(rawValue: "chat")
    static let model = "llama"

    var controller: AdmissionController
    var now = Timestamp(millisecondsSince1970: 1_700_000_000_000)
    /// When it last wanted to be woken.
    var wakeAt: Timestamp?
    private var lastID: UInt64 = 0

    /// One pool; without a ladder, so that what is up is ready, unless the change says otherwise.
    init(_ change: (inout AdmissionSettings, inout PoolLimits) -> Void = { _, _ in }) {
        var limits = PoolLimits()
        limits.ladder = []
        var settings = AdmissionSettings(models: [Self.model: Self.pool])
        change(&settings, &limits)
        settings.pools[Self.pool] = limits
        controller = AdmissionController(settings: settings, now: now)
    }

    @discardableResult
    mutating func send(_ event: AdmissionEvent) -> [AdmissionAction] {
        let actions = controller.handle(event, now: now)
        for case .wakeAt(let moment) in actions { wakeAt = moment }
        return actions
    }

    /// Lets time pass as an owner does: it calls at every moment that was wished for.
    @discardableResult
    mutating func pass(_ span: Duration) -> [AdmissionAction] {
        let end = now + span
        var actions: [AdmissionAction] = []
        while let moment = wakeAt, moment <= end {
            now = max(now, moment)
            wakeAt = nil
            actions += send(.timePassed)
        }
        now = end
        return actions
    }

    mutating func nextID() -> RequestID {
        lastID += 1
        return RequestID(rawValue: lastID)
    }

    mutating func arrive(_ change: (inout Arrival) -> Void = { _ in }) -> (id: RequestID, actions: [AdmissionAction]) {
        var arrival = Arrival(id: nextID(), model: Self.model, key: KeyID(rawValue: "k"))
        change(&arrival)
        return (arrival.id, send(.arrived(arrival)))
    }

    /// So many requests, one after the other.
    mutating func arrive(_ count: Int, _ change: (inout Arrival) -> Void = { _ in }) -> [RequestID] {
        (0..<count).map { _ in arrive(change).id }
    }

    /// The replicas that are up, with so many slots each.
    @discardableResult
    mutating func up(_ slots: KeyValuePairs<String, Int>) -> [AdmissionAction] {
        send(.replicas(Self.pool, slots.map { ObservedReplica(id: ReplicaID(rawValue: $0), state: .up, slots: $1) }))
    }

    @discardableResult
    mutating func see(_ states: KeyValuePairs<String, ObservedReplica.State>) -> [AdmissionAction] {
        send(.replicas(Self.pool, states.map { ObservedReplica(id: ReplicaID(rawValue: $0), state: $1, slots: 2) }))
    }

    @discardableResult
    mutating func finish(_ id: RequestID, status: Int = 200) -> [AdmissionAction] {
        send(.finished(id, status: status))
    }

    var demand: PoolDemand? { controller.demand(of: Self.pool, now: now) }
}

extension [AdmissionAction] {
    var dispatched: [RequestID] {
        compactMap { if case .dispatch(let id, _, _) = $0 { id } else { nil } }
    }

    var replicas: [String] {
        compactMap { if case .dispatch(_, let to, _) = $0 { to.replica.rawValue } else { nil } }
    }

    var refused: [Refusal.Code] {
        compactMap { if case .reject(_, let refusal) = $0 { refusal.code } else { nil } }
    }

    var refusal: Refusal? {
        compactMap { if case .reject(_, let refusal) = $0 { refusal } else { nil } }.first
    }

    var records: [RequestRecord] {
        compactMap { if case .ended(let record) = $0 { record } else { nil } }
    }

    var wakes: Int { count { if case .wake = $0 { true } else { false } } }

    var wakeEnds: [WakeRecord.Outcome] {
        compactMap { if case .wakeEnded(let record) = $0 { record.outcome } else { nil } }
    }

    var beats: [RequestID] {
        compactMap { if case .heartbeat(let id, _) = $0 { id } else { nil } }
    }

    var probes: [Probe] {
        compactMap { if case .probe(let probe) = $0 { probe } else { nil } }
    }

    var cut: [RequestID] {
        compactMap { if case .cut(let id) = $0 { id } else { nil } }
    }
}
