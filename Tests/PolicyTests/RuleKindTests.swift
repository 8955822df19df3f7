import Fleet
import Forecast
import TestSupport
import Testing

@testable import Policy

/// What switching a rule on can do to a decision, over random worlds: no more than the rule's kind may.
@Suite struct RuleKindTests {
    struct Switch: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var kind: RuleKind
        var off: @Sendable (inout PolicySettings) -> Void = { _ in }
        var on: @Sendable (inout PolicySettings) -> Void = { _ in }
    }

    static let switches = [
        Switch(testDescription: "forecast", kind: .need, off: { $0.signals.actsOnForecast = false }),
        Switch(testDescription: "KV cache", kind: .need, off: { $0.signals.kvCacheAbove = nil }),
        Switch(
            testDescription: "schedule", kind: .need,
            on: {
                let days = Weekday.allCases
                $0.schedules = [Schedule(.weekly(days: days, from: 600, to: 3600), minimum: 5)]
            }),
        // Billing periods leave the pace to the operator, who has set one.
        Switch(
            testDescription: "minimum billing", kind: .hold,
            off: { $0.scaleDown.step = StepLimit(replicas: 1, per: .zero) },
            on: {
                $0.scaleDown.step = StepLimit(replicas: 1, per: .zero)
                $0.minimumBilling = .seconds(3600)
            }),
        Switch(
            testDescription: "hourly budget", kind: .limit,
            on: { $0.budget = PolicySettings.Budget(usdPerHour: 12) }),
        Switch(
            testDescription: "daily budget", kind: .limit, on: { $0.budget = PolicySettings.Budget(usdPerDay: 150) }),
        Switch(testDescription: "prewarm", kind: .need, on: { $0.prewarm = PolicySettings.Prewarm() }),
        Switch(testDescription: "token rate", kind: .need, on: { $0.signals.tokensPerSecond = 100 }),
    ]

    @Test("a rule that is switched on raises, keeps or lowers, as its kind says", arguments: switches)
    func kinds(rule: Switch) {
        var difference = 0
        for seed in 0..<12 {
            var world = World(seed: UInt64(seed))
            world.pool.usdPerHour = 4
            world.pool.controller = PoolController(
                pool: PoolID(rawValue: "p"), settings: world.pool.controller.settings, learning: trained)
            for step in 0..<200 {
                world.disturb()
                var (without, with) = (world.pool, world.pool)
                rule.off(&without.controller.settings)
                rule.on(&with.controller.settings)
                let (a, b) = (without.tick().decision, with.tick().decision)
                world.pool.tick()
                guard let before = a.target, let after = b.target, let current = a.current else { continue }
                if before != after { difference += 1 }
                let comment: Comment = "seed \(seed), step \(step): \(before), then \(after)"
                switch rule.kind {
                case .need: #expect(after >= before, comment)
                case .hold: #expect(after >= before && after <= max(before, current), comment)
                case .limit, .floor: #expect(after <= before, comment)
                }
            }
        }
        #expect(difference > 0, "it never spoke")
    }

    @Test("no step of any decision goes where its rule's kind may not", arguments: 0..<20)
    func steps(seed: Int) {
        var world = World(seed: UInt64(seed))
        world.pool.usdPerHour = 4
        for rule in Self.switches { rule.on(&world.pool.controller.settings) }
        world.pool.controller = PoolController(
            pool: PoolID(rawValue: "p"), settings: world.pool.controller.settings, learning: trained)
        let kinds = Dictionary(uniqueKeysWithValues: PoolController.rules.map { ($0.name, $0.kind) })
        for step in 0..<200 {
            world.disturb()
            let decision = world.pool.tick().decision
            for taken in decision.steps {
                let comment: Comment = "seed \(seed), step \(step): \(taken)"
                switch kinds[taken.rule] {
                case .need, .floor: #expect(taken.to >= taken.from, comment)
                case .hold:
                    #expect(taken.to >= taken.from && taken.to <= max(taken.from, decision.current ?? 0), comment)
                case .limit: #expect(taken.to <= taken.from, comment)
                case nil: Issue.record(comment)
                }
            }
        }
    }
}
