import Fleet
import FoundationEssentials
import Testing

@Suite struct TimestampTests {
    @Test(
        "is written as RFC 3339 in UTC",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_772_356_500_250, "2026-03-01T09:15:00.250Z"),
            // Before 1970 the day is the one that has begun, and the time of day still counts upwards.
            (-1, "1969-12-31T23:59:59.999Z"),
            (-86_400_000, "1969-12-31T00:00:00.000Z"),
            (-86_400_001, "1969-12-30T23:59:59.999Z"),
            (-2_208_988_800_000, "1900-01-01T00:00:00.000Z"),
            (-62_135_596_800_000, "0001-01-01T00:00:00.000Z"),
            // Leap days: every fourth year, no century, every fourth century.
            (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        ])
    func text(milliseconds: Int64, expected: String) {
        #expect(Timestamp(millisecondsSince1970: milliseconds).description == expected)
    }

    @Test("agrees with a calendar that counts days month by month, from 1600 to 2400")
    func slowCalendar() throws {
        let daysFrom1600To1970 = (1600..<1970).reduce(0) { $0 + (isLeap($1) ? 366 : 365) }
        var day = -daysFrom1600To1970
        for year in 1600...2400 {
            for (index, length) in monthLengths(in: year).enumerated() {
                let month = "\(year)-\(index < 9 ? "0" : "")\(index + 1)"
                // The first disagreement ends the test: there would be thousands.
                try #require(midnight(ofDay: day).description == "\(month)-01T00:00:00.000Z")
                try #require(midnight(ofDay: day + length - 1).description == "\(month)-\(length)T00:00:00.000Z")
                day += length
            }
        }
    }

    @Test(
        "rounds seconds to the nearest millisecond, halves away from zero",
        arguments: [(0, 0), (1.25, 1250), (0.0625, 63), (-0.0625, -63), (0.0004, 0), (-0.0004, 0)] as [(Double, Int64)])
    func rounding(seconds: Double, milliseconds: Int64) {
        #expect(Timestamp(secondsSince1970: seconds).millisecondsSince1970 == milliseconds)
    }

    @Test("reads back as seconds")
    func seconds() {
        #expect(Timestamp(millisecondsSince1970: -1500).secondsSince1970 == -1.5)
    }

    @Test(
        "adds and subtracts spans, cut to whole milliseconds towards zero",
        arguments: [
            (.seconds(15), 15_000),
            (.milliseconds(-1), -1),
            (.microseconds(1999), 1),
            (.microseconds(-1999), -1),
            (.nanoseconds(999_999), 0),
            (.seconds(86_400 * 365), 31_536_000_000),
        ] as [(Duration, Int64)])
    func arithmetic(span: Duration, milliseconds: Int64) {
        let moment = Timestamp(millisecondsSince1970: 1_772_356_500_250)
        #expect(span.wholeMilliseconds == milliseconds)
        #expect((moment + span).millisecondsSince1970 == moment.millisecondsSince1970 + milliseconds)
        #expect((moment - span).millisecondsSince1970 == moment.millisecondsSince1970 - milliseconds)
        #expect((moment + span) - moment == .milliseconds(milliseconds))
        #expect(moment - (moment + span) == .milliseconds(-milliseconds))
    }

    @Test("gives a span in seconds, with its sign and fraction")
    func spanInSeconds() {
        #expect(Duration.milliseconds(1500).seconds == 1.5)
        #expect(Duration.milliseconds(-250).seconds == -0.25)
    }

    @Test("orders moments across 1970")
    func order() {
        let moments = [-86_400_000, -1, 0, 1].map { Timestamp(millisecondsSince1970: $0) }
        #expect(moments.reversed().sorted() == moments)
    }

    @Test("is one whole number in JSON")
    func coding() throws {
        let moments = [Timestamp(millisecondsSince1970: 1_772_356_500_250), Timestamp(millisecondsSince1970: -1)]
        let json = try JSONEncoder().encode(moments)
        #expect(String(decoding: json, as: UTF8.self) == "[1772356500250,-1]")
        #expect(try JSONDecoder().decode([Timestamp].self, from: json) == moments)
    }

    @Test("refuses JSON that is no whole number of milliseconds", arguments: ["[1.5]", "[\"0\"]", "[null]"])
    func malformed(json: String) {
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode([Timestamp].self, from: Data(json.utf8))
        }
    }

    private func midnight(ofDay day: Int) -> Timestamp {
        Timestamp(millisecondsSince1970: Int64(day) * 86_400_000)
    }

    private func monthLengths(in year: Int) -> [Int] {
        [31, isLeap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    }

    private func isLeap(_ year: Int) -> Bool {
        year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400))
    }
}
