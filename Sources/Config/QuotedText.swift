/// A text in double quotes and on one line, as YAML reads it back.
func quoted(_ text: String) -> String {
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
func quotedBriefly(_ text: String) -> String {
    quoted(text.count > 60 ? text.prefix(60) + "..." : text)
}
