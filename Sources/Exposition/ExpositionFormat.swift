/// A text format for metrics that Prometheus reads.
package enum ExpositionFormat: Hashable, Sendable, CaseIterable {
    /// Prometheus text, version 0.0.4; 1.0.0 differs by quoted names only.
    case prometheusText
    /// OpenMetrics, version 1.0.0.
    case openMetrics

    /// The value of `Content-Type`. Prometheus 3 fails a scrape that comes without.
    package var contentType: String {
        switch self {
        case .prometheusText: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }

    /// The format that a client asking with this `Accept` header prefers among those we write.
    ///
    /// The highest `q` wins, then the first named. Wildcards, unknown types, malformed headers and none at all mean
    /// text 0.0.4, which everything reads.
    package init(accept: String?) {
        var best: (format: ExpositionFormat, quality: Double) = (.prometheusText, 0)
        for range in MediaType.list(accept ?? "") {
            guard let format = ExpositionFormat(range), range.quality > best.quality else { continue }
            best = (format, range.quality)
        }
        self = best.format
    }

    /// The format of a body that came with this `Content-Type`, or `nil` when it is not one of metrics.
    ///
    /// Any version is taken: the grammars differ by what we accept anyway. A missing header means text, as for
    /// Prometheus before version 3.
    package init?(contentType: String?) {
        guard let contentType else {
            self = .prometheusText
            return
        }
        switch MediaType(contentType).type {
        case "text/plain": self = .prometheusText
        case "application/openmetrics-text": self = .openMetrics
        default: return nil
        }
    }

    private init?(_ range: MediaType) {
        switch (range.type, range.parameters["version"]) {
        case ("application/openmetrics-text", nil), ("application/openmetrics-text", "1.0.0"): self = .openMetrics
        case ("text/plain", nil), ("text/plain", "0.0.4"), ("text/plain", "1.0.0"): self = .prometheusText
        case ("text/*", _), ("*/*", _): self = .prometheusText
        default: return nil
        }
    }
}

/// A media type with its parameters, as in `Content-Type` and in each part of `Accept` (RFC 9110, 8.3.1 and 12.5.1).
///
/// Types, parameter names and values are lowercased. Quoted commas and semicolons are not understood: no type that
/// matters here has them.
private struct MediaType {
    var type: String
    var parameters: [String: String] = [:]

    /// The weight, 0 to 1; 1 when absent and 0, which is "never", when malformed.
    var quality: Double {
        guard let text = parameters["q"] else { return 1 }
        guard let quality = Double(text), quality >= 0, quality <= 1 else { return 0 }
        return quality
    }

    init(_ text: some StringProtocol) {
        let parts = text.lowercased().split(separator: ";", omittingEmptySubsequences: false).map(trimmed)
        type = parts[0]
        for part in parts.dropFirst() {
            let pair = part.split(separator: "=", maxSplits: 1).map(trimmed)
            if pair.count == 2 { parameters[pair[0]] = pair[1].filter { $0 != "\"" } }
        }
    }

    static func list(_ header: String) -> [MediaType] {
        header.split(separator: ",").map { MediaType($0) }
    }
}

private func trimmed(_ text: some StringProtocol) -> String {
    let isBlank = { (c: Character) in c == " " || c == "\t" }
    let start = text.drop(while: isBlank)
    return String(String(start.reversed()).drop(while: isBlank).reversed())
}
