/// Reads a number as Go's `ParseFloat` does, without its underscores and hexadecimals: digits with point and exponent,
/// or `NaN`, `Inf`, `Infinity` in any case, the infinities with a sign.
///
/// - Returns: `nil` when the bytes are something else, or a number too large for a `Double`.
func parseNumber(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Double? {
    var i = start
    guard i < end else { return nil }
    let isNegative = bytes[at: i] == Byte.minus
    if isNegative || bytes[at: i] == UInt8(ascii: "+") { i &+= 1 }

    var mantissa: UInt64 = 0
    // Without leading zeros; beyond 19 the mantissa has overflowed.
    var digits = 0
    var exponent = 0
    let first = i
    while i < end, bytes[at: i] &- 48 < 10 {
        mantissa = mantissa &* 10 &+ UInt64(bytes[at: i] &- 48)
        if mantissa != 0 || digits != 0 { digits &+= 1 }
        i &+= 1
    }
    var digitBytes = i - first
    if i < end, bytes[at: i] == UInt8(ascii: ".") {
        i &+= 1
        let point = i
        while i < end, bytes[at: i] &- 48 < 10 {
            mantissa = mantissa &* 10 &+ UInt64(bytes[at: i] &- 48)
            if mantissa != 0 || digits != 0 { digits &+= 1 }
            i &+= 1
        }
        exponent = point - i
        digitBytes += i - point
    }
    guard digitBytes > 0 else {
        return parseSpecial(bytes, first, end, isNegative: isNegative, isSigned: first > start)
    }
    if i < end, bytes[at: i] | 0x20 == UInt8(ascii: "e") {
        guard let written = parseExponent(bytes, i + 1, end) else { return nil }
        exponent += written
        i = end
    }
    guard i == end else { return nil }

    // Clinger's fast path: both operands are exact, so one operation rounds correctly.
    if digits <= 19, mantissa <= 1 << 53, exponent.magnitude <= 22 {
        let scaled =
            exponent < 0 ? Double(mantissa) / powersOfTen[-exponent] : Double(mantissa) * powersOfTen[exponent]
        return isNegative ? -scaled : scaled
    }
    let text = bytes.extracting(start..<end).withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    guard let value = Double(text), value.isFinite else { return nil }
    return value
}

private let powersOfTen: [Double] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
]

/// The digits after `e`, held at a size that no `Double` reaches.
private func parseExponent(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Int? {
    var i = start
    guard i < end else { return nil }
    let isNegative = bytes[at: i] == Byte.minus
    if isNegative || bytes[at: i] == UInt8(ascii: "+") { i &+= 1 }
    guard i < end else { return nil }
    var exponent = 0
    while i < end {
        guard bytes[at: i] &- 48 < 10 else { return nil }
        exponent = min(exponent * 10 + Int(bytes[at: i] &- 48), 100_000)
        i &+= 1
    }
    return isNegative ? -exponent : exponent
}

private func parseSpecial(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, isNegative: Bool, isSigned: Bool) -> Double? {
    func spells(_ word: StaticString) -> Bool {
        guard end - start == word.utf8CodeUnitCount else { return false }
        return word.withUTF8Buffer { letters in
            letters.indices.allSatisfy { bytes[at: start + $0] | 0x20 == letters[$0] }
        }
    }
    if spells("inf") || spells("infinity") { return isNegative ? -.infinity : .infinity }
    return spells("nan") && !isSigned ? .nan : nil
}
