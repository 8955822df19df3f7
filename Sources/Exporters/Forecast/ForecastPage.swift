import Fleet
import Forecast

/// The report as a page of its own: one file, without scripts, that loads nothing.
extension ForecastReport {
    package var html: String {
        let charts: HTML = shown.map { fans($0.name, $0.trial) } ?? ""
        let horizons: HTML = shown.map { horizonTable($0.name, $0.score) } ?? ""
        let left = rows.compactMap { row in row.reason.map { "\(row.name): \($0)." } }
        let tables = ForecastTarget.allCases.map { target -> HTML in
            "<h3>\(title(of: target))</h3>\(scoreTable(target))"
        }.joined()
        let legend = (notes + left + Self.legend).map { "<p class=\"because\">\($0)</p>" as HTML }.joined()
        let page: HTML = """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">\
            <title>Forecast of \(name)</title><style>\(HTML(stringLiteral: StatusPageStyle.css + FanChart.css + Self.css))</style></head>
            <body><header><h1>Forecast of \(name)</h1><p>\(summary)</p></header><main>
            <section><h2>Scores</h2>\(tables)<div class="legend">\(legend)\
            </div></section>
            \(charts)\(horizons)</main><footer><p>scale-agent forecast</p></footer></body></html>

            """
        return page.text
    }

    private static let css = """

        .came{--key:var(--ink)}.middle{--key:var(--current)}.out{--key:var(--warn)}
        h1,h2,h3{overflow-wrap:anywhere}h3{font-size:13px;margin:14px 0 4px;text-transform:none;letter-spacing:0}
        .best{font-weight:650;color:var(--good)}
        """

    private func scoreTable(_ target: ForecastTarget) -> HTML {
        let columns = self.columns.filter { $0.target == target }
        // The lowest of several losses stands out where it is better than the baseline; what is best elsewhere depends
        // on the level.
        let best = columns.map { column -> Double? in
            let losses = rows.compactMap { row -> Double? in
                guard column.isLoss, case .scored(let score, _) = row.outcome else { return nil }
                return column.value(score)
            }
            return losses.count > 1 ? losses.min().flatMap { $0 < 1 ? $0 : nil } : nil
        }
        let lines = rows.map { row -> (tone: Tone?, cells: [HTML]) in
            guard case .scored(let score, _) = row.outcome else {
                return (nil, ["\(row.name)"] + columns.map { _ in unknown })
            }
            let cells = zip(columns, best).map { column, best -> HTML in
                guard let value = column.value(score) else { return unknown }
                let text = fixedNumber(value, decimals: column.decimals)
                return value == best ? "<span class=\"best\">\(text)</span>" : "\(text)"
            }
            return (nil, ["\(row.name)"] + cells)
        }
        return table(["model"] + columns.map { ">" + $0.title }, lines)
    }

    private func horizonTable(_ name: String, _ score: ForecastScore) -> HTML {
        let levels = rolling.settings.levels.enumerated().filter { $0.element != 0.5 }
        let head =
            ["horizon", ">origins", ">MAE", ">rMAE", ">RMSE", ">sMAPE"]
            + levels.map { ">cov" + Self.percent($0.element) }
            + levels.map { ">max cov" + Self.percent($0.element) }
            + levels.map { ">max rPB" + Self.percent($0.element) }
        let rows = score.horizons.map { horizon -> (tone: Tone?, cells: [HTML]) in
            func text(_ value: Double?, _ decimals: Int = 3) -> HTML {
                cell(value) { fixedNumber($0, decimals: decimals) }
            }
            var cells: [HTML] = ["\(spanText(horizon.horizon))"]
            cells += [
                "\(horizon.sample.count)", text(horizon.sample.mae), text(horizon.relative(\.mae)),
                text(horizon.sample.rmse), cell(horizon.sample.smape) { percentText($0) },
            ]
            cells += levels.map { text(horizon.sample.levels[$0.offset].coverage) }
            cells += levels.map { text(horizon.maximum.levels[$0.offset].coverage) }
            cells += levels.map { level in
                text(horizon.relative({ $0.levels[level.offset].pinball }, of: .maximum))
            }
            return (nil, cells)
        }
        return "<section><h2>\(name) <small>by horizon</small></h2>\(table(head, rows))</section>\n"
    }

    // MARK: Charts

    private static let daysShown = 2.0

    private func fans(_ name: String, _ trial: RollingOrigin.Trial) -> HTML {
        let levels = rolling.settings.levels
        let median = levels.firstIndex(of: 0.5)
        let keys = zip(levels, levels.dropFirst()).enumerated().map { index, pair -> HTML in
            let shade = FanChart.shade(of: index, median: median)
            return "<span class=\"key \(shade)\">P\(Self.percent(pair.0)) to P\(Self.percent(pair.1))</span>"
        }.joined()
        let charts = rolling.slots.indices.map { index -> HTML in
            let span = spanText(rolling.horizons[index])
            let sample = fan("Sample in \(span)", index, trial, \.sample) { rolling.series.values[$0] }
            let maximum = fan("Largest one-minute mean of the next \(span)", index, trial, \.maximum) {
                rolling.largest[index][$0]
            }
            return "\(sample)\(maximum)"
        }.joined()
        return """
            <section><h2>\(name) <small>the last days, as forecast each time</small></h2>
            <p class="swatches"><span class="key came">what came</span>\
            <span class="key middle">median</span>\(keys)<span class="key out">beyond the scale</span></p>
            <div class="charts">\(charts)</div></section>

            """
    }

    private func fan(
        _ title: String, _ index: Int, _ trial: RollingOrigin.Trial, _ target: KeyPath<DemandForecast, [Double]>,
        actual: (Int) -> Double?
    ) -> HTML {
        let ahead = rolling.slots[index]
        let end = rolling.test.upperBound
        let start = max(
            rolling.test.lowerBound, end - Duration.seconds(86_400 * Self.daysShown).slots(of: rolling.series.step))
        func x(_ slot: Int) -> Double { Double(slot - start) / Double(max(1, end - start)) }
        let points = rolling.origins.indices.compactMap { origin -> FanChart.Point? in
            let slot = rolling.origins[origin] + ahead
            guard slot >= start else { return nil }
            let said = trial[index][origin]?[keyPath: target]
            return FanChart.Point(
                x: x(slot), actual: actual(slot), quantiles: said?.allSatisfy(\.isFinite) == true ? said : nil)
        }
        return FanChart(
            title: title, note: "", points: points, median: rolling.settings.levels.firstIndex(of: 0.5),
            days: days(from: start, to: end).map { (x($0.slot), $0.label) }
        ).html
    }

    /// The slots in which local days begin.
    private func days(from start: Int, to end: Int) -> [(slot: Int, label: String)] {
        func day(_ slot: Int) -> Int {
            let local = Double(clock.localSecond(at: rolling.series.time(of: slot)))
            return Int((local / 86_400).rounded(.down))
        }
        // Traces count from 0 instead of telling a date.
        let isDated = rolling.series.start.secondsSince1970 >= 86_400 * 3650
        return (start..<end).filter { $0 == 0 || day($0) != day($0 - 1) }.map { slot in
            let label = isDated ? "\(clock.date(at: rolling.series.time(of: slot)))" : "day \(day(slot))"
            return (slot, label)
        }
    }
}
