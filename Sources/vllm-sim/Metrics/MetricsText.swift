/// The Prometheus text format as Python's `prometheus_client` writes it: `_created` gauges, floats with a point,
/// label names in alphabetical order.
struct MetricsText {
    typealias Labels = [(name: String, value: String)]

    private(set) var text = ""
    /// Labels of every family unless one says otherwise.
    let common: Labels
    /// Unix seconds at which the families came to be.
    let created: Double

    init(common: Labels, created: Double) {
        self.common = common
        self.created = created
        text.reserveCapacity(64 * 1024)
    }

    mutating func gauge(_ name: String, _ help: String, _ samples: [(Labels, Double)], common: Labels? = nil) {
        let common = common ?? self.common
        head(name, help, "gauge")
        for (labels, value) in samples { sample(name, common + labels, value) }
    }

    mutating func gauge(_ name: String, _ help: String, _ value: Double) {
        gauge(name, help, [([], value)])
    }

    /// - Parameter name: without `_total`.
    mutating func counter(_ name: String, _ help: String, _ samples: [(Labels, Double)], common: Labels? = nil) {
        let common = common ?? self.common
        head(name + "_total", help, "counter")
        for (labels, value) in samples { sample(name + "_total", common + labels, value) }
        createdGauge(name, help, samples.map { common + $0.0 })
    }

    mutating func counter(_ name: String, _ help: String, _ value: Int) {
        counter(name, help, [([], Double(value))])
    }

    mutating func histogram(_ name: String, _ help: String, _ histogram: Histogram) {
        self.histogram(name, help, [(common, histogram)])
    }

    mutating func histogram(_ name: String, _ help: String, _ series: [(Labels, Histogram)]) {
        head(name, help, "histogram")
        for (labels, histogram) in series {
            var cumulative = 0
            for (bound, count) in zip(histogram.bounds.map(Self.number) + ["+Inf"], histogram.counts) {
                cumulative += count
                sample(name + "_bucket", labels + [("le", bound)], Double(cumulative))
            }
            sample(name + "_count", labels, Double(histogram.count))
            sample(name + "_sum", labels, histogram.sum)
        }
        createdGauge(name, help, series.map(\.0))
    }

    mutating func summary(_ name: String, _ help: String, _ series: [(Labels, count: Int, sum: Double)]) {
        head(name, help, "summary")
        for (labels, count, sum) in series {
            sample(name + "_count", labels, Double(count))
            sample(name + "_sum", labels, sum)
        }
        createdGauge(name, help, series.map(\.0))
    }

    private mutating func createdGauge(_ name: String, _ help: String, _ series: [Labels]) {
        guard !series.isEmpty else { return }
        head(name + "_created", help, "gauge")
        for labels in series { sample(name + "_created", labels, created) }
    }

    private mutating func head(_ name: String, _ help: String, _ type: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }

    private mutating func sample(_ name: String, _ labels: Labels, _ value: Double) {
        text += name
        if !labels.isEmpty {
            let pairs = labels.sorted { $0.name < $1.name }.map { "\($0.name)=\"\(Self.escaped($0.value))\"" }
            text += "{" + pairs.joined(separator: ",") + "}"
        }
        text += " " + Self.number(value) + "\n"
    }

    /// Numbers from 1e6 up are written with an exponent: 2366238720 becomes `2.36623872e+09`.
    static func number(_ value: Double) -> String {
        let plain = "\(value)"
        guard value > 0, let point = plain.firstIndex(of: "."), !plain.contains("e") else { return plain }
        let exponent = plain.distance(from: plain.startIndex, to: point) - 1
        guard exponent > 5 else { return plain }
        var mantissa = String(plain.prefix(1)) + "." + plain.dropFirst().filter { $0 != "." }
        while let last = mantissa.last, last == "0" || last == "." { mantissa.removeLast() }
        return mantissa + "e+" + (exponent < 10 ? "0" : "") + "\(exponent)"
    }

    private static func escaped(_ value: String) -> String {
        guard value.utf8.contains(where: { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") || $0 == 10 }) else {
            return value
        }
        return value.reduce(into: "") { text, character in
            switch character {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.append(character)
            }
        }
    }
}
