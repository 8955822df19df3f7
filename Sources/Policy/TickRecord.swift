package import Fleet

/// One tick as history keeps it: enough to derive its decision again, bit for bit, and to go on after a restart.
package struct TickRecord: Hashable, Sendable, Codable {
    package var pool: PoolID
    package var settings: PolicySettings
    package var input: TickInput
    /// What the controller remembered when it was asked.
    package var memoryBefore: PoolMemory
    package var output: TickOutput
    package var memoryAfter: PoolMemory
    /// What the observer remembered after it made the observation.
    package var observer: PoolObserver

    package init(
        pool: PoolID, settings: PolicySettings, input: TickInput, memoryBefore: PoolMemory, output: TickOutput,
        memoryAfter: PoolMemory, observer: PoolObserver
    ) {
        self.pool = pool
        self.settings = settings
        self.input = input
        self.memoryBefore = memoryBefore
        self.output = output
        self.memoryAfter = memoryAfter
        self.observer = observer
    }
}

/// A recorded tick, as a replay needs it.
package struct StoredTick: Hashable, Sendable {
    package var settings: PolicySettings
    package var input: TickInput
    package var memoryBefore: PoolMemory
    package var output: TickOutput

    package init(settings: PolicySettings, input: TickInput, memoryBefore: PoolMemory, output: TickOutput) {
        self.settings = settings
        self.input = input
        self.memoryBefore = memoryBefore
        self.output = output
    }
}

extension ScalingAction {
    /// Whether a fleet shows that this action has been accepted already; `nil` while its group does not answer.
    ///
    /// After a crash between the call and its receipt this is the only way to know. Growth is absolute and victims are
    /// named, so the fleet's state tells.
    package func isDone(in fleet: FleetState) -> Bool? {
        var present = fleet.replicas.filter { $0.state != .terminating && $0.state != .stopped }
        var desired = fleet.desired
        if let group {
            guard let state = fleet.groups?.first(where: { $0.id == group }) else { return false }
            guard state.answers else { return nil }
            present = present.filter { $0.group == group }
            desired = state.desired
        }
        switch self {
        case .grow(let size, _): return (desired ?? present.count) >= size
        case .remove(let ids, _), .replace(let ids, _): return !present.contains { ids.contains($0.id) }
        case .withdraw(let size, _): return (desired ?? present.count) <= max(size, present.count)
        }
    }
}
