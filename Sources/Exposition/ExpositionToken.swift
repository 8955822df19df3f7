/// A part of a body by its place in it: a name, or a label's value without its quotes.
package struct ExpositionToken: Hashable, Sendable {
    package var start: Int
    package var end: Int
    /// Whether escapes are to be undone.
    package var isEscaped = false

    /// The text.
    ///
    /// `\\`, `\"` and `\n` are undone; any other escape keeps its two bytes, as in Prometheus.
    package func string(in body: Span<UInt8>) -> String {
        guard isEscaped else {
            return body.extracting(start..<end).withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
        }
        var plain: [UInt8] = []
        append(to: &plain, from: body)
        return String(decoding: plain, as: UTF8.self)
    }

    /// Appends the text.
    func append(to plain: inout [UInt8], from body: Span<UInt8>) {
        let raw = body.extracting(start..<end)
        guard isEscaped else { return raw.withUnsafeBufferPointer { plain.append(contentsOf: $0) } }
        var i = 0
        while i < raw.count {
            let next = i + 1 < raw.count ? raw[i + 1] : 0
            switch (raw[i], next) {
            case (Byte.backslash, Byte.backslash), (Byte.backslash, Byte.quote):
                plain.append(next)
                i += 2
            case (Byte.backslash, UInt8(ascii: "n")):
                plain.append(Byte.lineFeed)
                i += 2
            default:
                plain.append(raw[i])
                i += 1
            }
        }
    }
}

/// One label of the sample that was read last.
package struct LabelToken: Hashable, Sendable {
    package var name: ExpositionToken
    package var value: ExpositionToken
}

enum Byte {
    static let tab = UInt8(ascii: "\t")
    static let lineFeed = UInt8(ascii: "\n")
    static let carriageReturn = UInt8(ascii: "\r")
    static let blank = UInt8(ascii: " ")
    static let quote = UInt8(ascii: "\"")
    static let hash = UInt8(ascii: "#")
    static let comma = UInt8(ascii: ",")
    static let minus = UInt8(ascii: "-")
    static let equals = UInt8(ascii: "=")
    static let backslash = UInt8(ascii: "\\")
    static let open = UInt8(ascii: "{")
    static let close = UInt8(ascii: "}")
}
