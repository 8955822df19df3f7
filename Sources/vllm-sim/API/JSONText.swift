/// A JSON string literal. Whole bodies are written by hand, because vLLM's order of keys is part of its look.
func quoted(_ text: String) -> String {
    var literal = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": literal += "\\\""
        case "\\": literal += "\\\\"
        case "\n": literal += "\\n"
        case "\r": literal += "\\r"
        case "\t": literal += "\\t"
        case "\u{0}"..<" ":
            let hex = String(scalar.value, radix: 16)
            literal += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
        default: literal.unicodeScalars.append(scalar)
        }
    }
    return literal + "\""
}

/// An identifier such as `cmpl-86ba45ac6f3b3003`.
func freshIdentifier(_ prefix: String) -> String {
    let hex = String(UInt64.random(in: 0...UInt64.max), radix: 16)
    return prefix + "-" + String(repeating: "0", count: 16 - hex.count) + hex
}
