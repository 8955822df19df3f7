import Fleet

/// A `TZ` string of POSIX with the extensions of RFC 9636, such as `CET-1CEST,M3.5.0,M10.5.0/3` or `<-03>3`: one
/// offset, or two that take turns on the same days of every year.
struct PosixTimeRule: Hashable, Sendable {
    /// As it was read.
    let text: String
    /// Seconds ahead of UTC.
    private let standard: Int
    /// `nil` when one offset holds all year.
    private let daylight: Daylight?

    private struct Daylight: Hashable, Sendable {
        var offset: Int
        var start: Turn
        var end: Turn
    }

    /// A local time, told by the clock that it ends.
    fileprivate struct Turn: Hashable, Sendable {
        var day: Day
        /// Seconds from midnight, -167 to 167 hours.
        var time: Int
    }

    fileprivate enum Day: Hashable, Sendable {
        /// 1 to 365; 29 February has no number.
        case ofCommonYear(Int)
        /// 0 to 365; 29 February counts.
        case ofYear(Int)
        /// The first to fourth, or by 5 the last, such day of a month; Sunday is 0.
        case weekday(Int, week: Int, month: Int)
    }

    /// What `tabulated` covers.
    static let tabulatedYears = 1970...2100

    /// Whether two offsets take turns.
    var alternates: Bool { daylight != nil }

    /// Every change in the tabulated years, ascending.
    var tabulated: [TZif.Change] { changes(in: Self.tabulatedYears) }

    /// Seconds ahead of UTC, computed anew each time.
    func offset(atSecond second: Int) -> Int {
        let year = CivilDate(daysSince1970: second.floorDivided(by: 86_400).quotient).components.year
        return changes(in: year - 1...year + 1).last { $0.at <= second }?.offset ?? standard
    }

    private func changes(in years: ClosedRange<Int>) -> [TZif.Change] {
        guard let daylight else { return [] }
        let turns = years.flatMap { year in
            [
                TZif.Change(at: daylight.start.local(in: year) - standard, offset: daylight.offset),
                TZif.Change(at: daylight.end.local(in: year) - daylight.offset, offset: standard),
            ]
        }
        // Daylight saving time all year starts again the moment it ends: there the start has the last word.
        let ordered = turns.sorted { ($0.at, $0.offset == standard ? 0 : 1) < ($1.at, $1.offset == standard ? 0 : 1) }
        return zip(ordered, ordered.dropFirst()).filter { $0.at < $1.at }.map(\.0) + ordered.suffix(1)
    }
}

extension PosixTimeRule.Turn {
    /// Seconds since 1970 on the local clock.
    fileprivate func local(in year: Int) -> Int {
        let newYear = CivilDate.daysSince1970(year: year, month: 1, day: 1)
        switch day {
        case .ofYear(let number): return (newYear + number) * 86_400 + time
        case .ofCommonYear(let number):
            let isLeap = CivilDate.daysSince1970(year: year + 1, month: 1, day: 1) - newYear == 366
            return (newYear + number - (isLeap && number >= 60 ? 0 : 1)) * 86_400 + time
        case .weekday(let weekday, let week, let month):
            let first = CivilDate.daysSince1970(year: year, month: month, day: 1)
            let next = CivilDate.daysSince1970(year: month == 12 ? year + 1 : year, month: month % 12 + 1, day: 1)
            // 1970-01-01 was a Thursday, which is 4.
            var day = first + (weekday - (first + 4)).floorDivided(by: 7).remainder + (week - 1) * 7
            if day >= next { day -= 7 }
            return day * 86_400 + time
        }
    }
}

// MARK: - Reading

extension PosixTimeRule {
    init(_ bytes: some Sequence<UInt8>) throws(TZifError) {
        let text = String(decoding: Array(bytes), as: UTF8.self)
        var reader = RuleReader(rest: Array(text.utf8)[...])
        guard let rule = reader.rule() else { throw .malformed("the rule \"\(text.prefix(80))\"") }
        (self.text, standard, daylight) = (text, rule.standard, rule.daylight)
    }

    /// Every function reads one part off the front; `nil` when it is not there.
    private struct RuleReader {
        var rest: ArraySlice<UInt8>

        mutating func rule() -> (standard: Int, daylight: Daylight?)? {
            guard name(), let west = time(hours: 24) else { return nil }
            if rest.isEmpty { return (-west, nil) }
            guard name() else { return nil }
            var daylight = -west + 3600
            if rest.first != UInt8(ascii: ",") {
                guard let west = time(hours: 24) else { return nil }
                daylight = -west
            }
            guard skip(","), let start = turn(), skip(","), let end = turn(), rest.isEmpty else { return nil }
            return (-west, Daylight(offset: daylight, start: start, end: end))
        }

        /// `CET`, or between angle brackets also digits and signs.
        private mutating func name() -> Bool {
            let isQuoted = skip("<")
            let letters = rest.prefix { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"): isQuoted
                default: false
                }
            }
            rest = rest.dropFirst(letters.count)
            return letters.count >= 3 && (!isQuoted || skip(">"))
        }

        /// `-1`, `5:30`, `+167:59:59`, in seconds.
        private mutating func time(hours: Int) -> Int? {
            let isNegative = skip("-")
            if !isNegative { _ = skip("+") }
            guard var seconds = number(0...hours).map({ $0 * 3600 }) else { return nil }
            for unit in [60, 1] where skip(":") {
                guard let count = number(0...59) else { return nil }
                seconds += count * unit
            }
            return isNegative ? -seconds : seconds
        }

        private mutating func turn() -> Turn? {
            guard let day = day() else { return nil }
            guard skip("/") else { return Turn(day: day, time: 7200) }
            return time(hours: 167).map { Turn(day: day, time: $0) }
        }

        private mutating func day() -> Day? {
            if skip("J") { return number(1...365).map { .ofCommonYear($0) } }
            guard skip("M") else { return number(0...365).map { .ofYear($0) } }
            guard let month = number(1...12), skip("."), let week = number(1...5), skip("."),
                let weekday = number(0...6)
            else { return nil }
            return .weekday(weekday, week: week, month: month)
        }

        private mutating func number(_ range: ClosedRange<Int>) -> Int? {
            let digits = rest.prefix { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
            rest = rest.dropFirst(digits.count)
            guard 1...3 ~= digits.count else { return nil }
            let value = digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
            return range.contains(value) ? value : nil
        }

        private mutating func skip(_ sign: Unicode.Scalar) -> Bool {
            guard rest.first == UInt8(ascii: sign) else { return false }
            rest = rest.dropFirst()
            return true
        }
    }
}
