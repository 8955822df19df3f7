/// One value as `nvidia-smi` writes it, in a CSV cell or an XML element.
enum NvidiaSMICell: Hashable {
    /// Not given: unsupported, deprecated, forbidden or not applicable on this GPU.
    case absent
    /// The driver tried and failed; the text says how, such as `GPU is lost`.
    case fault(String)
    case value(String)

    init(_ raw: some StringProtocol) {
        var text = raw.trimmingBlanks
        let bracketed = text.first == "[" && text.last == "]"
        if bracketed { text = text.dropFirst().dropLast() }
        if text.isEmpty || text == "-" || Self.absentTexts.contains(where: text.hasPrefix) {
            self = .absent
        } else if let fault = Self.faultText(text) {
            self = .fault(fault)
        } else {
            // A remark in brackets that no driver so far has written is a reason for having no value.
            self = bracketed ? .absent : .value(String(text))
        }
    }

    /// The fault that `text` starts with, in the driver's words.
    static func faultText(_ text: some StringProtocol) -> String? { faultTexts.first(where: text.hasPrefix) }

    private static let absentTexts = [
        "N/A", "Not Supported", "Requested functionality has been deprecated", "Insufficient Permissions",
        "Function Not Found",
    ]
    private static let faultTexts = ["GPU is lost", "Unknown Error", "ERR!", "GPU requires reset"]
}

/// What a number measures, and how its written unit becomes the base unit.
enum NvidiaSMIQuantity {
    case bytes, ratio, celsius, watts, hertz, count

    /// `627.40 W` in base units; `nil` when it is no finite number or carries a unit that does not belong here.
    ///
    /// - Parameter headerUnit: the unit of the column, for a cell without one of its own.
    func parse(_ text: String, headerUnit: String) -> Double? {
        let parts = text.split(separator: " ", omittingEmptySubsequences: true)
        guard let digits = parts.first, parts.count <= 2, let number = Double(digits),
            let scale = scale(parts.count == 2 ? String(parts[1]) : headerUnit)
        else { return nil }
        return (number * scale).isFinite ? number * scale : nil
    }

    private func scale(_ unit: String) -> Double? {
        switch (self, unit) {
        case (.bytes, "MiB"): 1_048_576
        case (.bytes, "KiB"): 1024
        case (.bytes, "GiB"): 1_073_741_824
        case (.ratio, "%"): 0.01
        case (.celsius, "C"), (.celsius, ""): 1
        case (.watts, "W"): 1
        case (.watts, "mW"): 0.001
        case (.hertz, "MHz"): 1_000_000
        case (.count, ""): 1
        default: nil
        }
    }
}

extension StringProtocol {
    /// Without blanks, tabs and line ends at both ends.
    var trimmingBlanks: SubSequence {
        var rest = self[...]
        while let first = rest.first, first.isWhitespace { rest = rest.dropFirst() }
        while let last = rest.last, last.isWhitespace { rest = rest.dropLast() }
        return rest
    }
}
