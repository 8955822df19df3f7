/// Text of others, as messages repeat it.
package enum QuotedText {
    /// In double quotes and on one line, as YAML reads it back.
    package static func whole(_ text: some StringProtocol) -> String {
        let escaped = text.unicodeScalars.map { scalar -> String in
            switch scalar {
            case "\"", "\\": "\\\(scalar)"
            case _
            where scalar.properties.generalCategory == .control
                || "\u{2028}\u{2029}\u{FEFF}".unicodeScalars.contains(scalar):
                "\\u" + String(String(0x1_0000 + scalar.value, radix: 16).dropFirst())
            default: String(scalar)
            }
        }
        return "\"\(escaped.joined())\""
    }

    /// The same, cut to the length that a message can take.
    package static func brief(_ text: some StringProtocol) -> String {
        // By scalars: a single character can have any number of them.
        let cut = String(String.UnicodeScalarView(text.unicodeScalars.prefix(60)))
        return whole(text.unicodeScalars.dropFirst(60).isEmpty ? cut : cut + "...")
    }
}
