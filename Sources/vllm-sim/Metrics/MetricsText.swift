/// The Prometheus text format as Python's `prometheus_client` writes it: `_created` gauges, floats with a point,
/// label names in alphabetical order.
struct MetricsText {
    typealias Labels = [(name: String, value: String)]

    enum Kind: String { case gauge, counter, histogram, summary }

    enum Value {
        case number(Double)
        case summary(count: Int, sum: Double)
        case histogram(Histogram)
    }

    private(set) var text = ""
    /// Unix seconds at which the families came to be.
    let created: Double

    init(created: Double) {
        self.created = created
        text.reserveCapacity(64 * 1024)
    }

    /// - Parameter name: a counter's without `_total`.
    mutating func family(_ kind: Kind, _ name: String, _ help: some StringProtocol, _ series: [(Labels, Value)]) {
        let full = kind == .counter ? name + "_total" : name
        text += "# HELP \(full) \(help)\n# TYPE \(full) \(kind)\n"
        for (labels, value) in series {
            switch value {
            case .number(let number): sample(full, labels, number)
            case .summary(let count, let sum): total(name, labels, count: count, sum: sum)
            case .histogram(let histogram):
                var cumulative = 0
                for (bound, count) in zip(histogram.bounds.map(Self.number) + ["+Inf"], histogram.counts) {
                    cumulative += count
                    sample(name + "_bucket", labels + [("le", bound)], Double(cumulative))
                }
                total(name, labels, count: histogram.count, sum: histogram.sum)
            }
        }
        guard kind != .gauge, !series.isEmpty else { return }
        family(.gauge, name + "_created", help, series.map { ($0.0, .number(created)) })
    }

    private mutating func total(_ name: String, _ labels: Labels, count: Int, sum: Double) {
        sample(name + "_count", labels, Double(count))
        sample(name + "_sum", labels, sum)
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
        let special: [Character: String] = ["\\": "\\\\", "\"": "\\\"", "\n": "\\n"]
        return value.contains { special[$0] != nil } ? value.map { special[$0] ?? String($0) }.joined() : value
    }
}
