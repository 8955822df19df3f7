/// Reads the part named `model` out of a form (`multipart/form-data`) as it comes, without keeping any of it.
///
/// The first boundary stands at the very beginning, so that no form is read as JSON by somebody else. A part whose name
/// could be read in two ways, or a second `model`, makes the form ambiguous.
struct FormScan {
    private enum State { case boundary, boundaryLine, header, content, over }

    /// A longer field of a part is ambiguous.
    private static let maximumHeaderBytes = 1024

    private(set) var model: String?
    private(set) var isAmbiguous = false
    /// Of a boundary with the line end before it.
    private let delimiter: [UInt8]
    private var state = State.boundary
    private var matched = 2
    private var line: [UInt8] = []
    private var name: String?
    private var value: [UInt8] = []
    private var hasModel = false

    /// - Parameter contentType: with a boundary in plain characters; nil for one that is none of a form, or odd.
    init?(contentType: String) {
        var pieces = Parameters(contentType)
        guard pieces.next()?.name == "multipart/form-data" else { return nil }
        var boundary: String?
        while let piece = pieces.next() {
            guard piece.name == "boundary" else { continue }
            guard boundary == nil, let text = piece.value, (1...70).contains(text.utf8.count),
                text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
            else { return nil }
            boundary = text
        }
        guard let boundary, !pieces.isOdd else { return nil }
        delimiter = Array("\r\n--\(boundary)".utf8)
    }

    mutating func read(_ bytes: UnsafeRawBufferPointer) {
        var index = 0
        while index < bytes.count, !isAmbiguous {
            let byte = bytes[index]
            index += 1
            switch state {
            case .boundary:
                guard byte == delimiter[matched] else {
                    isAmbiguous = true
                    break
                }
                advance()
            case .boundaryLine, .header:
                line.append(byte)
                if line.count > Self.maximumHeaderBytes { isAmbiguous = true }
                if byte == 0x0A { lineEnded() }
            case .content:
                content(byte)
                // The bulk of a form is one file.
                if state == .content, matched == 0, name != "model" {
                    while index < bytes.count, bytes[index] != 0x0D { index += 1 }
                }
            case .over: return
            }
        }
    }

    private mutating func content(_ byte: UInt8) {
        if byte == delimiter[matched] { return advance() }
        // A delimiter has no other carriage return than its first.
        if name == "model", value.count <= BodyScan.maximumNameBytes { value += delimiter[..<matched] }
        matched = 0
        if byte == delimiter[0] { return advance() }
        if name == "model", value.count <= BodyScan.maximumNameBytes { value.append(byte) }
    }

    private mutating func advance() {
        matched += 1
        guard matched == delimiter.count else { return }
        if name == "model" {
            isAmbiguous = hasModel
            hasModel = true
            if value.count <= BodyScan.maximumNameBytes { model = String(decoding: value, as: UTF8.self) }
        }
        name = nil
        value = []
        line = []
        matched = 0
        state = .boundaryLine
    }

    private mutating func lineEnded() {
        defer { line.removeAll(keepingCapacity: true) }
        guard line.suffix(2) == [0x0D, 0x0A], line.count(where: { $0 == 0x0D }) == 1 else {
            isAmbiguous = true
            return
        }
        let text = String(decoding: line.dropLast(2), as: UTF8.self)
        if state == .boundaryLine {
            // What else stands there would make it no boundary, for some.
            isAmbiguous = !text.isEmpty && text != "--"
            state = text.isEmpty ? .header : .over
        } else if text.isEmpty {
            state = .content
        } else {
            fieldEnded(text)
        }
    }

    private mutating func fieldEnded(_ text: String) {
        guard let colon = text.firstIndex(of: ":"), let first = text.utf8.first, first != 0x20, first != 0x09 else {
            isAmbiguous = true
            return
        }
        guard text[..<colon].lowercased().filter({ !$0.isWhitespace }) == "content-disposition" else { return }
        var pieces = Parameters(String(text[text.index(after: colon)...]))
        _ = pieces.next()
        while let piece = pieces.next() {
            guard piece.name.hasPrefix("name") else { continue }
            // `name*` is another spelling of it.
            isAmbiguous = isAmbiguous || piece.name != "name" || piece.value == nil || name != nil
            name = piece.value
        }
        isAmbiguous = isAmbiguous || pieces.isOdd
    }
}

/// What stands between semicolons, as `a`, `a=b` or `a="b"`; names in lower case.
private struct Parameters {
    private var rest: Substring.UTF8View
    /// Whether something is written so that readers may differ.
    private(set) var isOdd = false

    init(_ text: String) { rest = text[...].utf8 }

    mutating func next() -> (name: String, value: String?)? {
        skipSpace()
        guard !rest.isEmpty else { return nil }
        let name = String(rest.prefix { $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: "=") }) ?? ""
        rest = rest.dropFirst(name.utf8.count)
        var value: String?
        if rest.first == UInt8(ascii: "=") {
            rest = rest.dropFirst()
            if rest.first == UInt8(ascii: "\"") {
                rest = rest.dropFirst()
                let text = rest.prefix { $0 != UInt8(ascii: "\"") }
                // An escaped quote ends the text only for some.
                if text.contains(UInt8(ascii: "\\")) || text.endIndex == rest.endIndex { isOdd = true }
                value = String(text)
                rest = rest[text.endIndex...].dropFirst()
            } else {
                value = String(rest.prefix { $0 != UInt8(ascii: ";") && $0 > 0x20 })
                rest = rest.dropFirst(value?.utf8.count ?? 0)
            }
        }
        skipSpace()
        if let next = rest.first, next != UInt8(ascii: ";") {
            isOdd = true
            rest = rest[rest.endIndex...]
        }
        rest = rest.dropFirst()
        return (name.lowercased(), value)
    }

    private mutating func skipSpace() { rest = rest.drop { $0 == 0x20 || $0 == 0x09 } }
}
