/// Texts with `${env:NAME}` and `${file:PATH}` in them, which keep secrets out of the configuration file.
struct SecretText {
    var environment: [String: String]
    /// Where relative paths start; ends with a slash, or is empty.
    var folder: String
    var readFile: (String) throws(UnreadableFile) -> [UInt8]
    /// The names in a file of keys; `nil`: nobody is about to start, and files that only a start needs may be missing.
    var keyNames: ((String) throws(UnreadableFile) -> Set<String>)?

    /// Any text; no message quotes it.
    var kind: ValueKind<Secret> {
        ValueKind(expected: "a text", example: "\"${env:NAME}\"") { text, _ throws(Misfit) in
            let filled = try fill(text)
            guard !filled.unicodeScalars.contains(where: { $0.value < 0x20 && $0 != "\t" || $0.value == 0x7F }) else {
                throw Misfit(what: "the value holds a line break or another control character", remedy: "take it out")
            }
            return Secret(filled)
        }
    }

    private func fill(_ text: String) throws(Misfit) -> String {
        var result = ""
        var rest = text[...]
        while let start = rest.firstRange(of: "${") {
            result += rest[..<start.lowerBound]
            rest = rest[start.upperBound...]
            guard let end = rest.firstIndex(of: "}") else { throw Self.unknownReference }
            result += try resolve(rest[..<end])
            rest = rest[rest.index(after: end)...]
        }
        return result + rest
    }

    private func resolve(_ reference: Substring) throws(Misfit) -> String {
        let parts = reference.split(separator: ":", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { throw Self.unknownReference }
        switch parts[0] {
        case "env":
            guard let value = environment[parts[1]], !value.isEmpty else {
                throw Misfit(what: "the environment variable \(quoted(parts[1])) is not set", remedy: "set it")
            }
            return value
        case "file":
            let path = parts[1].hasPrefix("/") ? parts[1] : folder + parts[1]
            let bytes: [UInt8]
            do {
                bytes = try readFile(path)
            } catch {
                throw Misfit(what: "\(quoted(path)) cannot be read: \(error.reason)", remedy: "name a readable file")
            }
            guard var text = String(validating: bytes, as: UTF8.self), !text.isEmpty, bytes.count <= 65_536 else {
                throw Misfit(what: "\(quoted(path)) is not a short text", remedy: "put nothing but the secret there")
            }
            while text.last?.isNewline == true { text.removeLast() }
            return text
        default: throw Self.unknownReference
        }
    }

    private static let unknownReference = Misfit(
        what: "a ${...} that is neither ${env:NAME} nor ${file:PATH}", remedy: "write one of the two")
}
