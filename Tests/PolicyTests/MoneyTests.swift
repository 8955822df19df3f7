import Fleet
import Forecast
import Testing

@testable import Policy

@Suite struct MoneyTests {
    /// Four replicas at 4 dollars, two of which are surplus.
    private func tick(_ budget: PolicySettings.Budget? = nil, prices: [Double?] = [4, 4, 4, 4]) -> TickContext {
        var tick = context(requests: 16, serving: prices.count) { $0.budget = budget }
        tick.memory.watchingSince = tick.now - .seconds(3600)
        for index in prices.indices { tick.fleet.replicas[index].usdPerHour = prices[index] }
        return tick
    }

    @Test(
        "what an hour may cost",
        arguments: [
            (40.0, [4, 4], 10), (40, [4, 2], 10), (39.9, [4, 4], 9), (7.9, [4, 4], 1), (3, [4, 4], 1),
            (1000, [4, 4], nil), (40, [0, 0], nil),
        ] as [(Double, [Double?], Int?)])
    func hourly(limit: Double, prices: [Double?], replicas: Int?) {
        let tick = tick(PolicySettings.Budget(usdPerHour: limit), prices: prices)
        #expect(BudgetLimit().propose(tick, target: 50)?.target == replicas)
        #expect(BudgetLimit().propose(tick, target: 1) == nil)
    }

    @Test("an unknown price does not limit, and is told", arguments: [[4, nil], [nil, nil], []] as [[Double?]])
    func unknown(prices: [Double?]) {
        let tick = tick(PolicySettings.Budget(usdPerHour: 1), prices: prices)
        #expect(BudgetLimit().propose(tick, target: 50) == Proposal(50, .priceUnknown, isNotice: true))
        var pool = VirtualPool(replicas: 2) { $0.budget = PolicySettings.Budget(usdPerHour: 1) }
        pool.running = 64
        let output = pool.tick()
        #expect(output.decision.target == 8)
        #expect(output.decision.steps.count { $0.reason == .priceUnknown } == 1)
    }

    @Test("a price that the control plane does not say is the configured one, and that of the first replica as well")
    func configured() {
        for (prices, replicas) in [([4, nil], 8), ([nil, nil], 8), ([], 8), ([4, 2], 10), ([10, nil], 4)]
            as [([Double?], Int)]
        {
            var tick = tick(PolicySettings.Budget(usdPerHour: 40), prices: prices)
            tick.settings.usdPerHour = 5
            #expect(BudgetLimit().propose(tick, target: 50)?.target == replicas, "\(prices)")
        }
        var pool = VirtualPool(replicas: 0) {
            $0.budget = PolicySettings.Budget(usdPerHour: 20)
            $0.usdPerHour = 5
        }
        pool.running = 200
        pool.run(.seconds(300))
        #expect(pool.size == 4)
    }

    @Test("what does not help costs all the same, and cordoned replicas may come back")
    func useless() {
        let places: [(WritableKeyPath<Supply, [ReplicaID]>, Int)] = [
            (\.lost, 6), (\.stuck, 6), (\.failed, 6), (\.sleeping, 6), (\.dead, 6), (\.draining, 10),
        ]
        for (place, replicas) in places {
            var tick = tick(PolicySettings.Budget(usdPerHour: 40), prices: [4, 4, 4, 4, 4, 4])
            tick.supply[keyPath: place] = Array(tick.supply.serving.suffix(4))
            tick.supply.serving.removeLast(4)
            #expect(BudgetLimit().propose(tick, target: 50)?.target == replicas, "\(place)")
            // Those that are gone cost nothing.
            for index in 2..<6 { tick.fleet.replicas[index].state = index > 3 ? .terminating : .stopped }
            tick.supply[keyPath: place] = []
            #expect(BudgetLimit().propose(tick, target: 50)?.target == 10, "\(place)")
        }
    }

    @Test(
        "what a day may cost: the minimum is set aside, the rest pays for an hour more",
        arguments: [(150.0, 6), (164, 3), (165, 2), (190, 2), (0, 44)])
    func daily(spent: Double, replicas: Int) throws {
        var tick = tick(PolicySettings.Budget(usdPerDay: 200), prices: [4])
        // VirtualPool begins at midnight.
        let day = CivilClock.utc.date(at: tick.now)
        tick.now = tick.now + .seconds(20 * 3600)
        tick.settings.minimum = 2
        tick.memory.spending = Spending(day: day, usd: spent)
        #expect(BudgetLimit().propose(tick, target: 90)?.target == replicas)
    }

    /// Dollars that the day has cost after moments, in hours since a midnight, at which the rate is known or not.
    private func spent(_ looks: [(hours: Double, usdPerHour: Double?)]) -> Double {
        let midnight = VirtualPool(replicas: 0).now
        var spending = Spending(day: CivilClock.utc.date(at: midnight), usd: 0)
        for look in looks { spending.count(look.usdPerHour, to: midnight + .seconds(look.hours * 3600), .utc) }
        return spending.usd
    }

    @Test("a day is counted from midnight, through silence, and once")
    func spending() {
        #expect(spent([(1, 4), (2, 4)]) == 4)
        #expect(spent([(1, nil), (2, nil), (2.5, 4)]) == 2, "what is not known yet costs what it turns out to")
        #expect(spent([(1, 4), (1.5, nil), (2, nil), (2.25, 8)]) == 4 + 2, "silence, at the last known rate")
        #expect(spent([(1, 4), (9, 4)]) == 4, "a gap, or a clock that was set forward: an hour")
        #expect(spent([(23.5, 8), (24.25, 8)]) == 2, "over midnight")
        #expect(spent([(1, 4), (2, 4), (1.5, 4), (2, 4), (3, 4)]) == 8, "set back by half an hour")
        #expect(spent([(30, 4), (31, 4), (6, 4), (7, 4), (8, 4)]) == 8, "set back by a day: it stands for an hour")
        #expect(spent([(23, 4), (24.5, 4), (23.9, 4), (24.5, 4), (25, 4)]) == 4, "set back over midnight")
    }

    @Test("the clock and the control plane do what they like, and the day costs what it costs")
    func silentDay() {
        var pool = VirtualPool(replicas: 2) {
            $0.minimum = 2
            $0.budget = PolicySettings.Budget(usdPerDay: 1000)
        }
        pool.usdPerHour = 4
        pool.run(.seconds(6 * 3600))
        pool.controlPlaneDown = true
        pool.run(.seconds(6 * 3600))
        pool.controlPlaneDown = false
        pool.run(.seconds(3600))
        let spent = { pool.controller.memory.spending?.usd ?? 0 }
        #expect(abs(spent() - 13 * 8) < 0.1, "\(spent())")
        pool.now = pool.now - .seconds(1800)
        pool.run(.seconds(1800))
        #expect(abs(spent() - 13 * 8) < 0.1, "\(spent())")
        pool.now = pool.now + .seconds(4 * 3600)
        pool.tick()
        #expect(abs(spent() - 14 * 8) < 0.1, "\(spent())")
    }

    @Test("over days of too much demand it costs what it may, and tapers off")
    func days() {
        var pool = VirtualPool(replicas: 2) {
            $0.minimum = 2
            $0.budget = PolicySettings.Budget(usdPerHour: 40, usdPerDay: 400)
        }
        pool.usdPerHour = 4
        pool.running = 200
        for day in 1...2 {
            var cost = 0.0
            for _ in 0..<5760 {
                #expect(pool.size <= 10 && pool.size >= 2)
                cost += 4 * Double(pool.size) * 15 / 3600
                pool.tick()
            }
            #expect(cost < 401 && cost > 395, "day \(day): \(cost)")
            #expect(pool.size == 2)
        }
        #expect(pool.log.count { $0.output.action != nil } < 2 * 20)
    }

    @Test(
        "a replica leaves in the last part of its billing period: 330 s for the drain, or half of it",
        arguments: [
            (3600, 3269, 1), (3600, 3270, 0), (3600, 3599, 0), (3600, 3600, 2940 + 330), (3600, 7200 + 3400, 0),
            (60, 29, 1), (60, 30, 0),
        ])
    func period(period: Int, age: Int, kept: Int) {
        var tick = tick()
        tick.settings.minimumBilling = .seconds(period)
        let id = tick.supply.serving[0]
        tick.fleet.replicas[0].launchedAt = tick.now - .seconds(age)
        #expect(tick.paidFor(id) == .seconds(kept))
        tick.settings.minimumBilling = nil
        #expect(tick.paidFor(id) == .zero)
        tick.settings.minimumBilling = .seconds(period)
        tick.fleet.replicas[0].launchedAt = nil
        #expect(tick.paidFor(id) == .zero)
    }

    @Test(
        "those whose period ends together leave together, and only where the operator has set a pace do they wait",
        arguments: [(nil, nil, 5), (.seconds(300), nil, 19), (nil, 4, 16), (.zero, 4, 16)]
            as [(Duration?, Int?, Int)])
    func pace(cooldown: Duration?, step: Int?, left: Int) {
        var pool = VirtualPool(replicas: 20) {
            $0.minimumBilling = .seconds(3600)
            $0.tolerance = 0.1
            $0.scaleDown.cooldown = cooldown
            $0.scaleDown.step = step.map { StepLimit(replicas: $0, per: .seconds(150)) }
        }
        // 3.75 replicas at 80 %; 4 would soon grow again. A drain takes its 5 minutes, so there is time for one.
        pool.running = 30
        pool.run(.seconds(3600))
        #expect(pool.size == left)
    }

    @Test(
        "billing periods take the defaults of shrinking away and leave those of growing",
        arguments: [(false, false), (false, true), (true, false), (true, true)])
    func defaults(isSteered: Bool, isBilled: Bool) {
        var tick = tick()
        tick.settings.minimumBilling = isBilled ? .seconds(3600) : nil
        if isSteered {
            let followed = ShadowStanding(candidate: ShadowCandidate.all[0], share: 1, meanReplicas: 1)
            tick.choice = ShadowChoice(
                desired: 1, followed: followed, below: nil, above: nil, required: 0.99, share: nil, isLearning: false)
        }
        let isFree = isSteered || isBilled
        #expect(tick.stepDown == (isFree ? nil : StepLimit(replicas: 1, per: .zero)))
        #expect(tick.cooldownDown == (isFree ? .zero : .seconds(300)))
        #expect(tick.cooldownUp == (isSteered ? .zero : .seconds(30)))
        tick.settings.scaleDown.step = StepLimit(replicas: 3, per: .seconds(60))
        (tick.settings.scaleDown.cooldown, tick.settings.scaleUp.cooldown) = (.seconds(7), .seconds(8))
        #expect(tick.stepDown?.replicas == 3)
        #expect((tick.cooldownDown, tick.cooldownUp) == (.seconds(7), .seconds(8)))
    }

    @Test("only those that may leave are given up, the paid ones stay")
    func victims() {
        var pool = VirtualPool(replicas: 2) {
            $0.minimumBilling = .seconds(3600)
            $0.scaleDown.after = .zero
            $0.scaleDown.cooldown = .zero
        }
        // Ordered now, and idle for the rest of the hour.
        pool.running = 32
        pool.tick()
        #expect(pool.size == 4)
        pool.running = 0
        let start = pool.now
        pool.run(.seconds(3000))
        // The two old ones were launched two hours before, so their periods end now.
        #expect(pool.actions(since: start).isEmpty)
        #expect(pool.replicas.map(\.number) == [1, 2, 3, 4])
        pool.run(.seconds(900))
        #expect(pool.size == 1)
        let seconds = pool.actions(since: start).map(\.seconds)
        #expect(seconds.allSatisfy { $0 >= 3255 && $0 <= 3600 }, "\(seconds)")
    }
}
