/// What was forecast, as a fan of quantiles, and over it what came; drawn as SVG.
struct FanChart: Sendable {
    struct Point: Sendable {
        /// 0 at the left edge, 1 at the right one.
        var x: Double
        var actual: Double?
        /// Ascending; `nil` where nothing was forecast.
        var quantiles: [Double]?
    }

    var title: String
    /// Beside the title.
    var note: String
    var points: [Point]
    /// The one of the quantiles that is drawn as a line, where there is one.
    var median: Int?
    /// Where days begin.
    var days: [(x: Double, label: String)]

    /// The class of the band above the quantile at `index`: darkest beside the median.
    static func shade(of index: Int, median: Int?) -> String {
        let steps = median.map { index >= $0 ? index - $0 : $0 - 1 - index } ?? index
        return steps == 0 ? "near" : steps == 1 ? "off" : "far"
    }

    private static let (width, height) = (600.0, 150.0)

    /// On top of the status page's style; `legend` and `swatches` are what stands around the charts of a report.
    static let css = """

        .plot.fan{margin-bottom:18px}.plot.fan svg{height:170px}
        .near{--band:62%}.off{--band:36%}.far{--band:17%}.key.near,.key.off,.key.far{--key:var(--fan)}
        .near,.off,.far{--fan:color-mix(in srgb,var(--current) var(--band),var(--card))}.band{fill:var(--fan)}
        .median{stroke:var(--current);stroke-width:1.4}.actual{stroke:var(--ink);stroke-width:1.1}
        .beyond{stroke:var(--warn);stroke-width:3}
        .day{position:absolute;top:100%;font-size:11px;line-height:16px;color:var(--soft)}
        .swatches{font-size:12.5px;color:var(--soft);margin:0 0 10px}.swatches .key:first-child{margin-left:0}
        .legend{margin-top:14px}.legend p{margin:0;font-size:12.5px}
        main td,main th{padding-right:11px}
        """

    var html: HTML {
        let ceiling = self.ceiling
        func at(_ x: Double, _ value: Double) -> String {
            "\(shortNumber(x * Self.width)) \(shortNumber(Self.height * (1 - value / ceiling)))"
        }
        func line(_ run: some Sequence<(x: Double, value: Double)>) -> String {
            let corners = run.map { at($0.x, $0.value) }
            return corners.isEmpty ? "" : "M" + corners.joined(separator: "L")
        }
        let forecasts = runs { $0.quantiles }
        var bands: HTML = ""
        for index in 0..<max(0, (forecasts.first?.first?.value.count ?? 0) - 1) {
            let area = forecasts.map { run in
                let lower = run.reversed().map { at($0.x, $0.value[index]) }
                return line(run.map { ($0.x, max($0.value[index], $0.value[index + 1])) }) + "L"
                    + lower.joined(separator: "L") + "Z"
            }
            bands += "<path class=\"band \(Self.shade(of: index, median: median))\" d=\"\(area.joined())\"/>"
        }
        var middle = ""
        if let median { middle = forecasts.map { line($0.map { ($0.x, $0.value[median]) }) }.joined() }
        // Where the highest quantile leaves the chart.
        let beyond = runs { point in (point.quantiles?.last ?? 0) > ceiling ? ceiling : nil }
            .map { line($0 + $0.suffix(1).map { (min($0.x + 0.002, 1), $0.value) }) }.joined()
        let actual = runs { $0.actual }.map { line($0) }.joined()
        let marks = days.map { "M\(shortNumber($0.x * Self.width)) 0V150" }.joined()
        let labels = days.filter { $0.x < 0.93 }.map { day -> HTML in
            "<span class=\"day\" style=\"left:\(shortNumber(day.x * 100, decimals: 2))%\">\(day.label)</span>"
        }.joined()
        return """
            <figure><figcaption><span>\(title)</span><span>\(note)</span></figcaption>
            <div class="plot fan"><svg viewBox="0 0 600 150" preserveAspectRatio="none" role="img" aria-label="\(title)">\
            <path class="grid" d="M0 75H600M0 150H600\(marks)"/>\(bands)<path class="line median" d="\(middle)"/>\
            <path class="line beyond" d="\(beyond)"/><path class="line actual" d="\(actual)"/></svg><span class="top">\(shortNumber(ceiling, decimals: ceiling < 100 ? 1 : 0))</span>\(labels)</div>\
            </figure>

            """
    }

    /// Room for what came and for all quantiles but the highest, which may be far off.
    private var ceiling: Double {
        let values = points.flatMap { point in
            [point.actual].compactMap { $0 } + (point.quantiles.map { Array($0.dropLast($0.count > 2 ? 1 : 0)) } ?? [])
        }
        return max((values.filter(\.isFinite).max() ?? 0) * 1.08, 1e-9)
    }

    /// The stretches in which there is a value without a gap.
    private func runs<Value>(_ value: (Point) -> Value?) -> [[(x: Double, value: Value)]] {
        var runs: [[(x: Double, value: Value)]] = [[]]
        for point in points {
            if let value = value(point) {
                runs[runs.count - 1].append((point.x, value))
            } else if runs.last?.isEmpty == false {
                runs.append([])
            }
        }
        return runs.filter { !$0.isEmpty }
    }
}
