import Fleet
import Forecast
import Testing

@Suite struct PosixTimeRuleTests {
    @Test(
        "a rule gives the reading of the clock",
        arguments: [
            ("UTC0", "2026-07-01T12:00", "2026-07-01T12:00:00 +00:00"),
            ("<-03>3", "2026-07-01T12:00", "2026-07-01T09:00:00 -03:00"),
            ("<+0545>-5:45", "2026-07-01T12:00", "2026-07-01T17:45:00 +05:45"),
            // Last Sundays of March and October, 01:00 UTC, for ever.
            ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T00:59:59", "2026-03-29T01:59:59 +01:00"),
            ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T01:00", "2026-03-29T03:00:00 +02:00"),
            ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T00:59:59", "2026-10-25T02:59:59 +02:00"),
            ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T01:00", "2026-10-25T02:00:00 +01:00"),
            ("CET-1CEST,M3.5.0,M10.5.0/3", "2090-03-26T01:00", "2090-03-26T03:00:00 +02:00"),
            ("CET-1CEST,M3.5.0,M10.5.0/3", "2100-12-31T23:30", "2101-01-01T00:30:00 +01:00"),
            ("CET-1CEST,M3.5.0,M10.5.0/3", "2500-07-01T00:00", "2500-07-01T02:00:00 +02:00"),
            ("CET-1CEST,M3.5.0,M10.5.0/3", "2400-03-26T00:59:59", "2400-03-26T01:59:59 +01:00"),
            ("CET-1CEST,M3.5.0,M10.5.0/3", "2400-03-26T01:00", "2400-03-26T03:00:00 +02:00"),
            // Second Sunday of March, first of November.
            ("EST5EDT,M3.2.0,M11.1.0", "2026-03-08T07:00", "2026-03-08T03:00:00 -04:00"),
            ("EST5EDT,M3.2.0,M11.1.0", "2026-11-01T06:00", "2026-11-01T01:00:00 -05:00"),
            // Daylight saving time in the south spans the new year.
            ("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "2026-01-01T00:00", "2026-01-01T11:00:00 +11:00"),
            ("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "2026-07-01T00:00", "2026-07-01T10:30:00 +10:30"),
            // Standard time in summer and an hour less in winter.
            ("IST-1GMT0,M10.5.0,M3.5.0/1", "2026-01-01T00:00", "2026-01-01T00:00:00 +00:00"),
            ("IST-1GMT0,M10.5.0,M3.5.0/1", "2026-07-01T00:00", "2026-07-01T01:00:00 +01:00"),
            // Hours before midnight and after the next one.
            ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29T00:59:59", "2026-03-28T22:59:59 -02:00"),
            ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29T01:00", "2026-03-29T00:00:00 -01:00"),
            ("EET-2EEST,M3.4.4/50,M10.4.4/50", "2026-03-28T00:00", "2026-03-28T03:00:00 +03:00"),
            // Day 60 is 1 March of every year by J, 29 February or 1 March without.
            ("AAA0BBB,J60/0,J300/0", "2028-02-29T23:59:59", "2028-02-29T23:59:59 +00:00"),
            ("AAA0BBB,J60/0,J300/0", "2028-03-01T00:00", "2028-03-01T01:00:00 +01:00"),
            ("AAA0BBB,J60/0,J300/0", "2027-03-01T00:00", "2027-03-01T01:00:00 +01:00"),
            ("AAA0BBB,59/0,J300/0", "2028-02-29T00:00", "2028-02-29T01:00:00 +01:00"),
            ("AAA0BBB,59/0,J300/0", "2027-03-01T00:00", "2027-03-01T01:00:00 +01:00"),
            // Daylight saving time all year, as RFC 9636 writes it.
            ("XXX3EDT4,0/0,J365/23", "2026-01-01T02:59:59", "2025-12-31T22:59:59 -04:00"),
            ("XXX3EDT4,0/0,J365/23", "2026-01-01T03:00", "2025-12-31T23:00:00 -04:00"),
            ("XXX3EDT4,0/0,J365/23", "2300-01-01T03:00", "2299-12-31T23:00:00 -04:00"),
        ])
    func reading(rule: String, utc: String, expected: String) throws {
        #expect(try CivilClock(rule: rule).reading(at: utc) == expected)
    }

    @Test(
        "what is no rule is refused",
        arguments: [
            "C1", "<C>1", "<CET-1", "CET25", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M3.5.0,M10.5.0,",
            "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0", "CET-1CEST,J0,J9",
            "CET-1CEST,366,9", "CET-1CEST,M3.5.0/168,M10.5.0", "CET-1:60", "CET-1CEST,M3.5.0/,M10.5.0", "\u{FF}\u{FF}1",
        ])
    func refused(rule: String) {
        #expect(throws: TZifError.malformed("the rule \"\(rule)\"")) { try CivilClock(rule: rule) }
    }

    @Test("without a rule the last change holds for ever; with one it goes on from there")
    func takesOver() throws {
        // An hour ahead from October 2024 on: the rule has it so too, and first acts in March 2025.
        var file = TZifFile(times: [1_711_846_800, 1_729_990_800], kinds: [1, 2], offsets: [0, 7200, 3600])
        let plain = try CivilClock(name: "X", tzif: file.bytes)
        #expect(try plain.reading(at: "2090-07-01T00:00") == "2090-07-01T01:00:00 +01:00")
        file.footer = "CET-1CEST,M3.5.0,M10.5.0/3"
        let clock = try CivilClock(name: "X", tzif: file.bytes)
        #expect(try clock.reading(at: "2023-07-01T00:00") == "2023-07-01T00:00:00 +00:00")
        #expect(try clock.reading(at: "2024-12-01T00:00") == "2024-12-01T01:00:00 +01:00")
        #expect(try clock.reading(at: "2090-07-01T00:00") == "2090-07-01T02:00:00 +02:00")
    }
}
