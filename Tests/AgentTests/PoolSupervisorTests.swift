import Agent
import Exporters
import Fleet
import Policy
import ServiceLifecycle
import Store
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct PoolSupervisorTests {
    private func supervisor(_ pool: TestPool, patience: Duration = .seconds(600)) -> (PoolSupervisor, SnapshotBoard) {
        let board = SnapshotBoard(version: "test", startedAt: TestPool.start)
        let now = TestPool.start
        let clock = ContinuousClock.now
        let supervisor = PoolSupervisor(
            board: board, logger: pool.quiet, patience: patience, wallClock: { now + clock.duration(to: .now) })
        return (supervisor, board)
    }

    @Test("a pool that changed goes on from history: the new settings hold and nothing shrinks")
    func changedPool() async throws {
        try await withPool(replicas: 3) { pool in
            pool.settings.interval = .milliseconds(10)
            await pool.prepare(0, load: 0)
            let history = try pool.history()
            let (supervisor, board) = supervisor(pool)
            await supervisor.start([try pool.parts(history: history)])
            #expect(await eventually { (board.current.pools.first?.counters.ticks ?? 0) >= 3 })
            let watching = board.current.pools.first?.memory.watchingSince

            pool.settings.maximum = 8
            await supervisor.start([try pool.parts(history: history)])
            #expect(await eventually { board.current.pools.first?.settings.maximum == 8 })
            #expect(await eventually { (board.current.pools.first?.counters.ticks ?? 0) >= 3 })
            let snapshot = try #require(board.current.pools.first)
            #expect(snapshot.memory.watchingSince != nil && watching != nil)
            #expect(snapshot.output?.decision.target == 3)
            #expect(await pool.fleet.submits == 0)
            await supervisor.retire([TestPool.id])
        }
    }

    @Test("a retired pool leaves the board and ticks no more")
    func retire() async throws {
        try await withPool(replicas: 1) { pool in
            pool.settings.interval = .milliseconds(10)
            await pool.prepare(0, load: 5)
            let (supervisor, board) = supervisor(pool)
            await supervisor.start([try pool.parts()])
            #expect(await eventually { !board.current.pools.isEmpty })
            await supervisor.retire([TestPool.id])
            #expect(board.current.pools.isEmpty)
            let describes = await pool.fleet.describes
            let fleet = pool.fleet
            #expect(await eventually(within: .milliseconds(50)) { await fleet.describes > describes } == false)
        }
    }

    @Test("shutdown waits for a call under way, and not for ever", .timeLimit(.minutes(1)))
    func shutdown() async throws {
        try await withPool(replicas: 1) { pool in
            await pool.fleet.onSubmit(.hang)
            await pool.prepare(0, load: 30)
            let (supervisor, _) = supervisor(pool, patience: .milliseconds(100))
            await supervisor.start([try pool.parts()])
            let fleet = pool.fleet
            #expect(await eventually { await fleet.isHanging })
            let group = ServiceGroup(
                configuration: .init(services: [.init(service: supervisor)], logger: pool.quiet))
            let running = Task { try await group.run() }
            await group.triggerGracefulShutdown()
            try await running.value
            #expect(try await pool.history().openIntents(of: TestPool.id).count == 1)
        }
    }

    @Test("shutdown is quick when nothing is under way")
    func quickShutdown() async throws {
        try await withPool(replicas: 1) { pool in
            await pool.prepare(0, load: 5)
            let (supervisor, board) = supervisor(pool)
            await supervisor.start([try pool.parts()])
            #expect(await eventually { !board.current.pools.isEmpty })
            let group = ServiceGroup(
                configuration: .init(services: [.init(service: supervisor)], logger: pool.quiet))
            let running = Task { try await group.run() }
            await group.triggerGracefulShutdown()
            try await running.value
        }
    }
}
