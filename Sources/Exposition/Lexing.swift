/// The place of the next line feed, or the end of the bytes. Eight bytes at a time, as every byte passes here.
func lineEnd(_ bytes: Span<UInt8>, from start: Int) -> Int {
    let raw = bytes.bytes
    var i = start
    while i + 8 <= bytes.count {
        // A byte of `word` is zero where a line feed was; the lowest such byte gets its high bit set in `hits`.
        let word =
            UInt64(littleEndian: raw.unsafeLoadUnaligned(fromByteOffset: i, as: UInt64.self)) ^ 0x0a0a_0a0a_0a0a_0a0a
        let hits = (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
        if hits != 0 { return i + hits.trailingZeroBitCount / 8 }
        i += 8
    }
    while i < bytes.count, bytes[i] != Byte.lineFeed { i += 1 }
    return i
}

func isBlank(_ byte: UInt8) -> Bool { byte == Byte.blank || byte == Byte.tab }

func isDigit(_ byte: UInt8) -> Bool { byte &- 48 < 10 }

private func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 97 < 26 || byte == UInt8(ascii: "_") }

func skipBlanks(_ bytes: Span<UInt8>, _ i: inout Int, _ end: Int) {
    while i < end, isBlank(bytes[i]) { i += 1 }
}

/// Passes everything up to a blank.
func skipToken(_ bytes: Span<UInt8>, _ i: inout Int, _ end: Int) {
    while i < end, !isBlank(bytes[i]) { i += 1 }
}

func oneBlank(
    _ bytes: Span<UInt8>, _ i: inout Int, _ end: Int, or fault: SkippedLine.Reason
) throws(SkippedLine.Reason) {
    guard i < end, bytes[i] == Byte.blank else { throw fault }
    i += 1
}

func finiteNumber(
    _ bytes: Span<UInt8>, _ i: inout Int, _ end: Int, or fault: SkippedLine.Reason
) throws(SkippedLine.Reason) {
    let start = i
    skipToken(bytes, &i, end)
    guard let number = parseNumber(bytes, start, i), number.isFinite else { throw fault }
}

/// Passes a name without quotes; empty when there is none.
func legacyName(_ bytes: Span<UInt8>, _ i: inout Int, _ end: Int, colons: Bool) -> ExpositionToken {
    let start = i
    while i < end {
        let byte = bytes[i]
        guard
            isLetter(byte) || (isDigit(byte) && i > start) || (colons && byte == UInt8(ascii: ":"))
        else { break }
        i += 1
    }
    return ExpositionToken(start: start, end: i)
}

/// Passes a quoted text; `i` is at the opening quote and ends behind the closing one.
func quoted(_ bytes: Span<UInt8>, _ i: inout Int, _ end: Int) throws(SkippedLine.Reason) -> ExpositionToken {
    i += 1
    let start = i
    var isEscaped = false
    var allBits: UInt8 = 0
    while i < end {
        let byte = bytes[i]
        if byte == Byte.quote { break }
        allBits |= byte
        if byte == Byte.backslash {
            isEscaped = true
            i += 1
            if i < end { allBits |= bytes[i] }
        }
        i += 1
    }
    guard i < end else { throw .labelValue }
    let token = ExpositionToken(start: start, end: i, isEscaped: isEscaped)
    i += 1
    if allBits >= 0x80, !isUTF8(bytes.extracting(start..<token.end)) { throw .notUTF8 }
    return token
}

private func isUTF8(_ bytes: Span<UInt8>) -> Bool {
    (try? UTF8Span(validating: bytes)) != nil
}

func equals(_ bytes: Span<UInt8>, _ a: ExpositionToken, _ b: ExpositionToken) -> Bool {
    guard a.end - a.start == b.end - b.start else { return false }
    var i = 0
    while i < a.end - a.start {
        if bytes[a.start + i] != bytes[b.start + i] { return false }
        i += 1
    }
    return true
}

func equals(_ bytes: Span<UInt8>, _ token: ExpositionToken, _ word: StaticString) -> Bool {
    token.end - token.start == word.utf8CodeUnitCount && ends(bytes, token, with: word)
}

func ends(_ bytes: Span<UInt8>, _ token: ExpositionToken, with word: StaticString) -> Bool {
    let start = token.end - word.utf8CodeUnitCount
    guard start >= token.start else { return false }
    return word.withUTF8Buffer { letters in
        letters.indices.allSatisfy { bytes[start + $0] == letters[$0] }
    }
}

/// Whether the name ends with an underscore and the unit.
func ends(_ bytes: Span<UInt8>, _ name: ExpositionToken, with unit: ExpositionToken) -> Bool {
    let start = name.end - (unit.end - unit.start)
    guard start > name.start, bytes[start - 1] == UInt8(ascii: "_") else { return false }
    return equals(
        bytes, ExpositionToken(start: start, end: name.end), ExpositionToken(start: unit.start, end: unit.end))
}
