/// The number as OpenMetrics wants it in `le` and `quantile`: `1.0`, `0.25`, `1e+06`, `1e-05`, `+Inf`.
///
/// The same in both formats, so that a series keeps its identity whichever of them was negotiated. As Go's `%g` has
/// it, the exponent appears from 1e+06 on; Swift's shortest digits have it only from 2^54 on, hence the rewriting.
package func canonicalNumber(_ value: Double) -> String {
    if let special = specialText(value) { return special }
    let text = value.description
    guard value.magnitude >= 1e6, !text.utf8.contains(UInt8(ascii: "e")) else { return text }
    return exponential(value)
}

/// The number as Prometheus' API has it: without exponent from 1e-06 to below 1e+21.
func plainNumber(_ value: Double) -> String {
    if let special = specialText(value) { return special }
    let sign = value.sign == .minus ? "-" : ""
    guard value != 0 else { return sign + "0" }
    guard (1e-6..<1e21).contains(value.magnitude) else { return exponential(value) }
    let (digits, exponent) = shortestDigits(value)
    let zeros = String(repeating: "0", count: max(exponent + 1 - digits.count, -exponent, 0))
    if exponent < 0 { return sign + "0." + zeros.dropFirst() + digits }
    let all = digits + zeros
    let (whole, fraction) = (all.prefix(exponent + 1), all.dropFirst(exponent + 1))
    return sign + whole + (fraction.isEmpty ? "" : "." + fraction)
}

/// `-1.5e+07`
private func exponential(_ value: Double) -> String {
    var (digits, exponent) = shortestDigits(value)
    if digits.count > 1 { digits.insert(".", at: digits.index(after: digits.startIndex)) }
    let sign = exponent < 0 ? "-" : "+"
    return (value < 0 ? "-" : "") + digits + "e" + sign + (abs(exponent) < 10 ? "0" : "") + String(abs(exponent))
}

/// The fewest significant digits that read back to the same number, which is not zero, and the power of ten that the
/// first of them counts.
private func shortestDigits(_ value: Double) -> (digits: String, exponent: Int) {
    let parts = value.magnitude.description.split(separator: "e")
    let number = parts[0].split(separator: ".")
    let fraction = number.count > 1 ? number[1] : ""
    let written = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
    var digits = number[0] + fraction
    let leadingZeros = digits.prefix { $0 == "0" }.count
    digits.removeFirst(leadingZeros)
    while digits.count > 1, digits.hasSuffix("0") { digits.removeLast() }
    return (String(digits), written + number[0].count - 1 - leadingZeros)
}

func specialText(_ value: Double) -> String? {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    return nil
}
