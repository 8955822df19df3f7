import Fleet
import Policy
import Testing

@testable import Config

@Suite struct ScheduleConfigTests {
    static let block = """
        max: 12
        forecast: {zone: Europe/Berlin}
        policy:
          schedules:
            - {days: [mon-fri], from: "08:00", to: "20:00", min: 4}
            - {days: [sat, sunday], from: 22:00, to: 06:30, min: 2}
            - {days: [sat-mon], from: 00:00, to: 24:00, min: 1}
            - {at: 2026-11-27T08:00, until: 2026-11-28T00:00Z, min: 10}
            - {from: 12:00, to: 13:00, min: 3}
        """

    @Test("every form is read, and reads back")
    func forms() throws {
        let config = try parse(pool(Self.block))
        let schedules = try #require(config.pools.first).settings.schedules
        let work: [Weekday] = [.monday, .tuesday, .wednesday, .thursday, .friday]
        let at = Timestamp(millisecondsSince1970: 1_795_762_800_000)
        #expect(
            schedules == [
                Schedule(.weekly(days: work, from: 28_800, to: 72_000), minimum: 4),
                Schedule(.weekly(days: [.saturday, .sunday], from: 79_200, to: 23_400), minimum: 2),
                Schedule(.weekly(days: [.monday, .saturday, .sunday], from: 0, to: 86_400), minimum: 1),
                Schedule(.once(from: at, to: at + .seconds(17 * 3600)), minimum: 10),
                Schedule(.weekly(days: Weekday.allCases, from: 43_200, to: 46_800), minimum: 3),
            ])
        #expect(try parse(config.describe(), file: "/x.yaml").pools == config.pools)
    }

    @Test(
        "one wrong thing, one message",
        arguments: [
            ("{from: 08:00, to: 09:00}", "min: this key is missing; write for example min: 1"),
            ("{from: 08:00, to: 08:00, min: 1}", "to: it ends when it starts; write 00:00 and 24:00 for the whole day"),
            ("{from: 24:00, to: 08:00, min: 1}", "from: a day begins at 00:00; write from: 00:00"),
            (
                "{from: 8:00, to: 09:00, min: 1}",
                "from: expected a time from 00:00 to 24:00, found \"8:00\"; write for example 08:00"
            ),
            (
                "{from: 08:00, min: 1}",
                "to: this key is missing; a schedule goes from and to, or at and until; this one has only from"
            ),
            (
                "{days: [mon-], from: 08:00, to: 09:00, min: 1}",
                "days[0]: expected a day or days, from mon to sun, found \"mon-\"; write for example mon-fri"
            ),
            (
                "{at: 2026-11-27, until: 2026-11-26, min: 1}",
                "until: a schedule ends after its start; write a later moment"
            ),
            (
                "{at: 2026-11-27, until: 2026-11-28, days: [mon], min: 1}",
                "days: at and until say when this holds, once; keep either these or days, from, to"
            ),
        ])
    func wrong(schedule: String, message: String) {
        let found = problems(pool("max: 2\npolicy: {schedules: [\(schedule)]}"))
        #expect(found.count == 1 && found[0].hasSuffix(": pools[0].policy.schedules[0].\(message)"), "\(found)")
    }

    @Test("a schedule above max is a mistake")
    func aboveMaximum() {
        let found = problems(pool("max: 2\npolicy: {schedules: [{from: 08:00, to: 09:00, min: 3}]}"))
        #expect(found == ["scale-agent.yaml:3:10: pools[0].max: 2 is less than the min of a schedule, 3; raise max"])
    }
}
