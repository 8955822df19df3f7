import Exporters
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
        let lines = try Self.report().text.split(separator: "\n")
        #expect(
            lines[0]
                == "wave: 4 days in steps of 300 s, 1.04 % missing; learned from 2 days, scored over 2 days at 572 origins"
        )
        #expect(lines[1].hasPrefix("MODEL   rMAE"))
        #expect(lines[2] == "none   the series is <too> short")
        #expect(lines[3].hasPrefix("naive  1.000") && lines[3].hasSuffix(" 0.25"))
    }

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
        #expect(horizons.map(\.horizon_seconds) == [180, 300, 600, 900])
        #expect(horizons.allSatisfy { $0.sample.levels.map(\.level) == [0.5, 0.9, 0.99] && $0.sample.origins > 500 })
    }

    @Test("the page loads nothing, runs nothing and escapes what is not its own")
    func page() throws {
        let page = try Self.report(name: "<b>&\"wave\"</b>").html
        #expect(page.hasPrefix("<!doctype html>") && page.hasSuffix("</html>\n"))
        for word in [
            "<script", "http:", "https:", "url(", "@import", "src=", "href=", "<b>&", "<too>", "NaN", "nan", "inf",
        ] {
            #expect(!page.contains(word), "\(word)")
        }
        #expect(page.components(of: "<figure>") == 8, "two charts a horizon")
        #expect(page.contains("2026-03-03") && page.contains("the series is &lt;too&gt; short"))
    }

    @Test("what is emitted has each origin and horizon with its quantiles")
    func emitted() throws {
        let report = try Self.report()
        let lines = report.emitted.split(separator: "\n")
        #expect(lines[0] == "origin_t_s,h_s,p50,p90,p99")
        // Horizons of 3 and 5 minutes are one step both.
        #expect(lines.count == 1 + 4 * report.rolling.origins.count)
        let first = lines[1].split(separator: ",").compactMap { Double($0) }
        #expect(first.count == 5 && first[1] == 300)
        #expect(first[0] == 1_772_323_200 + 300 * Double(report.rolling.origins[0]))
    }
}

extension String {
    fileprivate func components(of part: String) -> Int { ranges(of: part).count }
}
