/// A list of plain numbers that is encoded as one string: base64 of their bytes, lowest first.
///
/// Every bit survives, infinities included, in half the room of decimal digits.
struct Packed<Element: BitwiseCopyable & Hashable & Sendable>: Sendable {
    private(set) var elements: [Element]

    init(repeating element: Element, count: Int) { elements = Array(repeating: element, count: count) }

    var count: Int { elements.count }
    var indices: Range<Int> { elements.indices }

    /// For the innermost loops, where checking every index would double the time.
    mutating func withElements(_ body: (UnsafeMutableBufferPointer<Element>) -> Void) {
        elements.withUnsafeMutableBufferPointer { body($0) }
    }

    subscript(index: Int) -> Element {
        get { elements[index] }
        set { elements[index] = newValue }
    }
}

/// By the bits, so that what is not a number equals itself.
extension Packed: Hashable {
    static func == (a: Packed, b: Packed) -> Bool {
        a.elements.withUnsafeBytes { a in b.elements.withUnsafeBytes { b in a.elementsEqual(b) } }
    }

    func hash(into hasher: inout Hasher) {
        elements.withUnsafeBytes { hasher.combine(bytes: $0) }
    }
}

extension Packed: Codable {
    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let bytes = Base64.decoded(try container.decode(String.self))
        let size = MemoryLayout<Element>.stride
        guard let bytes, bytes.count.isMultiple(of: size) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "expected base64 of numbers of \(size) bytes each")
        }
        elements = bytes.withUnsafeBytes { bytes in
            (0..<bytes.count / size).map { bytes.loadUnaligned(fromByteOffset: $0 * size, as: Element.self) }
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(elements.withUnsafeBytes { Base64.encoded($0) })
    }
}

/// RFC 4648, with padding.
enum Base64 {
    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let padding = UInt8(ascii: "=")

    static func encoded(_ bytes: UnsafeRawBufferPointer) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = (0..<3).reduce(UInt32(0)) { group, offset in
                group << 8 | (start + offset < bytes.count ? UInt32(bytes[start + offset]) : 0)
            }
            for place in 0..<4 {
                let isPadding = start + place > bytes.count
                text.append(isPadding ? padding : digits[Int(group >> UInt32(18 - 6 * place) & 63)])
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// `nil` when the text is not base64.
    static func decoded(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        var group: UInt32 = 0
        var bits = 0
        var body = Substring(text)[...]
        guard text.utf8.count.isMultiple(of: 4) else { return nil }
        for _ in 0..<2 where body.last == "=" { body.removeLast() }
        bytes.reserveCapacity(body.utf8.count / 4 * 3)
        for character in body.utf8 {
            guard let digit = value(of: character) else { return nil }
            group = group << 6 | digit
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: group >> UInt32(bits)))
            }
        }
        return bytes
    }

    private static func value(of character: UInt8) -> UInt32? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
