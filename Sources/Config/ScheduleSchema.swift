import Fleet
import Forecast
import Policy

extension Schedule {
    /// The list `schedules` of a pool's policy.
    static func readAll(_ policy: MappingReader, _ clock: CivilClock) -> [Schedule] {
        ForecastSettings.bounded(policy.mappings("schedules"), at: "schedules", of: policy).compactMap {
            read($0, clock)
        }
    }

    private static func read(_ schedule: MappingReader, _ clock: CivilClock) -> Schedule? {
        let minimum = schedule.required("min", .integer(1...10_000))
        let days = schedule.list("days", .days)
        let (from, to) = (schedule.read("from", .timeOfDay), schedule.read("to", .timeOfDay))
        let (at, until) = (schedule.read("at", .moment(in: clock)), schedule.read("until", .moment(in: clock)))
        schedule.finish()
        let isOnce = schedule.has("at") || schedule.has("until")
        let (start, end) = isOnce ? ("at", "until") : ("from", "to")
        for (key, other) in [(start, end), (end, start)] where !schedule.has(key) {
            schedule.missing(key, "a schedule goes from and to, or at and until; this one has only \(other)")
        }
        for key in ["days", "from", "to"] where isOnce && schedule.has(key) {
            schedule.problem(at: key, "at and until say when this holds, once", "keep either these or days, from, to")
        }
        if let at, let until, at >= until {
            schedule.problem(at: "until", "a schedule ends after its start", "write a later moment")
        }
        guard let minimum else { return nil }
        if let at, let until { return Schedule(.once(from: at, to: until), minimum: minimum) }
        guard let from, let to else { return nil }
        if from == to {
            schedule.problem(at: "to", "it ends when it starts", "write 00:00 and 24:00 for the whole day")
        }
        if from == 86_400 { schedule.problem(at: "from", "a day begins at 00:00", "write from: 00:00") }
        let named = Set((days ?? [Weekday.allCases]).joined())
        let sorted = Weekday.allCases.filter(named.contains)
        return Schedule(.weekly(days: sorted, from: from, to: to), minimum: minimum)
    }
}

extension ValueKind<[Weekday]> {
    /// A weekday or a range of them: `mon`, `monday`, `mon-fri`, `sat-mon`.
    fileprivate static var days: Self {
        let week = Weekday.allCases
        return ValueKind(expected: "a day or days, from mon to sun", example: "mon-fri") { text, _ throws(Misfit) in
            let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { name in
                week.first { "\($0)" == name || "\($0)".prefix(3) == name }
            }
            guard let first = ends.first ?? nil, let last = ends.last ?? nil, ends.count <= 2 else { throw Misfit() }
            let length = (last.rawValue - first.rawValue + 7) % 7
            return (0...length).map { week[(first.rawValue + $0) % 7] }
        }
    }
}

extension ValueKind<Int> {
    /// A time of the day in seconds, 24:00 included.
    fileprivate static var timeOfDay: Self {
        ValueKind(expected: "a time from 00:00 to 24:00", example: "08:00") { text, _ throws(Misfit) in
            guard let second = MomentText.timeOfDay(text) else { throw Misfit() }
            return second
        }
    }
}
