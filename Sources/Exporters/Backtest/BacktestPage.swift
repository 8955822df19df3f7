import Fleet

/// The report as a page of its own: one file, without scripts, that loads nothing.
extension BacktestReport {
    package var html: String {
        let notes = legend.map { "<p class=\"because\">\($0)</p>" as HTML }.joined()
        let css = StatusPageStyle.css + FanChart.css + CostChart.css + Self.css
        let page: HTML = """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">\
            <title>Backtest of \(name)</title><style>\(HTML(stringLiteral: css))</style></head>
            <body><header><h1>Backtest of \(name)</h1><p>\(summary)</p></header><main>
            <section><h2>Policies</h2>\(policyTable)<div class="legend">\(notes)</div></section>
            <section><h2>Cost and waits <small>share of the work that waits too long, over cost; the dashed line is \
            the objective</small></h2>\(costs)</section>
            \(fleet)</main><footer><p>scale-agent backtest</p></footer></body></html>

            """
        return page.text
    }

    private static let css = """

        .asked{--key:color-mix(in srgb,var(--current) 45%,var(--card))}.ready{--key:var(--ink)}
        tr.own td{font-weight:650}.missed{color:var(--bad)}.kept{color:var(--good)}
        .plot.fan+.plot.fan{margin-top:30px}.wide figure{margin-bottom:24px}
        """

    private var policyTable: HTML {
        let columns = self.columns
        let lines = rows.map { row -> (tone: Tone?, cells: [HTML]) in
            let cells = columns.map { column -> HTML in
                guard let value = column.value(row) else { return unknown }
                let text = fixedNumber(value, decimals: column.decimals)
                guard column.title == "in time %" else { return "\(text)" }
                return keepsShare(row) ? "<span class=\"kept\">\(text)</span>" : "<span class=\"missed\">\(text)</span>"
            }
            return (row.name == Self.productName ? .busy : nil, ["\(row.name)"] + cells)
        }
        return table(["policy"] + columns.map { ">" + $0.title }, lines)
    }

    // MARK: Cost and waits

    private var costs: HTML {
        func point(_ row: Row) -> CostChart.Point? {
            guard let cost = overHindsight(row), let share = row.shareInTime else { return nil }
            let style = row.name == Self.productName ? "own" : row.setting == nil ? "best" : "peer"
            return CostChart.Point(name: row.name, cost: cost, late: 1 - share, style: style)
        }
        let names = rows.map(\.name)
        let trails = names.map { name in sweep.filter { $0.name == name }.compactMap(point) }
        return CostChart(
            points: rows.compactMap(point), trails: trails.filter { $0.count > 1 }, objective: 1 - world.share
        ).html
    }

    // MARK: The fleet over time

    private var fleet: HTML {
        guard !timeline.isEmpty else { return "" }
        let whole = timeline.indices
        let day = worstDay
        let charts = [("All", whole)] + (day.count < whole.count ? [("The worst day", day)] : [])
        return """
            <section class="wide"><h2>\(Self.productName) <small>replicas that the demand keeps busy, and those that \
            were ready</small></h2>
            <p class="swatches"><span class="key ready">fewest ready</span><span class="key asked">demand, least to \
            most</span></p>
            \(charts.map { chart($0.0, $0.1) }.joined())</section>

            """
    }

    private static let pixels = 720

    /// Each point is of so many bins: the range of their demand, and the fewest replicas that were ready.
    private func chart(_ title: String, _ bins: Range<Int>) -> HTML {
        let width = (bins.count + Self.pixels - 1) / Self.pixels
        let points = stride(from: bins.lowerBound, to: bins.upperBound, by: width).map { first in
            let part = timeline[first..<min(first + width, bins.upperBound)]
            let demand = part.map(\.demand)
            return FanChart.Point(
                x: Double(first - bins.lowerBound) / Double(max(1, bins.count - 1)),
                actual: part.map(\.ready).min().map(Double.init),
                quantiles: [demand.min() ?? 0, demand.max() ?? 0])
        }
        let note =
            "up to \(shortNumber(bins.map { timeline[$0].demand }.max() ?? 0)) busy, "
            + "\(bins.map { timeline[$0].ready }.max() ?? 0) ready"
        return FanChart(title: title, note: note, points: points, median: nil, days: marks(bins)).html
    }

    /// The day, counted from the start, in which most work waited; the one with the most demand where none did.
    private var worstDay: Range<Int> {
        let length = max(1, Int(86_400 / world.binSeconds))
        let days = stride(from: 0, to: timeline.count, by: length).map { $0..<min($0 + length, timeline.count) }
        let waited = days.map { day in timeline[day].reduce(0) { $0 + $1.backlog } }
        let most = days.map { day in timeline[day].map(\.demand).max() ?? 0 }
        let worst = days.indices.max { (waited[$0], most[$0]) < (waited[$1], most[$1]) }
        return worst.map { days[$0] } ?? timeline.indices
    }

    /// Where days begin, or every so many of them, or every four hours of a single one.
    private func marks(_ bins: Range<Int>) -> [(x: Double, label: String)] {
        func second(_ bin: Int) -> Double { start.secondsSince1970 + Double(bin) * world.binSeconds }
        let span = Double(bins.count) * world.binSeconds
        let step = span > 2 * 86_400 ? 86_400 * (span / 86_400 / 12).rounded(.up) : 4 * 3600
        return bins.compactMap { bin in
            let index = (second(bin) / step).rounded(.down)
            guard bin == bins.lowerBound || index != (second(bin - 1) / step).rounded(.down) else { return nil }
            let whole = Int(second(bin))
            // Traces count from 0 instead of telling a date.
            let date = whole >= 86_400 * 3650 ? "\(CivilDate(daysSince1970: whole / 86_400))" : "day \(whole / 86_400)"
            let label = step < 86_400 ? "\(date) \(whole % 86_400 / 3600):00" : date
            return (Double(bin - bins.lowerBound) / Double(max(1, bins.count - 1)), label)
        }
    }
}
