package import Fleet
package import Forecast

/// Dates and moments as the file writes them: `2026-12-25`, `2026-12-25T18:00`, `2026-12-25T18:00:00+01:00`.
package enum MomentText {
    static func date(_ text: some StringProtocol) -> CivilDate? {
        numbers(text, [4, 2, 2], separator: "-").flatMap { CivilDate(year: $0[0], month: $0[1], day: $0[2]) }
    }

    /// A date is its first moment. A time without `Z` or an offset is one of `clock`; see there for gaps and overlaps.
    package static func moment(_ text: String, in clock: CivilClock) -> Timestamp? {
        guard let date = date(text.prefix(10)) else { return nil }
        var time = text.dropFirst(10)
        if time.isEmpty { return clock.moment(date) }
        guard time.popFirst() == "T" else { return nil }
        var clock = clock
        if time.last == "Z" {
            clock = .utc
            time.removeLast()
        } else if let sign = time.lastIndex(where: { "+-".contains($0) }) {
            guard let seconds = second(numbers(time[sign...].dropFirst(), [2, 2], separator: ":")) else { return nil }
            clock = CivilClock(name: String(time[sign...]), offset: time[sign] == "-" ? -seconds : seconds)
            time = time[..<sign]
        }
        let parts = numbers(time, [2, 2], separator: ":") ?? numbers(time, [2, 2, 2], separator: ":")
        return second(parts).map { clock.moment(date, secondOfDay: $0) }
    }

    /// Hours and minutes as seconds, up to 24:00.
    static func timeOfDay(_ text: String) -> Int? {
        text == "24:00" ? 86_400 : second(numbers(text, [2, 2], separator: ":"))
    }

    static func format(secondOfDay: Int) -> String {
        let (hours, minutes) = (secondOfDay / 3600, secondOfDay / 60 % 60)
        return (hours < 10 ? "0" : "") + "\(hours):" + (minutes < 10 ? "0" : "") + "\(minutes)"
    }

    /// RFC 3339 in UTC, to the second.
    static func format(_ moment: Timestamp) -> String { "\(moment.description.prefix(19))Z" }

    private static func second(_ parts: [Int]?) -> Int? {
        guard let parts, parts[0] < 24, parts.dropFirst().allSatisfy({ $0 < 60 }) else { return nil }
        return (parts + [0]).prefix(3).reduce(0) { $0 * 60 + $1 }
    }

    /// Groups of so many digits.
    private static func numbers(_ text: some StringProtocol, _ digits: [Int], separator: Character) -> [Int]? {
        let parts = text.split(separator: separator, omittingEmptySubsequences: false)
        let areDigits = parts.allSatisfy { $0.utf8.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 } }
        return areDigits && parts.map(\.utf8.count) == digits ? parts.compactMap { Int($0) } : nil
    }
}
