import Admission
import Exporters
import Fleet
import Gateway
import Logging
import Policy
import Synchronization
import TestSupport
import Testing

@testable import Agent

@Suite struct GatewayLinkTests {
    private static let start = TestPool.start

    private final class Clock: Sendable {
        private let time = Mutex(start)
        var now: Timestamp { time.withLock { $0 } }
        func advance(_ duration: Duration) { time.withLock { $0 = $0 + duration } }
    }

    private func link(_ clock: Clock, own: NewsReader? = nil, wakes: WakeBoard = WakeBoard()) -> GatewayLink {
        GatewayLink(
            own: own, wakes: wakes, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            now: { clock.now })
    }

    private func said(
        _ gateway: String = "g", held: Int = 0, isWaking: Bool = false, isIdle: Bool = true, seen: Timestamp? = start,
        isLeaving: Bool = false
    ) -> GatewayReport {
        let pool = GatewayReport.Pool(
            pool: TestPool.id, held: held, inFlight: 0, arrivals: 0, isWaking: isWaking, isIdle: isIdle, seen: seen)
        return GatewayReport(gateway: gateway, isLeaving: isLeaving, pools: [pool])
    }

    private func report(_ entries: [FleetReport.Entry], at now: Timestamp = start) -> FleetReport.Pool {
        FleetReport.Pool(pool: TestPool.id, at: now, replicas: entries)
    }

    // MARK: What is held

    @Test("held requests of all gateways count, a silent one keeps its last word for ten minutes, a leaving one none")
    func held() {
        let clock = Clock()
        let link = link(clock, own: NewsReader(settings: FakeGateway.settings))
        #expect(link.held(for: TestPool.id).requests == nil)
        link.notify(.demand(FakeGateway.demand(held: 3)))
        _ = link.exchange(said("a", held: 4))
        _ = link.exchange(said("b", held: 5))
        #expect(link.held(for: TestPool.id) == (12, 0))
        _ = link.exchange(said("b", isLeaving: true))
        #expect(link.held(for: TestPool.id) == (7, 0))
        clock.advance(GatewayLink.silentAfter + .seconds(1))
        #expect(link.held(for: TestPool.id) == (7, 1))
        clock.advance(GatewayLink.forgottenAfter)
        #expect(link.held(for: TestPool.id) == (3, 0))
        #expect(link.held(for: PoolID(rawValue: "other")) == (nil, 0))
    }

    @Test("a report with numbers that cannot be is not sound, and only so many gateways are known")
    func limits() {
        #expect(said(held: 1).isSound)
        #expect(!said(held: -1).isSound)
        #expect(!said("").isSound)
        let clock = Clock()
        let link = link(clock)
        for number in 0..<64 { #expect(link.exchange(said("\(number)", held: number == 0 ? 1 : 0)) != nil) }
        #expect(link.exchange(said("one more")) == nil)
        #expect(link.exchange(said("1")) != nil)
        // One that is silent and has nothing to do makes room.
        clock.advance(GatewayLink.silentAfter + .milliseconds(1))
        for number in 2..<64 { #expect(link.exchange(said("\(number)")) != nil) }
        #expect(link.exchange(said("one more")) != nil)
        #expect(link.exchange(said("1")) == nil)
        #expect(link.held(for: TestPool.id) == (1, 1))
    }

    @Test("whoever waits for a wake asks for the pool")
    func wake() {
        let (clock, wakes) = (Clock(), WakeBoard())
        let link = link(clock, own: NewsReader(settings: FakeGateway.settings), wakes: wakes)
        _ = link.exchange(said())
        #expect(wakes.take(TestPool.id) == nil)
        _ = link.exchange(said(isWaking: true))
        #expect(wakes.take(TestPool.id) == clock.now)
        link.notify(.wake(TestPool.id))
        #expect(wakes.take(TestPool.id) == clock.now)
    }

    // MARK: Letting the last replica go

    @Test(
        "a gateway elsewhere has to have said that it is idle, after it saw the cordon, and just now",
        arguments: [(true, 0, 0, true), (false, 0, 0, false), (true, -1, 0, false), (true, 0, 6, false)])
    func remoteIdle(isIdle: Bool, seen: Int, age: Int, goes: Bool) async {
        let clock = Clock()
        let link = link(clock)
        _ = link.exchange(said(isIdle: isIdle, seen: Self.start + .seconds(seen)))
        clock.advance(.seconds(age))
        #expect(await link.letsGo(TestPool.id, cordoned: Self.start) == goes)
    }

    @Test("a gateway that does not say in time whether it is idle is not, and is told to go on")
    func mute() async {
        let gateway = FakeGateway(.mute, closesWithin: .milliseconds(20))
        #expect(await gateway.link.letsGo(TestPool.id, cordoned: Self.start) == false)
        #expect(await eventually { gateway.orders == ["close", "reopen"] })
    }

    @Test(
        "the last replica leaves once the gateway is idle, and not before",
        arguments: [FakeGateway.Mood.idle, .busy])
    func lastReplica(mood: FakeGateway.Mood) async throws {
        try await withPool(replicas: 1) { pool in
            (pool.settings.minimum, pool.settings.scaleToZero) = (0, .init(after: .seconds(60)))
            let gateway = FakeGateway(mood)
            pool.link = gateway.link
            var ticker = try await pool.ticker()
            for tick in 0..<2 { await pool.tick(&ticker, tick, load: 5) }
            for tick in 2..<30 { await pool.tick(&ticker, tick, load: 0) }
            #expect(gateway.orders.first == "close")
            #expect(await pool.fleet.submits == (mood == .idle ? 1 : 0))
            #expect(await pool.fleet.replicas.count == (mood == .idle ? 0 : 1))
            #expect(ticker.snapshot.counters.driverErrors.isEmpty)
            if mood == .busy { #expect(gateway.orders.count < 8, "it backs off") }
        }
    }

    @Test("a removal that the control plane refuses opens the pool again")
    func refused() async throws {
        try await withPool(replicas: 1) { pool in
            (pool.settings.minimum, pool.settings.scaleToZero) = (0, .init(after: .seconds(60)))
            await pool.fleet.onSubmit(.refuse(.unreachable(message: "no route")))
            let gateway = FakeGateway(.idle)
            pool.link = gateway.link
            var ticker = try await pool.ticker()
            var tick = 0
            while await pool.fleet.submits == 0, tick < 30 {
                await pool.tick(&ticker, tick, load: 0)
                tick += 1
            }
            #expect(await eventually { gateway.orders == ["close", "reopen"] })
        }
    }

    @Test("requests that are held call for a replica, and a silent gateway keeps the pool from shrinking")
    func heldIsDemand() async throws {
        try await withPool(replicas: 2) { pool in
            let clock = Clock()
            let link = link(clock)
            pool.link = link
            _ = link.exchange(said(held: 30))
            var ticker = try await pool.ticker()
            for tick in 0..<4 { await pool.tick(&ticker, tick, load: 0) }
            #expect(ticker.snapshot.output?.demand.requests == 30)
            #expect(await pool.fleet.effects == [.grow(to: 4)])
            _ = link.exchange(said(held: 0))
            clock.advance(.seconds(60))
            for tick in 4..<40 { await pool.tick(&ticker, tick, load: 0) }
            #expect(ticker.snapshot.output?.demand.missing == 1)
            #expect(ticker.snapshot.memory.draining.isEmpty)
            clock.advance(.seconds(600))
            for tick in 40..<80 { await pool.tick(&ticker, tick, load: 0) }
            #expect(await pool.fleet.replicas.count == 1)
        }
    }

    // MARK: Reports and news

    @Test("a report says which replicas serve, boot and drain, and how long boots take")
    func reports() async throws {
        try await withPool(replicas: 2, boot: .seconds(60)) { pool in
            let link = link(Clock())
            pool.link = link
            var ticker = try await pool.ticker()
            for tick in 0..<2 { await pool.tick(&ticker, tick, load: 60) }
            var entries = try #require(link.report.pools.first?.replicas)
            #expect(entries.map(\.state) == [.up, .up, .booting, .booting])
            #expect(entries.map(\.slots) == [10, 10, 10, 10])
            #expect(entries.map(\.requests) == [30, 30, nil, nil])
            #expect(link.report.pools.first?.readyAt == nil)
            for tick in 2..<6 { await pool.tick(&ticker, tick, load: 60) }
            #expect(link.report.pools.first?.bootSeconds == 60)
            while ticker.snapshot.memory.draining.isEmpty, ticker.snapshot.counters.ticks < 60 {
                await pool.tick(&ticker, Int(ticker.snapshot.counters.ticks), load: 0)
            }
            entries = try #require(link.report.pools.first?.replicas)
            let leaving = try #require(entries.first { $0.state == .draining })
            let now = try #require(ticker.snapshot.input?.now)
            #expect(leaving.leavesAt == now + pool.settings.drainDeadline)

            // One that is called back is there for whoever waits, at once.
            await pool.tick(&ticker, Int(ticker.snapshot.counters.ticks), load: 400)
            #expect(ticker.snapshot.memory.draining.isEmpty)
            #expect(link.report.pools.first?.replicas.map(\.state) == [.up, .up, .up, .up])
        }
    }

    @Test("news come once each; one that boots is tried as soon as it has an address, unless nothing is probed")
    func reading() {
        var settings = FakeGateway.settings
        var reader = NewsReader(settings: settings)
        var told = report([
            FleetReport.Entry(
                id: ReplicaID(rawValue: "r-1"), endpoint: "http://127.0.0.1:1", state: .booting, slots: 8),
            FleetReport.Entry(id: ReplicaID(rawValue: "r-2"), endpoint: nil, state: .booting, slots: 8),
        ])
        #expect(states(reader.read(told, now: Self.start)) == [.up, .booting])
        #expect(reader.read(told, now: Self.start).isEmpty)
        told.failure = FleetReport.Failure(at: Self.start, reason: "full")
        #expect(reader.read(told, now: Self.start).count == 1)
        #expect(reader.read(told, now: Self.start).isEmpty)

        settings.pools[TestPool.id] = PoolLimits()
        settings.pools[TestPool.id]?.ladder = []
        reader = NewsReader(settings: settings, poolsWithSlots: [TestPool.id])
        #expect(states(reader.read(told, now: Self.start)) == [.booting, .booting])
        reader = NewsReader(settings: AdmissionSettings(models: ["other": PoolID(rawValue: "other")]))
        #expect(reader.read(told, now: Self.start).isEmpty)
    }

    @Test("moments are told with what the controller's clock shows then, however old the report")
    func clocks() async throws {
        try await withPool(replicas: 1) { pool in
            let clock = Clock()
            let link = link(clock, own: NewsReader(settings: FakeGateway.settings))
            pool.link = link
            var ticker = try await pool.ticker()
            await pool.tick(&ticker, 0, load: 5)
            clock.advance(.seconds(10))
            #expect(link.exchange(said())?.now == Self.start + .seconds(10))
            #expect(link.report.pools.first?.at == Self.start)
            // Who reads anew is told again.
            link.configure(FakeGateway.settings, poolsWithSlots: [])
            var told: [Timestamp?] = []
            for await news in link.news {
                guard case .replicas(_, _, let now) = news else { continue }
                told.append(now)
                if told.count == 2 { break }
            }
            #expect(told == [Self.start, Self.start + .seconds(10)])
        }
    }

    private func states(_ news: [FleetNews]) -> [ObservedReplica.State] {
        for case .replicas(_, let replicas, now: _) in news { return replicas.map(\.observed.state) }
        return []
    }

    @Test("a control plane that refuses for good fails the wake at once")
    func wakeFails() async throws {
        try await withPool(replicas: 0) { pool in
            (pool.settings.minimum, pool.settings.scaleToZero) = (0, .init())
            for call in 1...9 { await pool.fleet.onSubmit(call: call, .refuse(.unauthorized(message: "no"))) }
            let gateway = FakeGateway()
            pool.link = gateway.link
            var ticker = try await pool.ticker()
            await pool.tick(&ticker, 0, load: 0)
            await pool.fleet.advance(to: pool.moment(1))
            await ticker.tick(at: pool.moment(1), wake: pool.moment(1))
            #expect(await pool.fleet.submits == 1)
            #expect(await eventually { gateway.orders == ["the control plane refuses (unauthorized)"] })
        }
    }

    @Test("a pool that may not be changed fails whoever wakes it")
    func advised() async throws {
        try await withPool(replicas: 0) { pool in
            (pool.settings.minimum, pool.settings.scaleToZero) = (0, .init())
            pool.authority = .advise("dry run")
            let gateway = FakeGateway()
            pool.link = gateway.link
            var ticker = try await pool.ticker()
            await pool.tick(&ticker, 0, load: 0)
            gateway.link.notify(.wake(TestPool.id))
            #expect(await eventually { gateway.orders.count == 1 })
        }
    }
}
