import Drivers
import Fleet
import Synchronization
import Testing

@Suite struct GroupedFleetTests {
    private let spot = GroupID(rawValue: "spot")
    private let demand = GroupID(rawValue: "demand")
    private let action = ActionID(rawValue: "a-1")

    private func fleet(_ drivers: (GroupID, ScriptedDriver)..., last: FleetState? = nil) -> GroupedFleet {
        GroupedFleet(
            members: drivers.map { GroupedFleet.Member(settings: GroupSettings(id: $0.0), driver: $0.1) }, last: last)
    }

    @Test func `each order goes to the driver of its group, which knows no groups`() async throws {
        let (cheap, dear) = (ScriptedDriver("i-1"), ScriptedDriver("i-2"))
        let fleet = fleet((spot, cheap), (demand, dear))
        _ = try await fleet.submit(.grow(to: 3, in: demand), id: action)
        _ = try await fleet.submit(.remove([ReplicaID(rawValue: "i-1")], in: spot), id: action)
        #expect(dear.actions == [.grow(to: 3)])
        #expect(cheap.actions == [.remove([ReplicaID(rawValue: "i-1")])])
        let error = try await #require(throws: DriverError.self) { try await fleet.submit(.grow(to: 3), id: action) }
        #expect(error.kind == "rejected")
        #expect(cheap.actions.count == 1 && dear.actions.count == 1)
    }

    @Test func `a group that falls silent stays as it was last seen, and comes back as it is`() async throws {
        let (cheap, dear) = (ScriptedDriver("i-1"), ScriptedDriver("i-2"))
        let fleet = fleet((spot, cheap), (demand, dear))
        #expect(try await fleet.describe().replicas.count == 2)
        cheap.error = .unreachable(message: "cut")
        let state = try await fleet.describe()
        #expect(state.replicas.count == 2 && state.groups?.map(\.answers) == [false, true])
        (cheap.error, cheap.names) = (nil, [])
        #expect(try await fleet.describe().replicas.count == 1)
        (cheap.error, dear.error) = (.unreachable(message: "cut"), .unreachable(message: "cut too"))
        await #expect(throws: DriverError.unreachable(message: "cut")) { try await fleet.describe() }
    }

    @Test func `what was accepted counts, even when the group falls silent right after it`() async throws {
        let (cheap, dear) = (ScriptedDriver("i-1", "i-2"), ScriptedDriver("i-3"))
        let fleet = fleet((spot, cheap), (demand, dear))
        _ = try await fleet.describe()
        _ = try await fleet.submit(.grow(to: 4, in: spot), id: action)
        _ = try await fleet.submit(.remove([ReplicaID(rawValue: "i-1")], in: spot), id: action)
        cheap.error = .unreachable(message: "cut")
        let state = try await fleet.describe()
        #expect(state.groups?.map(\.desired) == [3, 1])
        #expect(state.replicas.filter { $0.state == .ready }.map(\.id.rawValue) == ["i-2", "i-3"])
    }

    @Test func `after a restart a silent group is as the last process saw it`() async throws {
        let before = try await fleet((spot, ScriptedDriver("i-1", "i-2")), (demand, ScriptedDriver("i-3"))).describe()
        let (cheap, dear) = (ScriptedDriver("i-9"), ScriptedDriver("i-3"))
        cheap.error = .throttled(retryAfter: nil, message: "slow down")
        let state = try await fleet((spot, cheap), (demand, dear), last: before).describe()
        #expect(state.replicas.map(\.id.rawValue) == ["i-1", "i-2", "i-3"])
        await #expect(throws: DriverError.self, "never seen: unknown") {
            try await fleet((spot, cheap), (demand, dear)).describe()
        }
    }
}

/// A control plane that says what the test says.
final class ScriptedDriver: FleetInventory, FleetActuator {
    private struct State {
        var names: [String]
        var error: DriverError?
        var actions: [ScalingAction] = []
    }

    private let state: Mutex<State>

    init(_ names: String...) { state = Mutex(State(names: names)) }

    var actions: [ScalingAction] { state.withLock { $0.actions } }
    var error: DriverError? {
        get { state.withLock { $0.error } }
        set { state.withLock { $0.error = newValue } }
    }
    var names: [String] {
        get { state.withLock { $0.names } }
        set { state.withLock { $0.names = newValue } }
    }

    func describe() async throws(DriverError) -> FleetState {
        if let error { throw error }
        return FleetState(
            observedAt: Timestamp(secondsSince1970: 1_800_000_000), desired: names.count,
            replicas: names.map { Replica(id: ReplicaID(rawValue: $0), state: .ready) })
    }

    func submit(_ action: ScalingAction, id: ActionID) async throws(DriverError) -> Receipt {
        if let error { throw error }
        state.withLock { $0.actions.append(action) }
        return Receipt()
    }
}
