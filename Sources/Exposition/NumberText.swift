/// The number as a sample's value: the shortest text that reads back to the same bits; whole numbers without a point.
func valueText(_ value: Double) -> String {
    if let whole = Int64(exactly: value), whole.magnitude < 1 << 53, !(whole == 0 && value.sign == .minus) {
        return String(whole)
    }
    return specialText(value) ?? value.description
}

/// The number as OpenMetrics wants it in `le` and `quantile`: `1.0`, `0.25`, `1e+06`, `1e-05`, `+Inf`.
///
/// The same in both formats, so that a series keeps its identity whichever of them was negotiated. As Go's `%g` has
/// it, the exponent appears from 1e+06 on; Swift's shortest digits have it only from 2^54 on, hence the rewriting.
package func canonicalNumber(_ value: Double) -> String {
    if let special = specialText(value) { return special }
    let text = value.description
    guard value.magnitude >= 1e6, !text.utf8.contains(UInt8(ascii: "e")) else { return text }
    let parts = text.drop { $0 == "-" }.split(separator: ".")
    let exponent = parts[0].count - 1
    var mantissa = parts.joined()
    while mantissa.count > 1, mantissa.hasSuffix("0") { mantissa.removeLast() }
    if mantissa.count > 1 { mantissa.insert(".", at: mantissa.index(after: mantissa.startIndex)) }
    return (value < 0 ? "-" : "") + mantissa + (exponent < 10 ? "e+0" : "e+") + String(exponent)
}

private func specialText(_ value: Double) -> String? {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    return nil
}
