import Fleet

/// A JSON value to be written. Members without value are left out of their object, so that unknown is never `null` or 0.
///
/// Members keep their order. Numbers that JSON cannot write (NaN, infinities) count as unknown.
package enum JSON: Hashable, Sendable {
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSON])
    case object([Member])

    package struct Member: Hashable, Sendable {
        var name: String
        var value: JSON
    }

    init?(_ value: Int?) {
        guard let value else { return nil }
        self = .integer(value)
    }

    init?(_ value: Double?) {
        guard let value, value.isFinite else { return nil }
        self = Int(exactly: value).map { .integer($0) } ?? .number(value)
    }

    init?(_ value: String?) {
        guard let value else { return nil }
        self = .string(value)
    }

    /// RFC 3339 in UTC.
    init?(_ value: Timestamp?) {
        guard let value else { return nil }
        self = .string(value.description)
    }

    /// Seconds.
    init?(_ value: Duration?) {
        self.init(value?.seconds)
    }
}

extension JSON: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral members: (String, JSON?)...) {
        self = .object(members.compactMap { name, value in value.map { Member(name: name, value: $0) } })
    }
}

extension JSON {
    /// The value as UTF-8 in one line.
    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(4096)
        write(into: &bytes)
        return bytes
    }

    private func write(into bytes: inout [UInt8]) {
        switch self {
        case .bool(let value): bytes.append(contentsOf: (value ? "true" : "false").utf8)
        case .integer(let value): bytes.append(contentsOf: String(value).utf8)
        // Swift's shortest digits are JSON numbers: `0.25`, `1e-05`, `1.5e+20`.
        case .number(let value): bytes.append(contentsOf: value.description.utf8)
        case .string(let value): Self.write(value, into: &bytes)
        case .array(let values):
            bytes.append(UInt8(ascii: "["))
            for (index, value) in values.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                value.write(into: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let members):
            bytes.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                Self.write(member.name, into: &bytes)
                bytes.append(UInt8(ascii: ":"))
                member.value.write(into: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    /// RFC 8259, section 7: quotes, backslashes and control characters are escaped, everything else is as it is.
    private static func write(_ text: String, into bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(contentsOf: [UInt8(ascii: "\\"), byte])
            case UInt8(ascii: "\n"): bytes.append(contentsOf: "\\n".utf8)
            case UInt8(ascii: "\r"): bytes.append(contentsOf: "\\r".utf8)
            case UInt8(ascii: "\t"): bytes.append(contentsOf: "\\t".utf8)
            case 0..<0x20:
                bytes.append(contentsOf: (byte < 0x10 ? "\\u000" : "\\u00").utf8)
                bytes.append(contentsOf: String(byte, radix: 16).utf8)
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
