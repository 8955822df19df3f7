import Fleet
import Forecast

/// The report as a page of its own: one file, without scripts, that loads nothing.
extension ForecastReport {
    package var html: String {
        let charts: HTML = shown.map { fans($0.name, $0.trial) } ?? ""
        let horizons: HTML = shown.map { horizonTable($0.name, $0.score) } ?? ""
        let left = rows.compactMap { row -> String? in
            guard case .left(let reason) = row.outcome else { return nil }
            return "\(row.name): \(reason)."
        }
        let legend = (Self.legend + left).map { "<p class=\"because\">\($0)</p>" as HTML }.joined()
        let page: HTML = """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">\
            <title>Forecast of \(name)</title><style>\(HTML(stringLiteral: StatusPageStyle.css + FanChart.css + Self.css))</style></head>
            <body><header><h1>Forecast of \(name)</h1><p>\(summary)</p></header><main>
            <section><h2>Scores <small>averages over \(horizonNames)</small></h2>\(scoreTable)<div class="legend">\(legend)\
            </div></section>
            \(charts)\(horizons)</main><footer><p>scale-agent forecast</p></footer></body></html>

            """
        return page.text
    }

    private static let css = """

        .came{--key:var(--ink)}.near{--key:color-mix(in srgb,var(--current) 45%,var(--card))}
        .far{--key:color-mix(in srgb,var(--current) 20%,var(--card))}
        .best{font-weight:650;color:var(--good)}
        """

    private var horizonNames: String {
        rolling.settings.horizons.map { spanText($0) }.joined(separator: ", ")
    }

    private var scoreTable: HTML {
        let columns = self.columns
        // The lowest loss of each column of losses stands out; what is best elsewhere depends on the level.
        let best = columns.map { column -> Double? in
            guard column.title.contains("rMAE") || column.title.contains("rPB") || column.title == "MASE" else {
                return nil
            }
            return rows.compactMap { row -> Double? in
                guard case .scored(let score, _) = row.outcome else { return nil }
                return column.value(score)
            }.min()
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
            ["horizon", ">MAE", ">RMSE", ">sMAPE"] + levels.map { ">cov" + Self.percent($0.element) }
            + levels.map { ">max cov" + Self.percent($0.element) }
            + levels.map { ">max rPB" + Self.percent($0.element) }
        let rows = score.horizons.map { horizon -> (tone: Tone?, cells: [HTML]) in
            func text(_ value: Double?, _ decimals: Int = 3) -> HTML {
                cell(value) { fixedNumber($0, decimals: decimals) }
            }
            var cells: [HTML] = ["\(spanText(horizon.horizon))"]
            cells += [
                text(horizon.sample.mae), text(horizon.sample.rmse), cell(horizon.sample.smape) { percentText($0) },
            ]
            cells += levels.map { text(horizon.sample.levels[$0.offset].coverage) }
            cells += levels.map { text(horizon.maximum.levels[$0.offset].coverage) }
            cells += levels.map { level in
                guard let loss = horizon.maximum.levels[level.offset].pinball,
                    let naive = horizon.maximumOfNaive.levels[level.offset].pinball, naive > 0
                else { return unknown }
                return text(loss / naive)
            }
            return (nil, cells)
        }
        return "<section><h2>\(name) <small>by horizon</small></h2>\(table(head, rows))</section>\n"
    }

    // MARK: Charts

    private static let daysShown = 2.0

    private func fans(_ name: String, _ trial: RollingOrigin.Trial) -> HTML {
        let levels = rolling.settings.levels
        let keys = zip(levels, levels.dropFirst()).enumerated().map { index, pair -> HTML in
            let style = index == 0 ? "near" : "far"
            return "<span class=\"key \(style)\">P\(Self.percent(pair.0)) to P\(Self.percent(pair.1))</span>"
        }.joined()
        let charts = rolling.slots.indices.map { index -> HTML in
            let span = spanText(rolling.settings.horizons[index])
            let sample = fan("Sample in \(span)", index, trial, \.sample) { rolling.series.values[$0] }
            let maximum = fan("Largest one-minute mean of the next \(span)", index, trial, \.maximum) {
                rolling.largest[index][$0]
            }
            return "\(sample)\(maximum)"
        }.joined()
        return """
            <section><h2>\(name) <small>the last days, as forecast each time</small></h2>
            <p class="swatches"><span class="key came">what came</span>\(keys)</p>
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
