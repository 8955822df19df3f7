/// Reads `model` and `stream` out of a JSON object as it comes, without keeping any of it.
///
/// Only keys of the outermost object count, spelled without escapes; of several equal ones, the first does. What is
/// wrong with the JSON otherwise is for the engine to say.
struct BodyScan {
    private enum State {
        case start, beforeKey, key, afterKey, beforeValue, value, string, escape, literal, closed, noObject
    }

    /// Longer names than this are no model's.
    static let maximumNameBytes = 256

    private(set) var model: String?
    private(set) var stream: Bool?
    private var state = State.start
    private var depth = 0
    private var key: [UInt8] = []
    private var wanted: Wanted?
    private var text: [UInt8] = []
    private var inKey = false

    private enum Wanted { case model, stream }

    /// Whether more bytes cannot tell more.
    var isComplete: Bool { model != nil && stream != nil || state == .closed || state == .noObject }
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
                    state = .key
                } else if byte == UInt8(ascii: "}") {
                    state = .closed
                }
            case .key:
                if byte == UInt8(ascii: "\"") {
                    state = .afterKey
                } else if byte == UInt8(ascii: "\\") {
                    inKey = true
                    state = .escape
                } else if key.count <= 8 {
                    key.append(byte)
                }
            case .escape:
                if inKey { key = Array("escaped".utf8) + [0] }
                if wanted == .model {
                    // PHP writes a slash so.
                    if byte == UInt8(ascii: "/") || byte == UInt8(ascii: "\\") {
                        text.append(byte)
                    } else {
                        wanted = nil
                    }
                }
                state = inKey ? .key : .string
                inKey = false
            case .afterKey:
                if byte == UInt8(ascii: ":") {
                    wanted = key.elementsEqual("model".utf8) && model == nil ? .model : nil
                    if key.elementsEqual("stream".utf8), stream == nil { wanted = .stream }
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

    private func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }
}
