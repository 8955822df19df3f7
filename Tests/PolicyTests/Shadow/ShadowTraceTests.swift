import TestSupport
import Testing

@testable import Policy

/// Shadow fleets on recorded traffic, from a cold start.
struct ShadowTraceTests {
    /// With the limits of the cheapest tuned policy among a horizontal pod autoscaler, Knative's and target tracking,
    /// and twice the actions of the first.
    struct Case: CustomTestStringConvertible {
        var trace: String
        var intervals: Int
        /// In intervals.
        var boot: Int
        var share: Double
        /// The most replica-hours that are allowed, and scaling actions.
        var hours: Double
        var changes: Int
        var testDescription: String { "\(trace), boots of \(15 * boot) s" }
    }

    @Test(
        "recorded traffic is served at the objective for less than tuned reactive scalers cost",
        .enabled(if: SharedFixtures.available && Tool("gzip") != nil, "needs ../shared and gzip"),
        arguments: [
            Case(trace: "servegen_deepseek_r1_15s", intervals: 5760, boot: 12, share: 0.98, hours: 524.9, changes: 382),
            Case(trace: "servegen_deepseek_r1_15s", intervals: 5760, boot: 28, share: 0.98, hours: 567.2, changes: 368),
            Case(trace: "azure2024_conv_week_15s", intervals: 11_520, boot: 12, share: 0.99, hours: 768, changes: 340),
        ])
    func trace(row: Case) throws {
        let gzip = try #require(Tool("gzip"))
        let path = try #require(SharedFixtures.directory) + "/traces/\(row.trace).csv.gz"
        let work = try gzip.run(["-dc", path]).output.split(separator: "\n").dropFirst().prefix(row.intervals)
            .map { try #require(Double($0.split(separator: ",")[1])) }
        let capacity = work.reduce(0, +) / Double(work.count) / 12
        let first = (work.prefix(40).max() ?? 0) / capacity
        var driver = ShadowDriver(capacity: capacity, boot: row.boot, ready: Int(first.rounded(.up) / 0.7) + 1)
        for arrivals in work { driver.step(arrivals) }
        #expect(driver.pool.share >= row.share)
        #expect(Double(driver.pool.cost) / 240 <= row.hours)
        #expect(driver.pool.changes <= row.changes)
    }
}
