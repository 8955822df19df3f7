import Fleet
import Forecast

extension ForecastSettings {
    private static let maximumEntries = 1000

    /// The block `forecast` of a pool.
    static func read(_ forecast: MappingReader, _ zones: ZoneFiles) -> ForecastSettings {
        var settings = ForecastSettings()
        let clock = forecast.read("zone", zones.kind) ?? .utc
        settings.calendar = ForecastCalendar(
            clock: clock, holidays: readHolidays(forecast), events: readEvents(forecast, clock),
            quietUntil: forecast.read("quiet_until", .moment(in: clock)))
        forecast.read("quantile", .number(0.5...0.999, example: "0.9"), into: &settings.quantile)
        if !settings.levels.contains(settings.quantile) {
            settings.levels = (settings.levels + [settings.quantile]).sorted()
        }
        forecast.finish()
        return settings
    }

    private static func readHolidays(_ forecast: MappingReader) -> [ForecastCalendar.Holiday] {
        var holidays: [ForecastCalendar.Holiday] = []
        for reader in bounded(forecast.mappings("holidays", shorthand: "date"), at: "holidays", of: forecast) {
            let date = reader.required("date", .date)
            let like = reader.read("like", .weekday)
            reader.finish()
            guard let date else { continue }
            if holidays.contains(where: { $0.date == date }) {
                reader.problem(at: "date", "\(date) is a holiday already", "keep one of them")
            }
            holidays.append(ForecastCalendar.Holiday(date: date, like: like))
        }
        return holidays
    }

    private static func readEvents(_ forecast: MappingReader, _ clock: CivilClock) -> [ForecastCalendar.Event] {
        var events: [ForecastCalendar.Event] = []
        for reader in bounded(forecast.mappings("events"), at: "events", of: forecast) {
            let from = reader.required("from", .moment(in: clock))
            let to = reader.required("to", .moment(in: clock))
            let multiplier = reader.required("multiplier", .number(0.01...100, example: "2"))
            reader.finish()
            guard let from, let to, let multiplier else { continue }
            if from >= to { reader.problem(at: "to", "an event ends after its start", "write a later moment") }
            let event = ForecastCalendar.Event(from: from, to: to, multiplier: multiplier)
            if events.contains(event) {
                reader.problem(at: "from", "the same event is there already, and would count twice", "keep one of them")
            }
            events.append(event)
        }
        return events
    }

    static func bounded(_ readers: [MappingReader], at key: String, of forecast: MappingReader)
        -> ArraySlice<MappingReader>
    {
        if readers.count > maximumEntries {
            forecast.problem(at: key, "\(readers.count) entries are too many", "at most \(maximumEntries) are read")
        }
        return readers.prefix(maximumEntries)
    }
}

extension ValueKind<CivilDate> {
    fileprivate static var date: Self {
        ValueKind(expected: "a date", example: "2026-12-25") { text, _ throws(Misfit) in
            guard let date = MomentText.date(text) else { throw Misfit() }
            return date
        }
    }
}

extension ValueKind<Timestamp> {
    static func moment(in clock: CivilClock) -> Self {
        let expected = "a date, a local date and time, or one with Z or an offset"
        return ValueKind(expected: expected, example: "2026-12-25T18:00") { text, _ throws(Misfit) in
            guard let moment = MomentText.moment(text, in: clock) else { throw Misfit() }
            return moment
        }
    }
}

extension ValueKind<Weekday> {
    fileprivate static var weekday: Self {
        let names = Weekday.allCases.map { "\($0)" }
        return ValueKind(expected: "one of \(names.joined(separator: ", "))", example: "sunday") {
            text, _ throws(Misfit) in
            guard let weekday = names.firstIndex(of: text).flatMap(Weekday.init) else { throw Misfit() }
            return weekday
        }
    }
}
