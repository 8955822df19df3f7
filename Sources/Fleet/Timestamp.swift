/// A moment on the wall clock: whole milliseconds since 1970-01-01T00:00:00Z.
///
/// The core never asks for the time; a `Timestamp` always arrives as a value.
package struct Timestamp: Hashable, Comparable, Sendable {
    package var millisecondsSince1970: Int64

    package init(millisecondsSince1970: Int64) {
        self.millisecondsSince1970 = millisecondsSince1970
    }

    package init(secondsSince1970: Double) {
        self.init(millisecondsSince1970: Int64((secondsSince1970 * 1000).rounded(.toNearestOrAwayFromZero)))
    }

    package var secondsSince1970: Double { Double(millisecondsSince1970) / 1000 }

    package static func < (a: Timestamp, b: Timestamp) -> Bool { a.millisecondsSince1970 < b.millisecondsSince1970 }

    package static func + (moment: Timestamp, span: Duration) -> Timestamp {
        Timestamp(millisecondsSince1970: moment.millisecondsSince1970 + span.wholeMilliseconds)
    }

    package static func - (moment: Timestamp, span: Duration) -> Timestamp {
        Timestamp(millisecondsSince1970: moment.millisecondsSince1970 - span.wholeMilliseconds)
    }

    /// The span from `b` to `a`; negative when `a` is earlier.
    package static func - (a: Timestamp, b: Timestamp) -> Duration {
        .milliseconds(a.millisecondsSince1970 - b.millisecondsSince1970)
    }
}

extension Timestamp: Codable {
    package init(from decoder: any Decoder) throws {
        self.init(millisecondsSince1970: try decoder.singleValueContainer().decode(Int64.self))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(millisecondsSince1970)
    }
}

extension Timestamp: CustomStringConvertible {
    /// RFC 3339 in UTC with milliseconds, such as `2026-03-01T09:15:00.250Z`.
    package var description: String {
        let days = Int((Double(millisecondsSince1970) / 86_400_000).rounded(.down))
        let millisecondsOfDay = Int(millisecondsSince1970 - Int64(days) * 86_400_000)
        let (year, month, day) = Self.civilDate(daysSince1970: days)
        let seconds = millisecondsOfDay / 1000
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
            + "T\(padded(seconds / 3600, 2)):\(padded(seconds / 60 % 60, 2)):\(padded(seconds % 60, 2))"
            + ".\(padded(millisecondsOfDay % 1000, 3))Z"
    }

    /// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
    private static func civilDate(daysSince1970: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = daysSince1970 + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
    }

    private func padded(_ value: Int, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

extension Duration {
    /// Whole milliseconds, cut towards zero.
    package var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }

    package var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}
