/// Reads `model` and `stream` out of a JSON object as it comes, without keeping any of it.
///
/// Only keys of the outermost object count. One that comes twice, or is spelled so that only some readers know it,
/// makes the body ambiguous. What is wrong with the JSON otherwise is for the engine to say.
struct BodyScan {
    private enum State {
        case start, beforeKey, key, keyEscape, keyUnicode, afterKey, beforeValue, value, string, escape, literal,
            closed, noObject
    }

    /// Longer names than this are no model's.
    static let maximumNameBytes = 256

    private(set) var model: String?
    private(set) var stream: Bool?
    /// Whether engines may read another model, or another way to answer, than is read here.
    private(set) var isAmbiguous = false
    private var state = State.start
    private var depth = 0
    private var key: [UInt8] = []
    private var wanted: Wanted?
    private var text: [UInt8] = []
    private var keyIsEscaped = false
    private var digits: [UInt8] = []
    private var hasModel = false
    private var hasStream = false

    private enum Wanted { case model, stream }

    /// Whether more bytes cannot tell more.
    var isComplete: Bool { isAmbiguous || state == .closed || state == .noObject }
    var isObject: Bool { state != .noObject && state != .start }

    mutating func read(_ bytes: UnsafeRawBufferPointer) {
        var index = 0
        while index < bytes.count, !isComplete {
            let byte = bytes[index]
            switch state {
            case .closed, .noObject:
                return
            case .start:
                if byte == UInt8(ascii: "{") {
                    depth = 1
                    state = .beforeKey
                } else if !isSpace(byte) {
                    state = .noObject
                }
            case .beforeKey:
                if byte == UInt8(ascii: "\"") {
                    key.removeAll(keepingCapacity: true)
                    keyIsEscaped = false
                    state = .key
                } else if byte == UInt8(ascii: "}") {
                    state = .closed
                }
            case .key:
                if byte == UInt8(ascii: "\"") {
                    keyEnded()
                    state = .afterKey
                } else if byte == UInt8(ascii: "\\") {
                    keyIsEscaped = true
                    state = .keyEscape
                } else if key.count <= 8 {
                    key.append(byte)
                }
            case .keyEscape:
                digits.removeAll(keepingCapacity: true)
                // The other escapes stand for bytes that are in no wanted key.
                if byte != UInt8(ascii: "u"), key.count <= 8 { key.append(0) }
                state = byte == UInt8(ascii: "u") ? .keyUnicode : .key
            case .keyUnicode:
                digits.append(byte)
                if digits.count == 4 {
                    let value = UInt16(String(decoding: digits, as: UTF8.self), radix: 16) ?? 0
                    if key.count <= 8 { key.append(UInt8(exactly: value) ?? 0) }
                    state = .key
                }
            case .escape:
                if wanted == .model {
                    // PHP writes a slash so.
                    if byte == UInt8(ascii: "/") || byte == UInt8(ascii: "\\") {
                        text.append(byte)
                    } else {
                        wanted = nil
                    }
                }
                state = .string
            case .afterKey:
                if byte == UInt8(ascii: ":") {
                    text.removeAll(keepingCapacity: true)
                    state = .beforeValue
                }
            case .beforeValue:
                if isSpace(byte) { break }
                state = byte == UInt8(ascii: "\"") && wanted == .model ? .string : wanted == .stream ? .literal : .value
                if state == .string { break }
                if state == .value { wanted = nil }
                continue
            case .literal:
                if byte &- 0x61 < 26, text.count < 8 {
                    text.append(byte)
                } else {
                    if text.elementsEqual("true".utf8) { stream = true }
                    if text.elementsEqual("false".utf8) || text.elementsEqual("null".utf8) { stream = false }
                    wanted = nil
                    state = .value
                    continue
                }
            case .value:
                switch byte {
                case UInt8(ascii: "\""): state = .string
                case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
                case UInt8(ascii: "}"), UInt8(ascii: "]"):
                    depth -= 1
                    if depth == 0 { state = .closed }
                case UInt8(ascii: ",") where depth == 1: state = .beforeKey
                default: break
                }
            case .string:
                if byte == UInt8(ascii: "\"") {
                    if wanted == .model, text.count <= Self.maximumNameBytes {
                        model = String(decoding: text, as: UTF8.self)
                    }
                    wanted = nil
                    state = .value
                } else if byte == UInt8(ascii: "\\") {
                    state = .escape
                } else if wanted == .model {
                    if text.count <= Self.maximumNameBytes { text.append(byte) }
                } else {
                    // The bulk of a body is strings that nobody here wants.
                    while index + 1 < bytes.count, bytes[index + 1] != UInt8(ascii: "\""),
                        bytes[index + 1] != UInt8(ascii: "\\")
                    { index += 1 }
                }
            }
            index += 1
        }
    }

    /// Some engines' languages match keys in any case, most take the last of several, and all read escapes.
    private mutating func keyEnded() {
        wanted = nil
        let name = key.map(lowercase)
        if name.elementsEqual("model".utf8) {
            isAmbiguous = keyIsEscaped || key != name || hasModel
            hasModel = true
            wanted = .model
        } else if name.elementsEqual("stream".utf8) {
            isAmbiguous = keyIsEscaped || key != name || hasStream
            hasStream = true
            wanted = .stream
        }
    }

    private func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }
}
