import ArgumentParser
import Config
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

    var defaultValueDescription: String { numbers.map { "\($0)".replacing(".0", with: "") }.joined(separator: ",") }
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
