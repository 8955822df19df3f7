import Fleet
import Testing

@Suite struct CivilDateTests {
    @Test(
        "days have numbers, names and weekdays",
        arguments: [
            (1970, 1, 1, 0, "1970-01-01", Weekday.thursday), (1969, 12, 31, -1, "1969-12-31", .wednesday),
            (2000, 2, 29, 11_016, "2000-02-29", .tuesday), (2026, 12, 25, 20_812, "2026-12-25", .friday),
            (2100, 3, 1, 47_541, "2100-03-01", .monday), (1600, 2, 29, -135_081, "1600-02-29", .tuesday),
        ])
    func day(year: Int, month: Int, day: Int, number: Int, text: String, weekday: Weekday) throws {
        let date = try #require(CivilDate(year: year, month: month, day: day))
        #expect(date == CivilDate(daysSince1970: number))
        #expect(date.description == text)
        #expect(date.weekday == weekday)
    }

    @Test(
        "there is no such day",
        arguments: [
            (2026, 2, 29), (2100, 2, 29), (2026, 4, 31), (2026, 13, 1), (2026, 0, 1), (2026, 1, 0), (10_000, 1, 1),
        ])
    func none(year: Int, month: Int, day: Int) { #expect(CivilDate(year: year, month: month, day: day) == nil) }

    @Test("every day of 800 years follows the one before")
    func everyDay() {
        var (expected, weekday) = ((year: 1700, month: 1, day: 1), 4)
        for number in -98_615..<193_579 {
            let date = CivilDate(daysSince1970: number)
            guard date.components == expected, date.weekday.rawValue == weekday,
                CivilDate(year: expected.year, month: expected.month, day: expected.day) == date
            else {
                Issue.record("day \(number) is \(date), not \(expected)")
                return
            }
            let isLeap = expected.year % 4 == 0 && (expected.year % 100 != 0 || expected.year % 400 == 0)
            let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
            expected.day += 1
            if expected.day > lengths[expected.month - 1] { expected = (expected.year, expected.month + 1, 1) }
            if expected.month > 12 { expected = (expected.year + 1, 1, 1) }
            weekday = (weekday + 1) % 7
        }
    }
}
