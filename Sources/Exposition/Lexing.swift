extension Span<UInt8> {
    /// The byte at a place below `count`, which the caller has shown: every byte of every body passes here.
    subscript(at i: Int) -> UInt8 { self[unchecked: i] }

    /// Eight bytes from a place at least eight below `count`, the first one lowest.
    func word(at i: Int) -> UInt64 {
        UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: i, as: UInt64.self))
    }
}

/// The high bit of each byte of the word that is `byte`. Those above the lowest such byte may be wrong.
private func matches(_ word: UInt64, _ byte: UInt8) -> UInt64 {
    let zeros = word ^ (0x0101_0101_0101_0101 &* UInt64(byte))
    return (zeros &- 0x0101_0101_0101_0101) & ~zeros & 0x8080_8080_8080_8080
}

/// The place of the next line feed, or the end of the bytes.
func lineEnd(_ bytes: Span<UInt8>, from start: Int) -> Int {
    var i = start
    while i &+ 16 <= bytes.count {
        let (low, high) = (
            matches(bytes.word(at: i), Byte.lineFeed), matches(bytes.word(at: i &+ 8), Byte.lineFeed)
        )
        if low != 0 { return i &+ low.trailingZeroBitCount / 8 }
        if high != 0 { return i &+ 8 &+ high.trailingZeroBitCount / 8 }
        i &+= 16
    }
    while i < bytes.count, bytes[at: i] != Byte.lineFeed { i &+= 1 }
    return i
}

/// The same without the carriage return before it.
func textEnd(_ bytes: Span<UInt8>, from start: Int, to lineFeed: Int) -> Int {
    lineFeed > start && bytes[at: lineFeed &- 1] == Byte.carriageReturn ? lineFeed &- 1 : lineFeed
}

/// How many bytes from `a` on are as those from `b` on, at most `limit`; neither may reach the end within it.
private func commonLength(_ bytes: Span<UInt8>, _ a: Int, _ b: Int, limit: Int) -> Int {
    var length = 0
    while length < limit, max(a, b) &+ length &+ 8 <= bytes.count {
        let difference = bytes.word(at: a &+ length) ^ bytes.word(at: b &+ length)
        if difference != 0 { return min(length &+ difference.trailingZeroBitCount / 8, limit) }
        length &+= 8
    }
    while length < limit, bytes[at: a &+ length] == bytes[at: b &+ length] { length &+= 1 }
    return min(length, limit)
}

/// Whether the bytes at `i` are those from `start` to before `past`.
func repeats(_ bytes: Span<UInt8>, _ i: Int, _ end: Int, _ start: Int, _ past: Int) -> Bool {
    let length = past &- start
    return length <= end &- i && commonLength(bytes, i, start, limit: length) == length
}

func isBlank(_ byte: UInt8) -> Bool { byte == Byte.blank || byte == Byte.tab }

func isDigit(_ byte: UInt8) -> Bool { byte &- 48 < 10 }

func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 97 < 26 || byte == UInt8(ascii: "_") }

func skipBlanks(_ bytes: Span<UInt8>, _ i: inout Int, _ end: Int) {
    while i < end, isBlank(bytes[at: i]) { i &+= 1 }
}

/// Passes everything up to a blank.
func skipToken(_ bytes: Span<UInt8>, _ i: inout Int, _ end: Int) {
    while i < end, !isBlank(bytes[at: i]) { i &+= 1 }
}

func oneBlank(
    _ bytes: Span<UInt8>, _ i: inout Int, _ end: Int, or fault: SkippedLine.Reason
) throws(SkippedLine.Reason) {
    guard i < end, bytes[at: i] == Byte.blank else { throw fault }
    i &+= 1
}

func finiteNumber(
    _ bytes: Span<UInt8>, _ i: inout Int, _ end: Int, or fault: SkippedLine.Reason
) throws(SkippedLine.Reason) {
    let start = i
    skipToken(bytes, &i, end)
    guard let number = parseNumber(bytes, start, i), number.isFinite else { throw fault }
}

/// Passes a name without quotes; empty when there is none.
///
/// - Parameter known: A name that was passed before, empty if none: as far as this one is the same, it is one too.
func legacyName(
    _ bytes: Span<UInt8>, _ i: inout Int, _ end: Int, colons: Bool,
    known: ExpositionToken = ExpositionToken(start: 0, end: 0)
) -> ExpositionToken {
    let start = i
    i &+= commonLength(bytes, i, known.start, limit: min(known.end &- known.start, end &- i))
    while i < end {
        let byte = bytes[at: i]
        guard
            isLetter(byte) || (isDigit(byte) && i > start) || (colons && byte == UInt8(ascii: ":"))
        else { break }
        i &+= 1
    }
    return ExpositionToken(start: start, end: i)
}

/// Passes a quoted text; `i` is at the opening quote and ends behind the closing one.
func quoted(_ bytes: Span<UInt8>, _ i: inout Int, _ end: Int) throws(SkippedLine.Reason) -> ExpositionToken {
    i &+= 1
    let start = i
    while i < end, i &+ 8 <= bytes.count {
        // Up to the first quote, unless there is something special before it.
        let word = bytes.word(at: i)
        let quotes = matches(word, Byte.quote)
        let special = matches(word, Byte.backslash) | (word & 0x8080_8080_8080_8080)
        if quotes | special == 0 {
            i &+= 8
            continue
        }
        guard quotes.trailingZeroBitCount < special.trailingZeroBitCount else { break }
        i &+= quotes.trailingZeroBitCount / 8
        guard i < end else { throw .labelValue }
        i &+= 1
        return ExpositionToken(start: start, end: i &- 1)
    }
    return try quotedWithCare(bytes, &i, end, start)
}

/// The same for texts with escapes or beyond ASCII; all before `i` is plain.
private func quotedWithCare(
    _ bytes: Span<UInt8>, _ i: inout Int, _ end: Int, _ start: Int
) throws(SkippedLine.Reason) -> ExpositionToken {
    var isEscaped = false
    var allBits: UInt8 = 0
    while i < end {
        let byte = bytes[at: i]
        if byte == Byte.quote { break }
        allBits |= byte
        if byte == Byte.backslash {
            isEscaped = true
            i &+= 1
            if i < end { allBits |= bytes[at: i] }
        }
        i &+= 1
    }
    guard i < end else { throw .labelValue }
    let token = ExpositionToken(start: start, end: i, isEscaped: isEscaped)
    i &+= 1
    if allBits >= 0x80, (try? UTF8Span(validating: bytes.extracting(start..<token.end))) == nil { throw .notUTF8 }
    return token
}

/// Whether `a` comes before `b`, byte by byte.
func precedes(_ bytes: Span<UInt8>, _ a: ExpositionToken, _ b: ExpositionToken) -> Bool {
    let lengths = (a.end &- a.start, b.end &- b.start)
    let common = commonLength(bytes, a.start, b.start, limit: min(lengths.0, lengths.1))
    if common == min(lengths.0, lengths.1) { return lengths.0 < lengths.1 }
    return bytes[at: a.start &+ common] < bytes[at: b.start &+ common]
}

func equals(_ bytes: Span<UInt8>, _ a: ExpositionToken, _ b: ExpositionToken) -> Bool {
    a.end &- a.start == b.end &- b.start && repeats(bytes, a.start, a.end, b.start, b.end)
}

func equals(_ bytes: Span<UInt8>, _ token: ExpositionToken, _ word: StaticString) -> Bool {
    token.end &- token.start == word.utf8CodeUnitCount && ends(bytes, token, with: word)
}

func ends(_ bytes: Span<UInt8>, _ token: ExpositionToken, with word: StaticString) -> Bool {
    let start = token.end &- word.utf8CodeUnitCount
    guard start >= token.start else { return false }
    return word.withUTF8Buffer { letters in
        letters.indices.allSatisfy { bytes[at: start &+ $0] == letters[$0] }
    }
}

/// Whether the name ends with an underscore and the unit.
func ends(_ bytes: Span<UInt8>, _ name: ExpositionToken, with unit: ExpositionToken) -> Bool {
    let start = name.end - (unit.end - unit.start)
    guard start > name.start, bytes[at: start - 1] == UInt8(ascii: "_") else { return false }
    return equals(
        bytes, ExpositionToken(start: start, end: name.end), ExpositionToken(start: unit.start, end: unit.end))
}
