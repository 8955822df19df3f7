@testable import Exporters
import Fleet
import Forecast
import FoundationEssentials
import Testing

@Suite struct ForecastReportTests {
    /// Four days of a wave in steps of five minutes, forecast by one that can and one that cannot.
    private static func report(name: String = "wave") throws -> ForecastReport {
        let values = (0..<4 * 288).map { slot -> Double? in
            if slot % 100 == 7 { return nil }
            let (wave, noise) = (abs(slot % 288 - 144), slot * 37 % 11)
            return Double(100 + wave + noise)
        }
        let rolling = try RollingOrigin(
            SampleSeries(
                start: Timestamp(millisecondsSince1970: 1_772_323_200_000), step: .seconds(300), values: values))
        let naive = rolling.naive()
        var report = ForecastReport(name: name, rolling: rolling, clock: .utc)
        report.rows = [
            .init(name: "none", outcome: .left("the series is <too> short"), seconds: 0),
            .init(name: "naive", outcome: .scored(rolling.score(naive, against: naive), naive), seconds: 0.25),
        ]
        return report
    }

    @Test("the table has a row for each forecaster, or the reason why there is none")
    func text() throws {
        let text = try Self.report().text
        let lines = text.split(separator: "\n")
        #expect(
            text.hasPrefix(
                "wave: 4 days in steps of 300 s, 1.04 % missing; learned from 2 days, scored over 2 days at "))
        #expect(text.contains("572 origins\nAsked for 3 min, 5 min: scored once, at 5 min, by the step of 5 min.\n"))
        #expect(text.contains("\nnone has no score: the series is <too> short.\n"))
        #expect(text.contains("\nSamples 5 min, 10 min, 15 min ahead, against the last value\nMODEL   rMAE"))
        #expect(lines.count { $0.hasPrefix("MODEL") } == 2 && lines.count { $0.hasPrefix("naive") } == 2)
        #expect(lines.contains { $0.hasPrefix("naive  1.000") && $0.hasSuffix(" 0.25") })
        #expect(lines.allSatisfy { $0.count <= 100 })
    }

    @Test("every table fits a terminal, whatever the names")
    func fits() throws {
        var report = try Self.report(name: String(repeating: "sum(x) ", count: 40))
        report.rows[1].name = "hw-multiplicative-damped"
        #expect(report.text.split(separator: "\n").allSatisfy { $0.count <= 100 })
    }

    @Test("one that said less is marked, one that said nothing is not scored")
    func partial() throws {
        var report = try Self.report()
        let naive = report.rolling.naive()
        let half = naive.map { said in said.enumerated().map { $0.offset < 300 ? nil : $0.element } }
        report.rows = [
            .init(name: "late", outcome: .scored(report.rolling.score(half, against: naive), half), seconds: 0)
        ]
        #expect(report.notes.contains { $0.hasPrefix("late: scored without ") })
        #expect(String(decoding: report.json, as: UTF8.self).contains("\"note\":\"scored without "))
        let silent = naive.map { $0.map { _ in DemandForecast?.none } }
        let row = ForecastReport.Row(
            name: "mute", outcome: .scored(report.rolling.score(silent, against: naive), silent), seconds: 0)
        #expect(row.reason == "it said nothing where something came")
    }

    @Test("the best of one is no best, nor one that is worse than the baseline")
    func best() throws {
        var report = try Self.report()
        func isMarked() -> Bool { report.html.contains("class=\"best\"") }
        #expect(!isMarked())
        guard case .scored(var score, let trial) = report.rows[1].outcome else { return }
        for index in score.horizons.indices { score.horizons[index].sample.mae? *= 0.5 }
        report.rows.append(.init(name: "better", outcome: .scored(score, trial), seconds: 0))
        #expect(isMarked())
    }

    @Test(
        "the band beside the median is the darkest, and a highest quantile off the scale is marked",
        arguments: [
            ([0.5, 0.9, 0.99], ["near", "off"]), ([0.1, 0.5, 0.9], ["near", "near"]),
            ([0.01, 0.1, 0.5, 0.9], ["off", "near", "near"]),
        ])
    func shades(levels: [Double], shades: [String]) {
        let median = levels.firstIndex(of: 0.5)
        #expect((0..<levels.count - 1).map { FanChart.shade(of: $0, median: median) } == shades)
        let high = levels.indices.map { $0 == levels.count - 1 ? 90.0 : 1 }
        let points = [1.0, 2].map { FanChart.Point(x: $0 / 2, actual: 1, quantiles: high) }
        let chart = FanChart(title: "", note: "", points: points, median: median, days: [])
        #expect(chart.html.text.contains("class=\"line beyond\" d=\"M"))
    }

    @Test(
        "large numbers keep their exponents",
        arguments: [(1.5e20, "1.5e+20"), (2e11, "200000000000.000"), (0.0625, "0.063")])
    func numbers(value: Double, text: String) { #expect(fixedNumber(value, decimals: 3) == text) }

    @Test(
        "what cannot be scored or fitted is told in spans of time",
        arguments: [
            (
                NotScorable.tooShort(.seconds(3600), needed: .seconds(174_015), test: 0.25).text,
                "expected a series of at least 2 d 20 min 15 s, or a part of it to score: --test-days 0.25; found 1 h"
            ),
            (
                NotScorable.testTooShort(.seconds(864), needed: .seconds(1260)).text,
                "--test-days: expected more than 5 minutes and the longest horizon, such as 0.0146, found 14 min 24 s"
            ),
            (
                FitError.tooShort(found: 11_519, needed: 11_520).text(step: .seconds(15)),
                "the learning part is too short: 2 d from its first to its last sample are needed, there are 1 d 23 h 59 min 45 s"
            ),
        ])
    func errors(found: String, expected: String) { #expect(found == expected) }

    @Test("the JSON has every score, and none for what is not known")
    func json() throws {
        struct Document: Decodable {
            struct Series: Decodable { var samples, missing, step_seconds: Int }
            struct Level: Decodable { var level, coverage: Double }
            struct Target: Decodable {
                var origins: Int
                var mae: Double
                var levels: [Level]
            }
            struct Horizon: Decodable {
                var horizon_seconds: Int
                var sample, maximum: Target
            }
            struct Model: Decodable {
                var model: String
                var error: String?
                var relative_mae: Double?
                var horizons: [Horizon]?
            }
            var series: Series
            var models: [Model]
        }
        let document = try JSONDecoder().decode(Document.self, from: Data(Self.report().json))
        #expect(document.series.samples == 1152 && document.series.missing == 12)
        #expect(document.models.map(\.error) == ["the series is <too> short", nil])
        #expect(document.models.map(\.relative_mae) == [nil, 1])
        let horizons = try #require(document.models[1].horizons)
        #expect(horizons.map(\.horizon_seconds) == [300, 600, 900])
        #expect(horizons.allSatisfy { $0.sample.levels.map(\.level) == [0.5, 0.9, 0.99] && $0.sample.origins > 500 })
    }

    @Test("the page loads nothing, runs nothing and escapes what is not its own")
    func page() throws {
        var report = try Self.report(name: "<b>&\"wave\"</b>")
        report.rows.swapAt(0, 1)
        let page = report.html
        #expect(page.hasPrefix("<!doctype html>") && page.hasSuffix("</html>\n"))
        for word in [
            "<script", "http:", "https:", "url(", "@import", "src=", "href=", "<b>&", "<too>", "NaN", "nan", "inf",
        ] {
            #expect(!page.contains(word), "\(word)")
        }
        #expect(page.components(of: "<figure>") == 6, "two charts a horizon")
        #expect(page.contains("2026-03-03") && page.contains("the series is &lt;too&gt; short"))
    }

    @Test("what is emitted has each origin and horizon with its quantiles")
    func emitted() throws {
        var report = try Self.report()
        #expect(report.emitted == "origin_t_s,h_s,p50,p90,p99\n", "the first one has no score")
        report.rows.swapAt(0, 1)
        let rows = report.emitted.split(separator: "\n").map { $0.split(separator: ",") }
        #expect(rows.count == 1 + 3 * report.rolling.origins.count)
        #expect(Set(rows.map { $0.prefix(2) }).count == rows.count, "each origin and horizon once")
        let first = rows[1].compactMap { Double($0) }
        #expect(first.count == 5 && first[1] == 300)
        #expect(first[0] == 1_772_323_200 + 300 * Double(report.rolling.origins[0]))
    }
}

extension String {
    fileprivate func components(of part: String) -> Int { ranges(of: part).count }
}
