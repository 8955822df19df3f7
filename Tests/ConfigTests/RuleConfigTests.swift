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
            $0.budget = PolicySettings.Budget(usdPerHour: 40, usdPerDay: 600)
        },
        Case("usd_per_hour: 4\nbudget: {usd_per_day: 600}") { $0.budget = PolicySettings.Budget(usdPerDay: 600) },
    ]

    @Test("rules beside the load are read, and read back", arguments: cases)
    func reads(row: Case) throws {
        let config = try parse(pool(row.lines))
        #expect(config.warnings.isEmpty)
        var settings = PolicySettings()
        row.change(&settings)
        #expect(config.pools.first?.settings == settings)
        #expect(try parse(config.describe(), file: "/x.yaml").pools == config.pools)
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
