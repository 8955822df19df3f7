import ArgumentParser
import Config
import Fleet
import Foundation

/// Names separated by commas.
struct NameList: ExpressibleByArgument {
    var names: [String]

    init(_ names: [String]) { self.names = names }

    init?(argument: String) {
        names = argument.split(separator: ",", omittingEmptySubsequences: false).map {
            $0.trimmingCharacters(in: .whitespaces)
        }
    }

    var defaultValueDescription: String { names.joined(separator: ",") }
}

/// Different numbers separated by commas.
struct NumberList: ExpressibleByArgument {
    var numbers: [Double]

    init(_ numbers: [Double]) { self.numbers = numbers }

    init?(argument: String) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
        numbers = parts.compactMap { Double($0.trimmingCharacters(in: .whitespaces)) }
        guard numbers.count == parts.count, Set(numbers).count == parts.count else { return nil }
    }

    var defaultValueDescription: String { numbers.map(plain).joined(separator: ",") }
}

/// Without `.0` at the end.
private func plain(_ number: Double) -> String {
    let text = "\(number)"
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
}

/// Different spans separated by commas: minutes, or as the configuration writes them: `3,5`, `90s,5m`.
struct MinuteList: ExpressibleByArgument {
    var spans: [Duration]

    init(minutes: [Double]) { spans = minutes.map { .milliseconds(Int64(($0 * 60_000).rounded())) } }

    init?(argument: String) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
        spans = parts.compactMap { Self.span($0.trimmingCharacters(in: .whitespaces)) }
        guard spans.count == parts.count, Set(spans).count == parts.count else { return nil }
    }

    private static func span(_ text: String) -> Duration? {
        guard let minutes = Double(text) else { return DurationText.parse(text) }
        return minutes.magnitude < 1e9 ? .milliseconds(Int64((minutes * 60_000).rounded())) : nil
    }

    var defaultValueDescription: String { spans.map { plain($0.seconds / 60) }.joined(separator: ",") }
}

/// A span: seconds, or as the configuration writes it: `15`, `5m`.
struct SecondsArgument: ExpressibleByArgument {
    var duration: Duration

    init?(argument: String) {
        guard let seconds = Double(argument) else {
            guard let duration = DurationText.parse(argument) else { return nil }
            self.duration = duration
            return
        }
        guard seconds.magnitude < 1e9 else { return nil }
        duration = .milliseconds(Int64((seconds * 1000).rounded()))
    }
}

/// Spans separated by commas, as the configuration writes them: `420s`, `5m,7m,20m`.
struct SpanList: ExpressibleByArgument {
    var spans: [Duration]

    init?(argument: String) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
        spans = parts.compactMap { DurationText.parse($0.trimmingCharacters(in: .whitespaces)) }
        guard spans.count == parts.count else { return nil }
    }
}

/// One span, as the configuration writes it: `420s`.
struct SpanArgument: ExpressibleByArgument {
    var duration: Duration

    init(_ duration: Duration) { self.duration = duration }

    init?(argument: String) {
        guard let duration = DurationText.parse(argument) else { return nil }
        self.init(duration)
    }

    var defaultValueDescription: String { DurationText.format(duration) }
}
