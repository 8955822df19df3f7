import Fleet

// What the page and the JSON call things, beyond what the types say of themselves.

extension ReplicaState {
    /// One or two words; for a failed one the control plane's reason too.
    var text: String {
        switch self {
        case .booting(.provision): "booting: provision"
        case .booting(.serviceStart): "booting: service start"
        case .ready: "ready"
        case .terminating: "terminating"
        case .stopped: "stopped"
        case .failed(let reason): "failed: \(reason)"
        }
    }
}

/// A number with at most `decimals` places, trailing zeros cut off: `12`, `0.5`.
func shortNumber(_ value: Double, decimals: Int = 1) -> String {
    guard value.isFinite, value.magnitude < 1e12 else { return value.isInfinite ? "∞" : String(value) }
    var scale: Int64 = 1
    for _ in 0..<decimals { scale *= 10 }
    let scaled = Int64((value * Double(scale)).rounded(.toNearestOrAwayFromZero))
    let (whole, rest) = scaled.magnitude.quotientAndRemainder(dividingBy: UInt64(scale))
    guard rest > 0 else { return (scaled < 0 ? "-" : "") + String(whole) }
    var digits = String(rest)
    digits = String(repeating: "0", count: decimals - digits.count) + digits
    while digits.hasSuffix("0") { digits.removeLast() }
    return (scaled < 0 ? "-" : "") + "\(whole).\(digits)"
}

/// Such as `62 %`.
func percentText(_ ratio: Double) -> String { ratio.isInfinite ? "∞" : shortNumber(ratio * 100, decimals: 0) + " %" }

/// The two largest units: `3 d 4 h`, `1 h 5 min`, `2 min 7 s`, `45 s`.
func spanText(_ span: Duration) -> String {
    let seconds = max(0, span.wholeMilliseconds / 1000)
    let units: [(name: String, seconds: Int64)] = [("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)]
    guard let first = units.firstIndex(where: { seconds >= $0.seconds }) else { return "0 s" }
    let parts = units[first...].prefix(2).enumerated().map { offset, unit in
        (offset == 0 ? seconds / unit.seconds : seconds % units[first].seconds / unit.seconds, unit.name)
    }
    return parts.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }.joined(separator: " ")
}

/// Dollars with both places of the cents: `11.60`.
func moneyText(_ dollars: Double) -> String {
    let text = shortNumber(dollars, decimals: 2)
    let places = text.split(separator: ".").dropFirst().first?.count ?? 0
    return places == 0 ? text + ".00" : places == 1 ? text + "0" : text
}

/// Such as `61.4 GiB`.
func gibibytes(_ bytes: Double) -> String { shortNumber(bytes / 1_073_741_824) + " GiB" }

/// The time of day in UTC, such as `09:15:00`.
func clockText(_ moment: Timestamp) -> String { String(moment.description.dropFirst(11).prefix(8)) }
