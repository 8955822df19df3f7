import Fleet
import Forecast
import Testing

@testable import Policy

@Suite struct ScheduleTests {
    /// Two blocks without changes of their own, and the rule of Berlin.
    static func berlin() throws -> CivilClock {
        let counts: [UInt8] = [0, 0, 0, 0, 1, 4].flatMap { [0, 0, 0, $0] }
        let block =
            Array("TZif2".utf8) + [UInt8](repeating: 0, count: 15) + counts + [0, 0, 0, 0, 0, 0] + Array("LMT\0".utf8)
        let bytes = block + block + Array("\nCET-1CEST,M3.5.0,M10.5.0/3\n".utf8)
        return try CivilClock(name: "Europe/Berlin", tzif: bytes)
    }

    /// Minutes of a local day at which the schedule begins or ceases to hold, counted from that day's midnight.
    private func changes(_ schedule: Schedule, on date: CivilDate, lead: Duration = .zero) throws -> [Int] {
        let clock = try Self.berlin()
        let (start, end) = (clock.moment(date), clock.midnight(after: clock.moment(date)))
        let minutes = Int((end - start).seconds) / 60
        return (0..<minutes).filter { minute in
            let now = start + .seconds(60 * minute)
            return schedule.holds(at: now, lead: lead, clock)
                != schedule.holds(at: now - .seconds(60), lead: lead, clock)
        }
    }

    private func daily(_ from: Double, _ to: Double, _ days: [Weekday] = Weekday.allCases) -> Schedule {
        Schedule(.weekly(days: days, from: Int(from * 3600), to: Int(to * 3600)), minimum: 4)
    }

    @Test(
        "from and to by the clock on the wall, also on days of 23 and 25 hours",
        arguments: [
            ("an ordinary day", 6, 10, 8.0, 20.0, [480, 1200]), ("to midnight", 6, 10, 8, 24, [0, 480]),
            ("23 hours", 3, 29, 8, 20, [420, 1140]), ("25 hours", 10, 25, 8, 20, [540, 1260]),
            ("from a time that is skipped", 3, 29, 2.5, 4, [120, 180]),
            ("to a time that is skipped", 3, 29, 1, 2.5, [60, 120]),
            ("all of it skipped", 3, 29, 2.25, 2.75, []),
            ("from a time that comes twice", 10, 25, 2.5, 4, [150, 300]),
            ("to a time that comes twice", 10, 25, 1, 2.5, [60, 150]),
            ("across midnight", 6, 10, 22, 6, [360, 1320]), ("across midnight, 23 hours", 3, 29, 22, 6, [300, 1260]),
            ("across midnight, 25 hours", 10, 25, 22, 6, [420, 1380]), ("the whole day", 10, 25, 0, 24, []),
        ] as [(String, Int, Int, Double, Double, [Int])])
    func times(name: String, month: Int, day: Int, from: Double, to: Double, expected: [Int]) throws {
        let date = try #require(CivilDate(year: 2026, month: month, day: day))
        #expect(try changes(daily(from, to), on: date) == expected)
    }

    @Test("the days are those on which it starts")
    func days() throws {
        // A Saturday.
        let date = try #require(CivilDate(year: 2026, month: 6, day: 13))
        #expect(try changes(daily(22, 6, [.friday]), on: date) == [360])
        #expect(try changes(daily(22, 6, [.saturday]), on: date) == [1320])
        #expect(try changes(daily(8, 20, [.friday, .sunday]), on: date) == [])
    }

    @Test(
        "with a lead it begins that much earlier, by elapsed time, and ends as it did",
        arguments: [
            ("an ordinary day", 6, 10, 8.0, 20.0, 0.5, [450, 1200]),
            ("over midnight to the day before", 6, 10, 0.25, 6, 0.5, [360, 1425]),
            ("23 hours", 3, 29, 8, 20, 6.5, [30, 1140]), ("25 hours", 10, 25, 8, 20, 6.5, [150, 1260]),
            ("from a time that is skipped", 3, 29, 2.5, 4, 0.5, [90, 180]),
            ("all of it skipped", 3, 29, 2.25, 2.75, 0.5, []), ("the whole day", 10, 25, 0, 24, 1, []),
            ("longer than what is between two", 6, 10, 8, 20, 13, []),
        ] as [(String, Int, Int, Double, Double, Double, [Int])])
    func lead(name: String, month: Int, day: Int, from: Double, to: Double, lead: Double, expected: [Int]) throws {
        let date = try #require(CivilDate(year: 2026, month: month, day: day))
        #expect(try changes(daily(from, to), on: date, lead: .seconds(lead * 3600)) == expected)
        // Of two days later only the start is near enough.
        let clock = try Self.berlin()
        let once = clock.moment(CivilDate(daysSince1970: date.daysSince1970 + 2))
        let span = Schedule(.once(from: once, to: once + .seconds(60)), minimum: 1)
        #expect(
            try changes(span, on: date, lead: .seconds(30 * 3600))
                == [Int((once - clock.moment(date)).seconds) / 60 - 30 * 60])
    }

    @Test("one that holds once, and of several the largest")
    func overlap() throws {
        var tick = context(requests: 8, serving: 2)
        let now = tick.now
        #expect(ScheduleFloor().propose(tick, target: 1) == nil)
        tick.settings.schedules = [
            daily(0, 24), Schedule(.once(from: now, to: now + .seconds(60)), minimum: 10),
            Schedule(.once(from: now - .seconds(60), to: now), minimum: 20),
        ]
        #expect(ScheduleFloor().propose(tick, target: 1) == Proposal(10, .schedule(minimum: 10)))
        tick.now = now + .seconds(60)
        #expect(ScheduleFloor().propose(tick, target: 1)?.target == 4)
        tick.settings.schedules = [Schedule(.once(from: now, to: now + .seconds(60)), minimum: 10)]
        tick.now = now - .seconds(435)
        #expect(ScheduleFloor().propose(tick, target: 1)?.target == 10)
        tick.now = now - .seconds(450)
        #expect(ScheduleFloor().propose(tick, target: 1) == nil)
        // Once enough boots have been measured, their 90th percentile counts.
        for boot in 0..<10 { tick.memory.boots.record(.seconds(500 + boot * 10)) }
        tick.now = now - .seconds(595)
        #expect(ScheduleFloor().propose(tick, target: 1)?.target == 10)
        tick.now = now - .seconds(596)
        #expect(ScheduleFloor().propose(tick, target: 1) == nil)
    }

    @Test("it lifts above the demand for its time, not above the maximum, and its replicas are ready when it begins")
    func pool() {
        var pool = VirtualPool(replicas: 2, boot: .seconds(420)) {
            $0.maximum = 6
            $0.schedules = [Schedule(.weekly(days: Weekday.allCases, from: 3600, to: 7200), minimum: 8)]
        }
        pool.running = 10
        let start = pool.now
        // It starts at midnight.
        pool.run(.seconds(3600))
        #expect(pool.actions(since: start).map(\.seconds) == [3600 - 435])
        #expect(pool.ready == 6)
        pool.run(.seconds(3600))
        #expect(pool.size == 6)
        pool.run(.seconds(3 * 3600))
        #expect(pool.size == 2)
    }
}
