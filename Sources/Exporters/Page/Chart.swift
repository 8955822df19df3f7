import Fleet

/// A small chart of the latest ticks, drawn as SVG on the server.
struct Chart: Sendable {
    struct Line: Sendable {
        var name: String
        /// The class that colours it.
        var style: String
        /// One per tick; `nil` is a gap.
        var values: [Double?]
        /// Holds its value until the next tick, as counts of replicas do; others are drawn straight.
        var isStepped = false
        var isFilled = false
    }

    var title: String
    /// Equally long.
    var lines: [Line]

    private static let (width, height, top) = (600.0, 84.0, 4.0)

    /// `nil` where no line has a value.
    var html: HTML? {
        let all = lines.flatMap(\.values).compactMap { $0 }.filter(\.isFinite)
        guard let largest = all.max(), lines.contains(where: { $0.values.count > 1 }) else { return nil }
        let ceiling = max(largest, 1)
        let drawn = lines.map { draw($0, ceiling: ceiling) }.joined()
        let legend: HTML = lines.map { line -> HTML in
            let last = line.values.last.flatMap { $0 }.map { shortNumber($0) } ?? "–"
            return "<span class=\"key \(line.style)\">\(line.name) <b>\(last)</b></span>"
        }.joined()
        return """
            <figure><figcaption><span>\(title)</span><span class="keys">\(legend)</span></figcaption>
            <div class="plot"><svg viewBox="0 0 600 88" preserveAspectRatio="none" role="img" aria-label="\(title)">\
            <path class="grid" d="M0 4H600M0 46H600M0 88H600"/>\(drawn)</svg>\
            <span class="top">\(shortNumber(ceiling))</span></div></figure>

            """
    }

    private func draw(_ line: Line, ceiling: Double) -> HTML {
        var (path, area) = ("", "")
        let step = Self.width / Double(max(1, line.values.count - 1))
        // Each unbroken run of values is a path of its own.
        var run: [(x: Double, y: Double)] = []
        func finishRun() {
            guard let first = run.first, let last = run.last else { return }
            var stroke = "M\(coordinate(first.x)) \(coordinate(first.y))"
            for (point, before) in zip(run.dropFirst(), run) {
                if !line.isStepped {
                    stroke += "L\(coordinate(point.x)) \(coordinate(point.y))"
                } else if point.y != before.y {
                    stroke += "H\(coordinate(point.x))V\(coordinate(point.y))"
                }
            }
            if line.isStepped { stroke += "H\(coordinate(last.x))" }
            path += stroke
            if line.isFilled { area += stroke + "V88H\(coordinate(first.x))Z" }
            run.removeAll(keepingCapacity: true)
        }
        for (index, value) in line.values.enumerated() {
            if let value, value.isFinite {
                run.append((Double(index) * step, Self.top + Self.height * (1 - max(0, value) / ceiling)))
            } else {
                finishRun()
            }
        }
        finishRun()
        let filled: HTML = area.isEmpty ? "" : "<path class=\"area \(line.style)\" d=\"\(area)\"/>"
        return "\(filled)<path class=\"line \(line.style)\" d=\"\(path)\"/>"
    }

    private func coordinate(_ value: Double) -> String { shortNumber(value) }
}
