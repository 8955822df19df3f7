import func Glibc.log

/// Policies by what they cost and how much of the work they served late; drawn as SVG.
///
/// Both axes are logarithmic: a share of 0.1 % is as far from 1 % as that is from 10 %.
struct CostChart: Sendable {
    struct Point: Sendable {
        var name: String
        /// Over that of the best with hindsight.
        var cost: Double
        /// Share of the work that waited too long.
        var late: Double
        /// The class that colours it.
        var style: String
    }

    var points: [Point]
    /// Other settings of the policies, each set in the order of the settings.
    var trails: [[Point]]
    /// The share that may be late.
    var objective: Double

    private static let (left, right, top, bottom) = (58.0, 740.0, 14.0, 330.0)
    /// Nothing late at all is drawn here.
    private static let floor = 1e-5

    private var costs: ClosedRange<Double> {
        let all = (points + trails.joined()).map(\.cost)
        return min(0.98, (all.min() ?? 1) * 0.98)...max(1.5, (all.max() ?? 1) * 1.1)
    }

    private func x(_ cost: Double) -> Double {
        let share = log(cost / costs.lowerBound) / log(costs.upperBound / costs.lowerBound)
        return Self.left + (Self.right - Self.left) * share
    }

    private func y(_ late: Double) -> Double {
        let decades = log(max(late, Self.floor) / Self.floor) / -log(Self.floor)
        return Self.bottom - (Self.bottom - Self.top) * decades
    }

    var html: HTML {
        var marks: HTML = ""
        for late in [1, 0.1, 0.01, 0.001, 0.0001, Self.floor] {
            let place = number(y(late))
            let label = late == Self.floor ? "0 %" : shortNumber(late * 100, decimals: 2) + " %"
            marks += """
                <path class="grid" d="M58 \(place)H740"/><text class="end" x="52" y="\(place)" dy="4">\(label)</text>
                """
        }
        for cost in [1, 1.1, 1.25, 1.5, 2, 3, 5, 10, 20, 50, 100] where costs.contains(cost) {
            let place = number(x(cost))
            let label = shortNumber(cost, decimals: 2)
            marks += """
                <path class="grid" d="M\(place) 14V330"/><text class="mid" x="\(place)" y="348">\(label) ×</text>
                """
        }
        let lines = trails.map { trail -> HTML in
            let corners = trail.map { "\(number(x($0.cost))) \(number(y($0.late)))" }.joined(separator: "L")
            return "<path class=\"trail\" d=\"M\(corners)\"/>"
        }.joined()
        let dots = points.map { point -> HTML in
            let (x, y) = (number(x(point.cost)), number(y(point.late)))
            return "<circle class=\"dot \(point.style)\" cx=\"\(x)\" cy=\"\(y)\" r=\"5\"/>"
        }.joined()
        return """
            <div class="scroll"><svg class="costs" viewBox="0 0 760 372" role="img" \
            aria-label="Cost against late work">\
            \(marks)<path class="objective" d="M58 \(number(y(objective)))H740"/>\(lines)\(dots)\(labels)\
            <text class="mid" x="399" y="367">replica-hours over the best with hindsight</text></svg></div>

            """
    }

    /// Names beside their dots, at the nearest place where they cover neither another name nor a dot.
    private var labels: HTML {
        var taken = points.map { (x: x($0.cost) - 6, y: y($0.late) + 4, width: 12.0) }
        var html: HTML = ""
        for point in points.sorted(by: { (y($0.late), $0.name) < (y($1.late), $1.name) }) {
            let width = Double(point.name.count) * 6.9
            let places = [0, 13, -13, 26, -26, 39, -39].flatMap { (down: Double) in
                [10, -10 - width].map { (x: x(point.cost) + $0, y: y(point.late) + 4 + down, width: width) }
            }
            let free = places.first { place in
                place.x > Self.left && place.x + width < Self.right && place.y < Self.bottom + 12
                    && !taken.contains {
                        ($0.y - place.y).magnitude < 13 && $0.x < place.x + width && place.x < $0.x + $0.width
                    }
            }
            let place = free ?? places[0]
            taken.append(place)
            html += """
                <text class="name \(point.style)" x="\(number(place.x))" y="\(number(place.y))">\(point.name)</text>
                """
        }
        return html
    }

    private func number(_ value: Double) -> String { shortNumber(value) }

    static let css = """

        .costs{display:block;width:100%;min-width:560px;font-size:12px}.costs text{fill:var(--soft)}
        .costs .end{text-anchor:end}.costs .mid{text-anchor:middle}.costs .name{fill:var(--ink);stroke:var(--card);\
        stroke-width:3px;paint-order:stroke}
        .costs .grid{stroke-width:1}.costs .name.own{font-weight:650;fill:var(--target)}
        .objective{stroke:var(--good);stroke-dasharray:6 4}.trail{stroke:var(--current);fill:none;opacity:.35}
        .dot{fill:var(--current)}.dot.own{fill:var(--target)}.dot.best{fill:var(--good)}
        """
}
