import Policy
import Testing

@testable import Config

@Suite struct RuleConfigTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var lines: String
        var change: @Sendable (inout PolicySettings) -> Void
        var testDescription: String { lines }

        init(_ lines: String, _ change: @escaping @Sendable (inout PolicySettings) -> Void) {
            (self.lines, self.change) = (lines, change)
        }
    }

    static let cases = [
        Case("min: 1") { _ in },
        Case("scale_to_zero: off") { _ in },
        Case("scale_to_zero: {}") { ($0.minimum, $0.scaleToZero) = (0, .init()) },
        Case("min: 0\nscale_to_zero: {after: auto}") { ($0.minimum, $0.scaleToZero) = (0, .init()) },
        Case("scale_to_zero: {after: 30m}") { ($0.minimum, $0.scaleToZero) = (0, .init(after: .seconds(1800))) },
        Case("objective: off") { $0.objective = nil },
        Case("objective: {share: 95%, wait: 30s}") { $0.objective = WaitObjective(share: 0.95, wait: .seconds(30)) },
        Case("target_load: 70%") { ($0.objective, $0.scaleUp.loadAbove) = (nil, 0.7) },
        Case("policy: {scale_up: {load_above: 70%}}") { ($0.objective, $0.scaleUp.loadAbove) = (nil, 0.7) },
        Case("objective: off\ntarget_load: 70%") { ($0.objective, $0.scaleUp.loadAbove) = (nil, 0.7) },
        Case("policy: {scale_down: {cooldown: 10m, after: 5m}}") {
            ($0.scaleDown.cooldown, $0.scaleDown.after) = (.seconds(600), .seconds(300))
        },
        Case("policy: {kv_cache_above: off}") { $0.signals.kvCacheAbove = nil },
        Case("policy: {kv_cache_above: 85%}") { $0.signals.kvCacheAbove = 0.85 },
        Case("policy: {tokens_per_second: 2500}") { $0.signals.tokensPerSecond = 2500 },
        Case("policy: {prewarm: {}}") { $0.prewarm = PolicySettings.Prewarm() },
        Case("policy: {prewarm: {queue_ratio: 0.7, horizon: 180s}}") { $0.prewarm = PolicySettings.Prewarm() },
        Case("policy: {prewarm: {queue_ratio: 90%, horizon: off}}") {
            var prewarm = PolicySettings.Prewarm()
            (prewarm.ratio, prewarm.horizon) = (0.9, nil)
            $0.prewarm = prewarm
        },
        Case("minimum_billing: 1h") { $0.minimumBilling = .seconds(3600) },
        Case("usd_per_hour: 4\nbudget: {usd_per_hour: 40, usd_per_day: 600}") {
            $0.usdPerHour = 4
            $0.budget = PolicySettings.Budget(usdPerHour: 40, usdPerDay: 600)
        },
        Case("usd_per_hour: 4\nbudget: {usd_per_day: 600}") {
            $0.usdPerHour = 4
            $0.budget = PolicySettings.Budget(usdPerDay: 600)
        },
    ]

    @Test("rules beside the load are read, and read back", arguments: cases)
    func reads(row: Case) throws {
        let config = try parse(pool(row.lines))
        #expect(config.warnings.isEmpty)
        var settings = PolicySettings()
        settings.objective = WaitObjective()
        row.change(&settings)
        #expect(config.pools.first?.settings == settings)
        #expect(try parse(config.describe(), file: "/x.yaml").pools == config.pools)
    }

    @Test("an objective and a load are two ways of sizing")
    func objective() {
        #expect(
            problems(pool("objective: {}\ntarget_load: 70%")) == [
                "scale-agent.yaml:3:16: pools[0].objective: it sizes the pool by waits, and target_load by load; keep one of them"
            ])
    }

    @Test("a budget needs a bound and a price")
    func budget() throws {
        #expect(
            problems(pool("usd_per_hour: 4\nbudget: {}")) == [
                "scale-agent.yaml:4:13: pools[0].budget: it says nothing; write usd_per_hour, usd_per_day or both"
            ])
        let warnings = try parse(pool("budget: {usd_per_hour: 40}")).warnings
        #expect(warnings.count == 1)
        let text = "without the price of a replica it does not apply; write usd_per_hour"
        #expect("\(warnings)".contains(text), "\(warnings)")
    }
}
