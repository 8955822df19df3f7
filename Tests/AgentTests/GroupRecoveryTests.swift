import Agent
import Exporters
import Fleet
import Policy
import Store
import TestSupport
import Testing

@Suite struct GroupRecoveryTests {
    @Test func `an order of a dead process is settled once its group answers, and not given again`() async throws {
        try await withPool(replicas: 1) { pool in
            let pool = pool
            let groups = FakeGroups(pool.fleet)
            func ticker(_ history: HistoryStore) async throws -> PoolTicker {
                var parts = try pool.parts(history: history)
                (parts.inventory, parts.actuator) = (groups, groups)
                return await PoolTicker(parts: parts, at: pool.moment(10_000), logger: pool.quiet)
            }
            await pool.fleet.onSubmit(.hangAfterEffect)
            await pool.prepare(0, load: 30)
            let first = try await ticker(try pool.history())
            let dying = Task {
                var first = first
                await first.tick(at: pool.moment(0))
            }
            #expect(await eventually { await pool.fleet.isHanging })

            let history = try pool.history()
            var second = try await ticker(history)
            for call in 1...2 { await pool.fleet.onDescribe(call: call, .refuse(.unreachable(message: "cut off"))) }
            for tick in 1...2 {
                await pool.tick(&second, tick, load: 30)
                #expect(try await history.openIntents(of: TestPool.id).count == 1, "nobody knows yet")
                #expect(second.snapshot.output?.decision.current == 1, "its replicas are as they were")
            }
            await pool.tick(&second, 3, load: 30)
            let action = try #require(try await history.actions(of: TestPool.id, limit: 1).first)
            #expect(action.foundDone == true && action.action == .grow(to: 4, in: FakeGroups.first))
            for tick in 4..<8 { await pool.tick(&second, tick, load: 30) }
            #expect(await pool.fleet.effects == [.grow(to: 4)])
            #expect(second.snapshot.counters.driverErrors == ["unreachable": 2])
            await pool.fleet.release()
            await dying.value
        }
    }
}

/// A fake fleet as the first of two groups; the second has no replicas.
actor FakeGroups: FleetInventory, FleetActuator {
    static let first = GroupID(rawValue: "first")
    private let fleet: FakeFleet
    private var latest: FleetState?

    init(_ fleet: FakeFleet) { self.fleet = fleet }

    func describe() async throws(DriverError) -> FleetState {
        var error: DriverError?
        do throws(DriverError) { latest = try await fleet.describe() } catch let caught { error = caught }
        let empty = FleetState(observedAt: await fleet.now, desired: 0, maximum: 0, replicas: [])
        return try FleetState(merging: [
            GroupReading(settings: GroupSettings(id: Self.first), latest: latest, error: error),
            GroupReading(settings: GroupSettings(id: GroupID(rawValue: "second")), latest: empty),
        ])
    }

    func submit(_ action: ScalingAction, id: ActionID) async throws(DriverError) -> Receipt {
        try await fleet.submit(action.inOnlyGroup, id: id)
    }
}
