import Fleet
import Policy
import Testing

@Suite struct ShrinkTests {
    private func calmPool(_ configure: (inout PolicySettings) -> Void = { _ in }) -> VirtualPool {
        VirtualPool(replicas: 4) {
            $0.scaleDown.after = .seconds(600)
            configure(&$0)
        }
    }

    @Test("only below the lower threshold, only after the calm has lasted, cordoned before removed")
    func dwell() {
        var pool = calmPool { $0.scaleDown.loadBelow = 0.2 }
        let start = pool.now
        pool.running = 7.9
        pool.run(.seconds(615))
        #expect(pool.actions(since: start).isEmpty)
        #expect(pool.log.last?.output.events == [.cordoned(VirtualPool.id(4))])
        pool.run(.seconds(300))
        // Busy all the time: the drain deadline ends it.
        #expect(pool.size == 3)
    }

    @Test("a load that rises once starts the calm anew")
    func calmResets() {
        var pool = calmPool { $0.scaleDown.loadBelow = 0.2 }
        pool.running = 7
        pool.run(.seconds(585))
        pool.running = 9
        pool.tick()
        pool.running = 7
        pool.run(.seconds(600))
        #expect(pool.controller.memory.draining.isEmpty)
        pool.tick()
        #expect(pool.controller.memory.draining.count == 1)
    }

    @Test("an idle victim leaves with the next reading")
    func idleVictim() {
        var pool = calmPool()
        let start = pool.now
        pool.run(.seconds(660))
        let actions = pool.actions(since: start)
        #expect(actions.map(\.action) == [.remove([VirtualPool.id(4)])])
        #expect(actions.first?.seconds == 615)
        #expect(
            pool.log.flatMap(\.output.events).contains(.drained(VirtualPool.id(4), took: .seconds(15), cutRequests: 0)))
    }

    @Test("one at a time, a cooldown apart, never below the minimum")
    func oneAtATime() {
        var pool = calmPool { $0.scaleDown.cooldown = .seconds(300) }
        let start = pool.now
        pool.run(.seconds(3600))
        #expect(pool.actions(since: start).map(\.seconds) == [615, 915, 1215])
        #expect(pool.size == 1)
    }

    @Test("-1 per window")
    func stepDown() {
        var pool = calmPool {
            $0.scaleDown.cooldown = .zero
            $0.scaleDown.step = StepLimit(replicas: 1, per: .seconds(400))
        }
        let start = pool.now
        pool.run(.seconds(1500))
        // Cordoned at 600, 1005 and 1410: the first ticks at or after the end of each window.
        #expect(pool.actions(since: start).map(\.seconds) == [615, 1020, 1425])
    }

    @Test("load that comes back keeps the victim instead of ordering another")
    func uncordon() {
        var pool = calmPool()
        pool.running = 20
        pool.run(.seconds(615))
        #expect(pool.controller.memory.draining.count == 1)
        let start = pool.now
        pool.running = 31
        pool.tick()
        #expect(pool.actions(since: start).isEmpty)
        #expect(pool.log.last?.output.events == [.uncordoned(VirtualPool.id(4))])
        #expect(pool.controller.memory.draining.isEmpty)
    }

    @Test("what would have to grow again at once does not shrink")
    func consolidation() {
        var pool = calmPool { $0.tolerance = 0.1 }
        // Three replicas would be loaded 22 / 30 = 0.73, above 0.8 less the tolerance.
        pool.running = 22
        pool.run(.seconds(1800))
        #expect(pool.size == 4)
    }

    @Test("nor do several at once leave fewer than would stay", arguments: [0.0, 0.1])
    func consolidationOfSeveral(tolerance: Double) {
        var pool = VirtualPool(replicas: 12) {
            ($0.tolerance, $0.scaleDown.after) = (tolerance, .zero)
            $0.scaleDown.step = StepLimit(replicas: 12, per: .zero)
        }
        pool.running = 30
        pool.run(.seconds(3600))
        #expect(pool.size == (tolerance == 0 ? 4 : 5))
    }

    @Test("a pool whose capacity is unknown keeps its size while there is work, and shrinks when there is none")
    func unknownCapacity() {
        var pool = calmPool { $0.capacity = nil }
        pool.running = 16
        pool.run(.seconds(3600))
        #expect(pool.size == 4)
        pool.running = 0
        pool.run(.seconds(660))
        #expect(pool.size == 3)
    }

    @Test("silent engines count as full")
    func partialData() {
        var pool = calmPool()
        pool.run(.seconds(30))
        pool.silent = [1, 2]
        pool.running = 4
        pool.run(.seconds(290))
        #expect(pool.controller.memory.calmSince != nil, "two full ones and a few requests fit on three")
        pool.running = 12
        pool.run(.seconds(15))
        #expect(pool.controller.memory.calmSince == nil)
    }

    @Test("no data at all holds, and the first reading after it as well")
    func blind() {
        var pool = calmPool { $0.scaleDown.after = .zero }
        pool.running = 30
        pool.run(.seconds(120))
        pool.silent = [1, 2, 3, 4]
        pool.run(.seconds(3600))
        #expect(pool.size == 4)
        #expect(pool.log.last?.output.decision.target == 4)
        pool.silent = []
        pool.running = 0
        #expect(pool.tick().decision.target == 4)
        #expect(pool.tick().decision.target == 3)
    }

    @Test("a control plane that does not answer holds, and a stable window follows a long gap")
    func controlPlaneDown() {
        var pool = calmPool { $0.scaleDown.after = .zero }
        pool.run(.seconds(120))
        pool.controlPlaneDown = true
        let output = pool.tick()
        #expect(output.decision.current == nil)
        #expect(output.action == nil)
        pool.controlPlaneDown = false
        pool.now = pool.now + .seconds(900)
        for _ in 0..<4 { #expect(pool.tick().decision.target == pool.size) }
    }

    @Test(
        "a controller that starts anew does not shrink within one stable window",
        arguments: [0, 4, 9])
    func restart(ticksBefore: Int) {
        var pool = VirtualPool(replicas: 4) {
            $0.scaleDown.after = .zero
            $0.scaleDown.cooldown = .zero
        }
        for _ in 0..<ticksBefore { pool.tick() }
        let before = pool.size
        pool.controller = PoolController(pool: PoolID(rawValue: "p"), settings: pool.controller.settings)
        for _ in 0..<4 { pool.tick() }
        #expect(pool.size >= before - 1, "one may have been on its way out")
        #expect(pool.controller.memory.draining.isEmpty)
    }

    /// Market, dollars an hour, requests, seconds since the launch, whether the gauges are left over.
    typealias Row = (market: Market, usd: Double?, requests: Double, age: Int, isLeftOver: Bool)

    static let idle: Row = (.onDemand, 4, 0, 9000, false)

    @Test(
        "spot, then dear, then idle, then new ones are victims first; ties go by name",
        arguments: [
            ([idle, (.spot, 2, 5, 9500, false), idle], 1),
            ([(.spot, 2, 0, 9000, false), (.spot, 3, 5, 9500, false)], 1),
            ([idle, (.onDemand, 5, 5, 9500, false), idle], 1), ([(.onDemand, nil, 5, 9500, false), idle], 0),
            ([(.onDemand, 4, 2, 9000, false), (.onDemand, 4, 1, 9500, false)], 1),
            ([(.onDemand, 4, 1, 9000, false), (.onDemand, 4, 7, 9500, true)], 1),
            ([(.onDemand, 4, 1, 9500, false), (.onDemand, 4, 1, 9000, false)], 1), ([idle, idle, idle], 0),
        ] as [([Row], Int)])
    func victims(rows: [Row], victim: Int) {
        var pool = ScriptedPool {
            $0.scaleDown.after = .zero
            $0.scaleDown.cooldown = .zero
            $0.usdPerHour = 5
        }
        for (index, row) in rows.enumerated() {
            let condition = row.isLeftOver ? EngineCondition.leftoverGauges : .answering
            pool.set("r\(index)", condition, requests: row.requests, launched: .seconds(row.age))
            (pool.fleet.replicas[index].market, pool.fleet.replicas[index].usdPerHour) = (row.market, row.usd)
        }
        while pool.events.isEmpty { pool.tick() }
        #expect(pool.events == [.cordoned(ScriptedPool.id("r\(victim)"))])
    }

    @Test("dry run and pause decide and do nothing", arguments: [Authority.advise("dry run"), .paused, .notLeader])
    func authority(authority: Authority) {
        var pool = calmPool { $0.scaleDown.after = .zero }
        pool.authority = authority
        pool.running = 100
        let output = pool.tick()
        #expect(output.decision.target == 13)
        #expect(output.action == nil)
        #expect(output.decision.steps.last?.reason == .authority(authority))
        pool.running = 0
        pool.run(.seconds(3600))
        #expect(pool.size == 4)
        #expect(pool.controller.memory.draining.isEmpty)
    }
}
