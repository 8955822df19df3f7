/// Why bytes are no time zone that can be used.
package enum TZifError: Error, Hashable, Sendable {
    /// They do not start as a TZif file does.
    case notTZif
    /// They end too early.
    case truncated
    /// They contradict the format, or themselves; says what is wrong.
    case malformed(String)
    /// The file counts leap seconds (those below `right/` do), so its moments are not POSIX time.
    case countsLeapSeconds
}

/// What a compiled time zone file says about the time from 1970 on: RFC 9636, versions 1 to 4.
///
/// The 64-bit block is used where there is one. Names of offsets and flags for daylight saving time are passed over.
struct TZif {
    /// A moment from which the clock is another number of seconds ahead of UTC.
    struct Change: Hashable, Sendable {
        /// Seconds since 1970.
        var at: Int
        /// Seconds ahead of UTC, so negative in America.
        var offset: Int
    }

    /// What holds at the beginning of 1970.
    var first: Int
    /// Ascending; each differs from the one before.
    var changes: [Change] = []
    /// What holds after the last change; `nil` when that one holds for ever.
    var rule: PosixTimeRule?

    /// Bounds tables; real zones have fewer than 300 changes.
    static let maximumChanges = 4096
    /// Beyond any clock on Earth.
    static let offsets = -93_600...93_600
    /// Later changes than the year 9999 are no real ones.
    private static let moments = Int(Int64.min)...253_402_300_799

    init(_ bytes: some Sequence<UInt8>) throws(TZifError) {
        var file = ByteReader(rest: Array(bytes)[...])
        var header = try Header(&file)
        let hasSecondBlock = header.version != 0
        if hasSecondBlock {
            _ = try file.take(header.blockLength(timeWidth: 4))
            header = try Header(&file)
        }
        let width = hasSecondBlock ? 8 : 4
        guard header.changes <= Self.maximumChanges else { throw .malformed("\(header.changes) changes are too many") }
        guard 1...256 ~= header.types else { throw .malformed("\(header.types) kinds of local time") }
        var times: [Int] = []
        for _ in 0..<header.changes { times.append(try file.integer(width)) }
        let kinds = try file.take(header.changes)
        var offsets: [Int] = []
        for _ in 0..<header.types {
            offsets.append(try file.integer(4))
            _ = try file.take(2)
        }
        guard offsets.allSatisfy(Self.offsets.contains) else { throw .malformed("an offset of more than 26 hours") }
        _ = try file.take(header.namesAndFlags)

        first = offsets[0]
        for (index, (time, kind)) in zip(times, kinds).enumerated() {
            guard Int(kind) < offsets.count else { throw .malformed("there is no local time of kind \(kind)") }
            guard index == 0 || times[index - 1] < time, Self.moments.contains(time) else {
                throw .malformed("change \(index) is out of order")
            }
            let offset = offsets[Int(kind)]
            if time <= 0 { first = offset } else { changes.append(Change(at: time, offset: offset)) }
        }
        if hasSecondBlock { rule = try Self.footer(&file) }
        // Without any change the rule holds from the start.
        if times.isEmpty, let rule { first = rule.offset(atSecond: 0) }
    }

    /// A rule between two line breaks; nothing between them means that there is none.
    private static func footer(_ file: inout ByteReader) throws(TZifError) -> PosixTimeRule? {
        guard try file.take(1).first == UInt8(ascii: "\n") else { throw .malformed("the rule is not on its own line") }
        guard let end = file.rest.firstIndex(of: UInt8(ascii: "\n")) else { throw .truncated }
        let text = file.rest[..<end]
        return text.isEmpty ? nil : try PosixTimeRule(text)
    }

    private struct Header {
        /// 0 for the first version, which has no second block; otherwise an ASCII digit.
        var version: UInt8
        var changes: Int
        var types: Int
        var namesAndFlags: Int

        init(_ file: inout ByteReader) throws(TZifError) {
            guard file.rest.prefix(4).elementsEqual("TZif".utf8) else { throw .notTZif }
            version = try file.take(20)[file.rest.startIndex - 16]
            var counts: [Int] = []
            for _ in 0..<6 { counts.append(try file.integer(4)) }
            guard counts.allSatisfy({ $0 >= 0 }) else { throw .malformed("a count of more than 2^31") }
            guard counts[2] == 0 else { throw .countsLeapSeconds }
            (changes, types) = (counts[3], counts[4])
            namesAndFlags = counts[5] + counts[1] + counts[0]
        }

        func blockLength(timeWidth: Int) -> Int { changes * (timeWidth + 1) + types * 6 + namesAndFlags }
    }
}

/// Big-endian numbers off the front of some bytes.
private struct ByteReader {
    var rest: ArraySlice<UInt8>

    mutating func take(_ count: Int) throws(TZifError) -> ArraySlice<UInt8> {
        guard count <= rest.count else { throw .truncated }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    /// A signed number of 4 or 8 bytes.
    mutating func integer(_ width: Int) throws(TZifError) -> Int {
        let bits = try take(width).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return width == 4 ? Int(Int32(truncatingIfNeeded: bits)) : Int(Int64(bitPattern: bits))
    }
}
