import Fleet
import Policy

/// A pool of several groups in virtual time around a real controller. Every replica serves ten requests.
struct VirtualGroups {
    struct Group {
        var settings: GroupSettings
        /// Machines that its cloud has for it.
        var machines = 100
        /// Whether an order beyond them is refused at once; otherwise it is accepted and the launches fail.
        var refuses = false
        /// Why its control plane does not answer.
        var error: DriverError?
        var desired = 0
        var replicas: [(id: ReplicaID, launched: Timestamp, leavesAt: Timestamp?)] = []
    }

    var controller: PoolController
    var now = Timestamp(millisecondsSince1970: 1_767_225_600_000)
    var boot: Duration = .seconds(60)
    var groups: [Group]
    var load = 0.0
    private(set) var outputs: [TickOutput] = []
    private var latest: [GroupID: FleetState] = [:]
    private var outcome: ActionOutcome?
    private var launches = 0

    /// - Parameter groups: names in fail-over order, with the replicas that each has at first.
    init(_ groups: KeyValuePairs<String, Int>, _ configure: (inout PolicySettings) -> Void = { _ in }) {
        var settings = PolicySettings()
        (settings.maximum, settings.capacity, settings.tolerance) = (100, 10, 0)
        settings.scaleUp.loadAbove = 1
        settings.signals.actsOnForecast = false
        configure(&settings)
        controller = PoolController(pool: PoolID(rawValue: "p"), settings: settings)
        self.groups = groups.map { Group(settings: GroupSettings(id: GroupID(rawValue: $0.key))) }
        for (index, group) in groups.enumerated() {
            self.groups[index].desired = group.value
            launch(in: index, at: now - .seconds(7200))
        }
    }

    subscript(_ name: String) -> Group {
        get { groups[index(GroupID(rawValue: name))] }
        set { groups[index(GroupID(rawValue: name))] = newValue }
    }

    var sizes: [Int] { groups.map(\.replicas.count) }
    var actions: [ScalingAction] { outputs.compactMap { $0.action?.action } }

    private func index(_ id: GroupID?) -> Int { groups.firstIndex { $0.settings.id == id } ?? 0 }

    private mutating func launch(in index: Int, at moment: Timestamp) {
        while groups[index].replicas.count < min(groups[index].desired, groups[index].machines) {
            launches += 1
            let name = "\(groups[index].settings.id)-\(launches)"
            groups[index].replicas.append((ReplicaID(rawValue: name), moment, nil))
        }
    }

    /// What the cloud takes away is gone, and its group orders it anew.
    private mutating func move() {
        for index in groups.indices {
            groups[index].replicas.removeAll { $0.leavesAt.map { $0 <= now } ?? false }
            launch(in: index, at: now)
        }
    }

    private mutating func reading(_ group: Group) -> GroupReading {
        let id = group.settings.id
        if let error = group.error { return GroupReading(settings: group.settings, latest: latest[id], error: error) }
        let isShort = group.replicas.count < group.desired
        let state = FleetState(
            observedAt: now, desired: group.desired,
            shortage: isShort ? .noCapacity(market: .spot, zone: nil, message: "no machines") : nil,
            replicas: group.replicas.map {
                Replica(id: $0.id, state: .ready, launchedAt: $0.launched, leavesAt: $0.leavesAt)
            })
        latest[id] = state
        return GroupReading(settings: group.settings, latest: state)
    }

    @discardableResult
    mutating func tick() -> TickOutput {
        move()
        let all = groups.flatMap(\.replicas)
        let ready = max(1, all.count { now - $0.launched >= boot })
        let engines = all.map { replica -> EngineObservation in
            guard now - replica.launched >= boot else { return EngineObservation(id: replica.id, condition: .starting) }
            var row = EngineObservation(
                id: replica.id, condition: .answering, running: load / Double(ready), waiting: 0)
            (row.age, row.answeringSince) = (.zero, replica.launched + boot)
            return row
        }
        var readings: [GroupReading] = []
        for group in groups { readings.append(reading(group)) }
        let output = controller.step(
            TickInput(
                now: now, observation: PoolObservation(at: now, engines: engines),
                fleet: try? FleetState(merging: readings), fleetError: "down", outcome: outcome))
        outputs.append(output)
        outcome = output.action.map { ActionOutcome(id: $0.id, result: carryOut($0.action)) }
        now = now + controller.settings.interval
        return output
    }

    private mutating func carryOut(_ action: ScalingAction) -> ActionOutcome.Result {
        let index = index(action.group)
        if let error = groups[index].error { return .failed(error) }
        switch action {
        case .grow(let size, _):
            if groups[index].refuses, size > groups[index].machines {
                return .failed(.noCapacity(market: .spot, zone: "z", message: "no machines"))
            }
            groups[index].desired = size
        case .remove(let ids, _), .replace(let ids, _):
            groups[index].replicas.removeAll { ids.contains($0.id) }
            if case .remove = action { groups[index].desired -= ids.count }
        case .withdraw(let size, _): groups[index].desired = size
        }
        return .accepted(Receipt())
    }

    mutating func run(_ span: Duration) {
        let end = now + span
        while now < end { tick() }
    }
}
