import Fleet
import Forecast
import FoundationEssentials
import Testing

@Suite(.enabled(if: SystemZones.available, "needs the time zones of tzdata"))
struct CivilClockTests {
    @Test(
        "known readings",
        arguments: [
            ("UTC", "2026-07-01T12:00", "2026-07-01T12:00:00 +00:00"),
            ("Asia/Kolkata", "2026-07-01T12:00", "2026-07-01T17:30:00 +05:30"),
            // The end of summer time moved from September to October in 1996.
            ("Europe/Berlin", "1995-10-01T00:00", "1995-10-01T01:00:00 +01:00"),
            ("Europe/Berlin", "1996-10-01T00:00", "1996-10-01T02:00:00 +02:00"),
            ("Europe/Berlin", "2026-10-25T01:00", "2026-10-25T02:00:00 +01:00"),
            ("Europe/Berlin", "2090-07-01T00:00", "2090-07-01T02:00:00 +02:00"),
            // The old rule and the one of 2007.
            ("America/New_York", "2006-03-20T12:00", "2006-03-20T07:00:00 -05:00"),
            ("America/New_York", "2007-03-20T12:00", "2007-03-20T08:00:00 -04:00"),
            // Half an hour of daylight saving time.
            ("Australia/Lord_Howe", "2026-01-01T00:00", "2026-01-01T11:00:00 +11:00"),
            ("Australia/Lord_Howe", "2026-07-01T00:00", "2026-07-01T10:30:00 +10:30"),
            // Given up in 2019.
            ("America/Sao_Paulo", "2018-12-01T00:00", "2018-11-30T22:00:00 -02:00"),
            ("America/Sao_Paulo", "2026-12-01T00:00", "2026-11-30T21:00:00 -03:00"),
            // An hour less during Ramadan.
            ("Africa/Casablanca", "2024-03-20T12:00", "2024-03-20T12:00:00 +00:00"),
            ("Africa/Casablanca", "2024-07-01T12:00", "2024-07-01T13:00:00 +01:00"),
            // From one side of the date line to the other.
            ("Pacific/Apia", "2011-12-30T09:59:59", "2011-12-29T23:59:59 -10:00"),
            ("Pacific/Apia", "2011-12-30T10:00", "2011-12-31T00:00:00 +14:00"),
        ])
    func reading(zone: String, utc: String, expected: String) throws {
        #expect(try CivilClock(system: zone).reading(at: utc) == expected)
    }

    @Test(
        "local times have moments, in gaps and overlaps too",
        arguments: [
            ("Europe/Berlin", "2026-12-25T00:00", "2026-12-24T23:00"),
            ("Europe/Berlin", "2026-03-29T01:59:59", "2026-03-29T00:59:59"),
            ("Europe/Berlin", "2026-03-29T02:00", "2026-03-29T01:00"),
            ("Europe/Berlin", "2026-03-29T02:30", "2026-03-29T01:00"),
            ("Europe/Berlin", "2026-03-29T03:00", "2026-03-29T01:00"),
            ("Europe/Berlin", "2026-10-25T01:59:59", "2026-10-24T23:59:59"),
            ("Europe/Berlin", "2026-10-25T02:30", "2026-10-25T00:30"),
            ("Europe/Berlin", "2026-10-25T03:00", "2026-10-25T02:00"),
            ("Europe/Berlin", "2300-07-01T00:00", "2300-06-30T22:00"),
            ("Pacific/Apia", "2011-12-30T12:00", "2011-12-30T10:00"),
            ("Pacific/Apia", "2011-12-31T00:00", "2011-12-30T10:00"),
            ("America/Sao_Paulo", "2018-11-04T00:00", "2018-11-04T03:00"),
        ])
    func fromLocal(zone: String, text: String, expected: String) throws {
        let (date, second) = try localTime(text)
        #expect(try CivilClock(system: zone).moment(date, secondOfDay: second) == utcMoment(expected))
    }

    @Test(
        "days have 23, 24 or 25 hours, and start when their date does",
        arguments: [
            ("Europe/Berlin", "2026-03-29T12:00", "2026-03-28T23:00", 23.0),
            ("Europe/Berlin", "2026-03-30T12:00", "2026-03-29T22:00", 24),
            ("Europe/Berlin", "2026-10-25T12:00", "2026-10-24T22:00", 25),
            ("Australia/Lord_Howe", "2026-04-04T20:00", "2026-04-04T13:00", 24.5),
            // Midnight is skipped: the day starts at one.
            ("America/Sao_Paulo", "2018-11-04T03:00", "2018-11-04T03:00", 23),
            // The next day is skipped.
            ("Pacific/Apia", "2011-12-30T09:00", "2011-12-29T10:00", 24),
            ("Pacific/Apia", "2011-12-30T10:00", "2011-12-30T10:00", 24),
            // At 00:01 clocks go back to 23:01: the day comes, and comes again.
            ("America/St_Johns", "2006-10-28T12:00", "2006-10-28T02:30", 24),
            ("America/St_Johns", "2006-10-29T02:40", "2006-10-28T02:30", 25),
        ])
    func days(zone: String, utc: String, start: String, hours: Double) throws {
        let clock = try CivilClock(system: zone)
        let now = try utcMoment(utc)
        #expect(clock.midnight(notAfter: now) == (try utcMoment(start)))
        #expect(clock.midnight(after: now) - clock.midnight(notAfter: now) == .seconds(hours * 3600))
    }

    @Test("date, weekday and time of day", arguments: [("2026-10-25T00:30", 9000), ("2026-10-25T01:30", 9000)])
    func parts(utc: String, second: Int) throws {
        let clock = try CivilClock(system: "Europe/Berlin")
        let now = try utcMoment(utc)
        #expect(clock.date(at: now) == CivilDate(year: 2026, month: 10, day: 25))
        #expect(clock.weekday(at: now) == .sunday)
        #expect(clock.secondOfDay(at: now) == second)
    }

    static let zones = [
        "UTC", "Europe/Berlin", "America/New_York", "Africa/Casablanca", "Pacific/Apia", "Asia/Gaza", "Europe/Dublin",
    ]

    @Test("its encoded form is short and reads back as the same clock", arguments: zones)
    func encoding(zone: String) throws {
        let clock = try CivilClock(system: zone)
        let bytes = try JSONEncoder().encode(clock)
        #expect(bytes.count < (zone.hasPrefix("A") ? 6000 : 1000))
        #expect(try JSONDecoder().decode(CivilClock.self, from: bytes) == clock)
    }

    @Test("an encoded form that cannot be is an error")
    func wrongEncoding() {
        for changes in ["[1]", "[5,0,5,3600]", "[5,100000]"] {
            let text = "{\"zone\":\"X\",\"first\":0,\"changes\":\(changes)}"
            #expect(throws: DecodingError.self) { try JSONDecoder().decode(CivilClock.self, from: Data(text.utf8)) }
        }
        let text = "{\"zone\":\"X\",\"first\":0,\"rule\":\"CET\"}"
        #expect(throws: TZifError.self) { try JSONDecoder().decode(CivilClock.self, from: Data(text.utf8)) }
    }
}
