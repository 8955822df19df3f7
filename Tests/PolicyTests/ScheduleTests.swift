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
    private func changes(_ schedule: Schedule, on date: CivilDate) throws -> [Int] {
        let clock = try Self.berlin()
        let (start, end) = (clock.moment(date), clock.midnight(after: clock.moment(date)))
        let minutes = Int((end - start).seconds) / 60
        return (0..<minutes).filter { minute in
            let now = start + .seconds(60 * minute)
            return schedule.holds(at: now, clock) != schedule.holds(at: now - .seconds(60), clock)
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
    }

    @Test("it lifts above the demand for its time, and not above the maximum")
    func pool() {
        var pool = VirtualPool(replicas: 2) {
            $0.maximum = 6
            $0.schedules = [Schedule(.weekly(days: Weekday.allCases, from: 3600, to: 7200), minimum: 8)]
        }
        pool.running = 10
        // It starts at midnight.
        pool.run(.seconds(3600))
        #expect(pool.size == 2)
        pool.run(.seconds(3600))
        #expect(pool.size == 6)
        pool.run(.seconds(3 * 3600))
        #expect(pool.size == 2)
    }
}
