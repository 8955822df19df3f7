import Agent
import Exporters
import Fleet
import Gateway
import Policy
import Synchronization
import TestSupport
import Testing

@Suite struct ControlLoopTests {
    /// A loop on a manual clock, the moments of its ticks, and how long each tick takes by that clock.
    private func withLoop(
        replicas: Int = 1, slow: [Int: Duration] = [:], wakes: WakeBoard = WakeBoard(), link: GatewayLink? = nil,
        prepare: @Sendable (FakeFleet) async -> Void = { _ in },
        _ body: @Sendable (ManualClock, Ticks, Task<Void, Never>, SnapshotBoard) async throws -> Void
    ) async throws {
        try await withPool(replicas: replicas) { pool in
            if replicas == 0 { (pool.settings.minimum, pool.settings.scaleToZero) = (0, .init()) }
            let (clock, ticks) = (ManualClock(), Ticks())
            let board = SnapshotBoard(version: "test", startedAt: TestPool.start)
            await pool.prepare(0, load: 5)
            await prepare(pool.fleet)
            let loop = ControlLoop(
                parts: try pool.parts(), board: board, wakes: wakes, link: link, logger: pool.quiet, clock: clock,
                wallClock: { TestPool.start + clock.now.sinceStart },
                afterTick: { _ in
                    let number = ticks.note(clock.now.sinceStart)
                    if let took = slow[number] { clock.advance(by: took) }
                })
            let running = Task { await loop.run() }
            try await body(clock, ticks, running, board)
            running.cancel()
            await running.value
        }
    }

    @Test("ticks come at planned deadlines and do not drift")
    func deadlines() async throws {
        try await withLoop(slow: [0: .seconds(4), 1: .seconds(7), 2: .milliseconds(1)]) { clock, ticks, _, board in
            for number in 1...4 {
                #expect(await eventually { clock.nextDeadline?.sinceStart == .seconds(15 * number) })
                clock.advance(by: .seconds(15 * number) - clock.now.sinceStart)
            }
            #expect(await eventually { clock.nextDeadline?.sinceStart == .seconds(75) })
            #expect(ticks.moments == (0...4).map { .seconds(15 * $0) })
            #expect(board.current.at == TestPool.start + .seconds(60))
            #expect(board.current.pools.first?.counters.ticks == 5)
        }
    }

    @Test(
        "deadlines that a slow tick ran past are left out; one met exactly is not",
        arguments: [(Duration.seconds(15), 15), (.seconds(16), 30), (.seconds(40), 45)])
    func slowTick(took: Duration, next: Int) async throws {
        try await withLoop(slow: [0: took]) { clock, ticks, _, _ in
            if took == .seconds(15) {
                // Due at once, so it does not sleep before.
                #expect(await eventually { clock.nextDeadline?.sinceStart == .seconds(30) })
            } else {
                #expect(await eventually { clock.nextDeadline?.sinceStart == .seconds(next) })
                clock.advance(by: .seconds(next) - clock.now.sinceStart)
            }
            #expect(await eventually { ticks.moments.count == 2 })
            #expect(ticks.moments == [.zero, .seconds(next)])
        }
    }

    @Test(
        "being asked for a pool at zero makes for a tick at once, at most one a second, and the next ones stay planned")
    func wake() async throws {
        let wakes = WakeBoard()
        try await withLoop(replicas: 0, wakes: wakes) { clock, ticks, _, board in
            #expect(await eventually { clock.nextDeadline?.sinceStart == .seconds(15) })
            clock.advance(by: .milliseconds(200))
            wakes.ask(for: TestPool.id, at: TestPool.start + .milliseconds(200))
            #expect(await eventually { clock.nextDeadline?.sinceStart == .seconds(1) })
            #expect(ticks.moments.count == 1)
            clock.advance(by: .milliseconds(800))
            #expect(await eventually { ticks.moments.count == 2 })
            #expect(board.current.pools.first?.output?.decision.target == 1)
            wakes.ask(for: TestPool.id, at: TestPool.start + .seconds(1))
            #expect(await eventually { clock.nextDeadline?.sinceStart == .seconds(15) })
            clock.advance(by: .seconds(14))
            #expect(await eventually { ticks.moments.count == 3 })
            #expect(ticks.moments == [.zero, .seconds(1), .seconds(15)])
        }
    }

    @Test("what was ordered for those who wait is told at once, else every 5 seconds, and not asked for again")
    func told() async throws {
        let wakes = WakeBoard()
        let gateway = FakeGateway(wakes: wakes)
        try await withLoop(replicas: 0, wakes: wakes, link: gateway.link) { fleet in
            for call in 3...4 { await fleet.onDescribe(call: call, .refuse(.unreachable(message: "no route"))) }
        } _: { clock, ticks, _, _ in
            func sleeps(until second: Int) async -> Bool {
                await eventually { clock.nextDeadline?.sinceStart == .seconds(second) }
            }
            var replicas: [FleetReport.Entry] { gateway.link.report.pools.first?.replicas ?? [] }
            #expect(await sleeps(until: 15))
            clock.advance(by: .seconds(1))
            gateway.link.notify(.demand(FakeGateway.demand(held: 1)))
            gateway.link.notify(.wake(TestPool.id))
            #expect(await sleeps(until: 6))
            #expect(ticks.moments == [.zero, .seconds(1)])
            clock.advance(by: .seconds(5))
            #expect(await sleeps(until: 11))
            #expect(replicas.isEmpty)
            clock.advance(by: .seconds(5))
            #expect(await sleeps(until: 15))
            #expect(replicas.map(\.state) == [.booting])
            #expect(replicas.first?.endpoint != nil)
            #expect(ticks.moments == [.zero, .seconds(1)])
        }
    }

    @Test("a loop that is cancelled ends between ticks")
    func cancel() async throws {
        try await withLoop { clock, ticks, running, _ in
            #expect(await eventually { clock.nextDeadline != nil })
            running.cancel()
            await running.value
            clock.advance(by: .seconds(60))
            #expect(ticks.moments == [.zero])
        }
    }
}

/// The moments of a loop's ticks, by its clock.
private final class Ticks: Sendable {
    private let noted = Mutex<[Duration]>([])
    var moments: [Duration] { noted.withLock { $0 } }

    /// Returns the number of this tick, from 0.
    func note(_ moment: Duration) -> Int {
        noted.withLock {
            $0.append(moment); return $0.count - 1
        }
    }
}
