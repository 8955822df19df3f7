import Exporters
import Fleet
import FoundationEssentials
import Testing

struct BacktestReportTests {
    /// Two and a half days in bins of an hour, with all that a report may have.
    private static func report(price: Double? = 2, share: Double = 0.99, tunes: Bool = false) -> BacktestReport {
        var report = BacktestReport(
            name: "<wave>", start: Timestamp(millisecondsSince1970: 1_772_323_200_000), missing: 3,
            world: BacktestReport.World(
                bins: 60, binSeconds: 3600, capacityPerSecond: 0.5, meanReplicas: 12, bootSeconds: 420,
                bootQuantilesSeconds: [300, 900], waitSeconds: 10, share: share, startReplicas: 4,
                usdPerReplicaHour: price))
        func row(_ name: String, _ setting: Double?, hours: Double, share: Double?) -> BacktestReport.Row {
            var row = BacktestReport.Row(name: name, replicaHours: hours)
            (row.setting, row.settingName, row.shareInTime) = (setting, setting.map { _ in "target" }, share)
            (row.usd, row.worstWaitSeconds, row.p99WaitSeconds) = (
                price.map { $0 * hours }, 61.25, share.map { _ in 9 }
            )
            (row.scaleUps, row.scaleDowns, row.flaps) = (12, 30, 5)
            return row
        }
        report.rows = [
            row("hindsight", nil, hours: 800, share: 1), row("scale-agent", nil, hours: 900, share: 0.995),
            row("hpa", 0.7, hours: 1200, share: 0.9), row("idle", 1, hours: 10, share: nil),
        ]
        if tunes { report.sweep = [0.5, 0.7].map { row("hpa", $0, hours: 840 / $0, share: 1.6 - $0) } }
        report.timeline = (0..<60).map { bin in
            BacktestReport.Bin(demand: Double(bin % 24), ready: 24, booting: 0, backlog: bin == 50 ? 3 : 0)
        }
        return report
    }

    @Test func `the table has a row for each policy and dollars where there is a price`() {
        let lines = Self.report().text.split(separator: "\n").map(String.init)
        #expect(
            lines[0]
                == "<wave>: 2.5 days in steps of 3600 s, 5 % missing; 12 busy replicas in the mean at 0.5 of work a "
                + "second each; boots of 5 min to 15 min; 99 % within 10 s")
        func cells(_ line: String) -> [String] { line.split(separator: " ").map(String.init) }
        #expect(cells(lines[1]).prefix(4) == ["POLICY", "setting", "hours", "USD"])
        #expect(
            cells(lines[3]) == ["scale-agent", "-", "900.0", "1800.00", "1.125", "99.500", "9.0", "61.3", "42", "5"])
        #expect(cells(lines[5]) == ["idle", "1.00", "10.0", "20.00", "0.013", "-", "-", "61.3", "42", "5"])
        #expect(!Self.report(price: nil).text.contains("USD"))
        #expect(Self.report(tunes: true).text.contains("the cheapest that keeps 99 % in time"))
    }

    @Test func `the JSON has every number, and none for what is not known`() throws {
        struct Document: Decodable {
            struct World: Decodable {
                var capacity_per_second, boot_seconds: Double
                var boot_quantiles_seconds: [Double]
                var usd_per_replica_hour: Double?
            }
            struct Policy: Decodable {
                var policy: String
                var setting, usd, x_hindsight, share_in_time: Double?
                var keeps_share: Bool
                var changes: Int
            }
            var world: World
            var policies: [Policy]
            var sweep: [Policy]?
        }
        func document(_ report: BacktestReport) throws -> Document {
            try JSONDecoder().decode(Document.self, from: Data(report.json))
        }
        let all = try document(Self.report(tunes: true))
        #expect(all.policies.map(\.policy) == ["hindsight", "scale-agent", "hpa", "idle"])
        #expect(all.policies.map(\.x_hindsight) == [1, 1.125, 1.5, 0.0125])
        #expect(all.policies.map(\.keeps_share) == [true, true, false, true], "no work is never late")
        #expect(all.policies.map(\.share_in_time) == [1, 0.995, 0.9, nil] && all.policies[2].changes == 42)
        #expect(all.sweep?.map(\.setting) == [0.5, 0.7] && all.world.boot_quantiles_seconds == [300, 900])
        let bare = try document(Self.report(price: nil))
        #expect(bare.sweep == nil && bare.world.usd_per_replica_hour == nil && bare.policies[0].usd == nil)
    }

    @Test func `the page loads nothing, escapes names and shows the day in which work waited`() {
        let page = Self.report(tunes: true).html
        #expect(page.contains("Backtest of &lt;wave&gt;") && !page.contains("<wave>"))
        for forbidden in ["<script", "http", "url(", "@import", "src="] { #expect(!page.contains(forbidden)) }
        #expect(page.contains("The worst day") && page.contains("2026-03-03 4:00") && !page.contains("2026-03-02 4:00"))
        #expect(page.components(separatedBy: "<circle").count == 4, "nothing is known of the one without work")
        #expect(page.contains("class=\"kept\">99.500") && page.contains("class=\"missed\">90.000"))
    }
}
