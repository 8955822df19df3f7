import Fleet
import Policy
import Testing

/// What operators configure has its say on top of an objective.
@Suite struct ObjectiveRuleTests {
    struct Wish: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var rule: RuleName
        var size: Int
        var disturb: @Sendable (inout VirtualPool) -> Void = { _ in }
        var configure: @Sendable (inout PolicySettings) -> Void = { _ in }
    }

    /// 20 requests are 3 replicas by the objective.
    static let all = [
        Wish(testDescription: "KV caches at 97 %", rule: .kvCache, size: 4, disturb: { $0.kvCache = 2.9 }),
        Wish(
            testDescription: "270 tokens a second", rule: .tokenRate, size: 4,
            disturb: { $0.tokensPerSecond = 270 },
            configure: { ($0.signals.tokensPerSecond, $0.scaleDown.after) = (100, .seconds(1200)) }),
        Wish(
            testDescription: "prewarm", rule: .prewarm, size: 4,
            configure: {
                $0.prewarm = PolicySettings.Prewarm()
                $0.prewarm?.ratio = 0.6
            }),
        Wish(
            testDescription: "schedule", rule: .schedule, size: 5,
            configure: {
                let start = Timestamp(millisecondsSince1970: 1_767_225_600_000)
                $0.schedules = [Schedule(.once(from: start, to: start + .seconds(86_400)), minimum: 5)]
            }),
        Wish(
            testDescription: "headroom", rule: .headroom, size: 5, configure: { $0.headroom = .replicas(2) }),
        Wish(
            testDescription: "hourly budget", rule: .budget, size: 2, disturb: { $0.usdPerHour = 4 },
            configure: { $0.budget = PolicySettings.Budget(usdPerHour: 8) }),
        Wish(
            testDescription: "daily budget", rule: .budget, size: 2, disturb: { $0.usdPerHour = 4 },
            configure: { $0.budget = PolicySettings.Budget(usdPerDay: 104) }),
        Wish(testDescription: "maximum", rule: .maximum, size: 2, configure: { $0.maximum = 2 }),
    ]

    @Test("each raises or limits it", arguments: all)
    func wishes(wish: Wish) {
        func run(_ wish: Wish?) -> VirtualPool {
            var pool = VirtualPool(replicas: 3, by: .objective) {
                $0.shrinkAtOnce()
                wish?.configure(&$0)
            }
            pool.running = 20
            wish?.disturb(&pool)
            pool.run(.seconds(1200))
            return pool
        }
        let (plain, pool) = (run(nil), run(wish))
        #expect(plain.size == 3 && pool.size == wish.size)
        #expect(pool.log.contains { $0.output.has(wish.rule) } && pool.log.allSatisfy { $0.output.has(.objective) })
    }

    @Test("a queue asks for a replica per so many")
    func queue() {
        var pool = VirtualPool(replicas: 3, by: .objective) { $0.requestsPerReplicaInQueue = 2 }
        (pool.running, pool.waiting) = (20, 8)
        pool.run(.seconds(75))
        #expect(pool.size == 7)
    }

    @Test("spare replicas on their way are not ordered again", arguments: [0, 1, 2], [true, false])
    func spare(replicas: Int, isKnown: Bool) {
        var pool = VirtualPool(replicas: replicas, boot: .seconds(420), by: .objective) { $0.headroom = .replicas(2) }
        pool.running = 4
        if !isKnown { pool.silent = Set(1...replicas + 1) }
        pool.run(.seconds(1800))
        #expect(pool.log.allSatisfy { ($0.output.decision.target ?? 0) <= 3 })
    }

    @Test("cooldowns and dwell hold where they are set, and only there")
    func pace() {
        func orders(_ cooldown: Duration?) -> [Double] {
            var pool = VirtualPool(replicas: 1, by: .objective) { $0.scaleUp.cooldown = cooldown }
            let start = pool.now
            for _ in 0..<5 {
                pool.running += 9
                pool.tick()
            }
            return pool.actions(since: start).map(\.seconds)
        }
        #expect(orders(nil) == [0, 15, 30, 45, 60])
        #expect(orders(.seconds(45)) == [0, 45])
        func leaves(_ after: Duration?) -> Double? {
            var pool = VirtualPool(replicas: 4, by: .objective) {
                ($0.scaleDown.after, $0.boot.expected) = (after, .seconds(120))
            }
            let start = pool.now
            pool.run(.seconds(3600))
            return pool.log.first { $0.output.cordoned > 0 }.map { ($0.at - start).seconds }
        }
        #expect(leaves(nil) == 360)
        #expect(leaves(.seconds(900)) == 1260)
    }

    @Test("replicas that are paid for leave at the end of their hour, whatever moment the objective chose")
    func billing() {
        var pool = VirtualPool(replicas: 6, by: .objective) {
            ($0.minimumBilling, $0.boot.expected) = (.seconds(3600), .seconds(1000))
        }
        pool.run(.seconds(3600))
        #expect(pool.size == 1)
    }
}
