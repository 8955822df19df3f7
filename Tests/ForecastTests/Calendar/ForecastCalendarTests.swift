import Fleet
import Forecast
import FoundationEssentials
import Testing

@Suite struct ForecastCalendarTests {
    /// An hour ahead of UTC.
    static let clock = CivilClock(name: "+01:00", offset: 3600)

    static func date(_ text: String) throws -> CivilDate { try localTime(text).date }

    static func calendar() throws -> ForecastCalendar {
        ForecastCalendar(
            clock: clock,
            holidays: [
                .init(date: try date("2026-12-26"), like: .sunday), .init(date: try date("2026-12-25")),
                .init(date: try date("2026-12-25"), like: .monday),
            ],
            events: [
                .init(from: try utcMoment("2026-06-01T10:00"), to: try utcMoment("2026-06-01T14:00"), multiplier: 3),
                .init(from: try utcMoment("2026-06-01T12:00"), to: try utcMoment("2026-06-01T16:00"), multiplier: 0.5),
                .init(from: try utcMoment("2026-06-02T10:00"), to: try utcMoment("2026-06-02T10:00"), multiplier: 9),
                .init(from: try utcMoment("2026-06-02T10:00"), to: try utcMoment("2026-06-02T11:00"), multiplier: 0),
            ],
            quietUntil: try utcMoment("2026-01-05T00:00"))
    }

    @Test(
        "what may be used and what is learned",
        arguments: [
            ("2026-01-04T23:59:59", SeasonUse.none, true), ("2026-01-05T00:00", .usual, true),
            ("2026-12-24T22:59:59", .usual, true), ("2026-12-24T23:00", .none, false),
            ("2026-12-25T22:59:59", .none, false), ("2026-12-25T23:00", .like(.sunday), false),
            ("2026-12-26T22:59:59", .like(.sunday), false), ("2026-12-26T23:00", .usual, true),
        ])
    func season(utc: String, use: SeasonUse, teaches: Bool) throws {
        let calendar = try Self.calendar()
        #expect(try calendar.season(at: utcMoment(utc)) == use)
        #expect(try calendar.teaches(at: utcMoment(utc)) == teaches)
    }

    @Test(
        "where in the week a moment is",
        arguments: [
            // A Thursday; a Friday that is like nothing; a Saturday that is like a Sunday.
            ("2026-12-24T00:00", 3600, 3), ("2026-12-25T12:00", 46_800, 4), ("2026-12-26T12:00", 46_800, 6),
            ("2026-12-27T23:00", 0, 0),
        ])
    func phase(utc: String, second: Int, weekday: Int) throws {
        let phase = try Self.calendar().phase(at: utcMoment(utc))
        #expect(phase.secondOfDay == second)
        #expect(phase.secondOfWeek == weekday * 86_400 + second)
    }

    @Test(
        "events multiply while they overlap",
        arguments: [
            ("2026-06-01T09:59:59", 1.0), ("2026-06-01T10:00", 3), ("2026-06-01T12:00", 1.5),
            ("2026-06-01T13:59:59", 1.5), ("2026-06-01T14:00", 0.5), ("2026-06-01T16:00", 1), ("2026-06-02T10:30", 1),
        ])
    func multiplier(utc: String, expected: Double) throws {
        #expect(try Self.calendar().multiplier(at: utcMoment(utc)) == expected)
    }

    @Test(
        "the largest multiplier of a span counts its end and not its start",
        arguments: [
            ("2026-06-01T09:00", "2026-06-01T09:59:59", 1.0), ("2026-06-01T09:00", "2026-06-01T10:00", 3),
            ("2026-06-01T09:00", "2026-06-01T20:00", 3), ("2026-06-01T12:00", "2026-06-01T13:00", 1.5),
            ("2026-06-01T12:30", "2026-06-01T20:00", 1.5), ("2026-06-01T14:30", "2026-06-01T15:59:59", 0.5),
            ("2026-06-01T14:30", "2026-06-01T16:00", 1), ("2026-06-01T14:30", "2026-06-01T14:30", 0.5),
            ("2026-06-01T13:59:59", "2026-06-01T14:00", 1.5), ("2026-06-01T20:00", "2026-06-02T20:00", 1),
        ])
    func largest(start: String, end: String, expected: Double) throws {
        #expect(try Self.calendar().largestMultiplier(after: utcMoment(start), through: utcMoment(end)) == expected)
    }

    @Test("many events together stay within bounds")
    func bounds() throws {
        let (from, to) = (try utcMoment("2026-06-01"), try utcMoment("2026-06-02"))
        for (multiplier, expected) in [(1e300, 1000.0), (1e-300, 0.001)] {
            let event = ForecastCalendar.Event(from: from, to: to, multiplier: multiplier)
            #expect(ForecastCalendar(events: [event, event]).multiplier(at: from) == expected)
        }
    }

    @Test("without exceptions every day is usual")
    func plain() throws {
        let calendar = ForecastCalendar()
        let now = try utcMoment("2026-12-25T01:00")
        #expect(calendar.season(at: now) == .usual)
        #expect(calendar.teaches(at: now))
        #expect(calendar.multiplier(at: now) == 1)
        #expect(calendar.largestMultiplier(after: now, through: now + .seconds(3600)) == 1)
        #expect(calendar.phase(at: now) == (3600, 4 * 86_400 + 3600))
    }

    @Test("it is stored and read back, and settings without one have the default")
    func encoding() throws {
        var settings = ForecastSettings()
        settings.calendar = try Self.calendar()
        settings.quantile = 0.99
        let bytes = try JSONEncoder().encode(settings)
        #expect(try JSONDecoder().decode(ForecastSettings.self, from: bytes) == settings)
        #expect(try JSONDecoder().decode(ForecastSettings.self, from: Data("{}".utf8)) == ForecastSettings())
    }
}
