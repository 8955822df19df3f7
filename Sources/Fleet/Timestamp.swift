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

    /// Rounded down.
    package var wholeSecondsSince1970: Int { Int(millisecondsSince1970).floorDivided(by: 1000).quotient }

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
        let (days, millisecondsOfDay) = Int(millisecondsSince1970).floorDivided(by: 86_400_000)
        let seconds = millisecondsOfDay / 1000
        return "\(CivilDate(daysSince1970: days))"
            + "T\(padded(seconds / 3600, 2)):\(padded(seconds / 60 % 60, 2)):\(padded(seconds % 60, 2))"
            + ".\(padded(millisecondsOfDay % 1000, 3))Z"
    }
}

extension Duration {
    /// Whole milliseconds, cut towards zero.
    package var wholeMilliseconds: Int64 {
        Int64(attoseconds / 1_000_000_000_000_000)
    }

    package var seconds: Double {
        // Ten times as fast as by way of `components`.
        let (whole, rest) = attoseconds.quotientAndRemainder(dividingBy: 1_000_000_000_000_000_000)
        return Double(Int64(whole)) + Double(Int64(rest)) / 1e18
    }
}
