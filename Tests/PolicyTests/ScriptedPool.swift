import Fleet
import Policy

/// A pool whose fleet and engines a test writes down tick by tick.
struct ScriptedPool {
    var controller: PoolController
    var now = Timestamp(millisecondsSince1970: 1_767_225_600_000)
    var fleet = FleetState(observedAt: Timestamp(millisecondsSince1970: 0), replicas: [])
    var engines: [EngineObservation] = []
    /// Requests held at the gateway.
    var held: Double?
    var outcome: ActionOutcome?
    var refuse: (ScalingAction) -> DriverError? = { _ in nil }
    private(set) var actions: [ScalingAction] = []
    private(set) var events: [PoolEvent] = []

    init(by sizing: Sizing = .thresholds, _ configure: (inout PolicySettings) -> Void = { _ in }) {
        var settings = PolicySettings()
        (settings.maximum, settings.capacity, settings.tolerance) = (10, 10, 0)
        configure(&settings)
        controller = sizing.controller(settings)
    }

    static func id(_ name: String) -> ReplicaID { ReplicaID(rawValue: name) }

    mutating func set(
        _ name: String, _ condition: EngineCondition, requests: Double? = nil, launched: Duration = .seconds(9000),
        age: Duration = .zero
    ) {
        let id = Self.id(name)
        if !fleet.replicas.contains(where: { $0.id == id }) {
            fleet.replicas.append(Replica(id: id, state: .ready, launchedAt: now - launched))
            fleet.replicas.sort { $0.id < $1.id }
        }
        engines.removeAll { $0.id == id }
        var row = EngineObservation(id: id, condition: condition, running: requests, waiting: requests.map { _ in 0 })
        if condition != .starting {
            (row.age, row.answeringSince) = (age, now - .seconds(3600))
        }
        engines.append(row)
    }

    /// Orders change `desired` and nothing boots; removals are carried out.
    @discardableResult
    mutating func tick() -> TickOutput {
        let output = controller.step(
            TickInput(
                now: now, observation: PoolObservation(at: now, engines: engines, held: held), fleet: fleet,
                outcome: outcome))
        events += output.events
        outcome = nil
        if let planned = output.action {
            actions.append(planned.action)
            if let error = refuse(planned.action) {
                outcome = ActionOutcome(id: planned.id, result: .failed(error))
            } else {
                switch planned.action {
                case .grow(let size, _): if fleet.desired != nil { fleet.desired = size }
                case .remove(let ids, _):
                    fleet.replicas.removeAll { ids.contains($0.id) }
                    engines.removeAll { ids.contains($0.id) }
                    fleet.desired = fleet.desired.map { $0 - ids.count }
                case .replace(let ids, _):
                    fleet.replicas.removeAll { ids.contains($0.id) }
                    engines.removeAll { ids.contains($0.id) }
                case .withdraw(let size, _): fleet.desired = size
                }
                outcome = ActionOutcome(id: planned.id, result: .accepted(Receipt()))
            }
        }
        now = now + controller.settings.interval
        return output
    }

    mutating func run(_ span: Duration) {
        let end = now + span
        while now < end { tick() }
    }
}
