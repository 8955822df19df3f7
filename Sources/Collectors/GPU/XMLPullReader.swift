/// Splits the bytes of a simple XML document into tags and text, one token a call.
///
/// Written for the flat, namespace-free documents of `nvidia-smi`, instead of a full parser, for three reasons: such a
/// parser refuses a document that was cut and loses what stood before the cut; it brings libxml2 and Foundation into a
/// process that should stay small; and these documents need neither entities of their own nor validation.
/// Comments, declarations and processing instructions are skipped. No input is an error: what cannot be a tag is text.
struct XMLPullReader {
    enum Token: Hashable {
        /// `attributes` is the raw text between the name and the closing bracket.
        case open(name: String, attributes: String)
        case close(name: String)
        /// With the five predefined entities decoded; may be only blanks.
        case text(String)
    }

    private var rest: ArraySlice<UInt8>
    /// The end of a tag such as `<none/>` that opened and closed its element at once.
    private var pendingClose: String?

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    /// The next token; `nil` at the end of the bytes, also when that is inside a tag.
    mutating func next() -> Token? {
        if let name = pendingClose {
            pendingClose = nil
            return .close(name: name)
        }
        while let first = rest.first {
            guard first == UInt8(ascii: "<") else { return text() }
            guard let tag = tag() else { return nil }
            switch tag.first {
            case UInt8(ascii: "!"), UInt8(ascii: "?"): continue
            case UInt8(ascii: "/"): return .close(name: Self.string(tag.dropFirst().prefix(while: Self.isNameByte)))
            default: return open(tag)
            }
        }
        return nil
    }

    private mutating func text() -> Token {
        let bytes = rest.prefix { $0 != UInt8(ascii: "<") }
        rest = rest[bytes.endIndex...]
        return .text(Self.decoded(Self.string(bytes)))
    }

    /// The bytes between the brackets; `nil` when the closing one is missing.
    private mutating func tag() -> ArraySlice<UInt8>? {
        let body = rest.dropFirst()
        let end: ArraySlice<UInt8>.Index?
        if body.starts(with: "!--".utf8) {
            // A comment may hold brackets; it ends with the first `-->`.
            end = body.indices.first { body[$0...].starts(with: "-->".utf8) }.map { $0 + 2 }
        } else {
            end = body.firstIndex(of: UInt8(ascii: ">"))
        }
        guard let end else {
            rest = []
            return nil
        }
        rest = rest[(end + 1)...]
        return body[..<end]
    }

    private mutating func open(_ tag: ArraySlice<UInt8>) -> Token {
        let name = Self.string(tag.prefix(while: Self.isNameByte))
        if tag.last == UInt8(ascii: "/") { pendingClose = name }
        return .open(name: name, attributes: Self.string(tag.drop(while: Self.isNameByte)))
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        byte > UInt8(ascii: " ") && byte != UInt8(ascii: "/")
    }

    private static func string(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

    private static func decoded(_ text: String) -> String {
        guard text.utf8.contains(UInt8(ascii: "&")) else { return text }
        var result = ""
        var rest = text[...]
        while let start = rest.firstIndex(of: "&") {
            result += rest[..<start]
            rest = rest[start...]
            let entity = entities.first { rest.hasPrefix($0.name) }
            result += entity?.text ?? "&"
            rest = rest.dropFirst(entity?.name.count ?? 1)
        }
        return result + rest
    }

    private static let entities = [
        (name: "&lt;", text: "<"), (name: "&gt;", text: ">"), (name: "&quot;", text: "\""), (name: "&apos;", text: "'"),
        (name: "&amp;", text: "&"),
    ]
}
