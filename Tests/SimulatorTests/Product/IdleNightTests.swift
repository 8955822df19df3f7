import Fleet
import Policy
import Testing

@testable import Simulator

/// Days with traffic from 08:00 to 20:00 and none at night, for a pool that may go to zero.
struct IdleNightTests {
    private static let days = 4
    /// Keeps three replicas of a capacity of 2 busy.
    private static let work = (0..<5760 * days).map { (1920..<4800).contains($0 % 5760) ? 3.0 * 2 * 15 : 0 }

    private func run(
        _ objective: WaitObjective?, _ faults: [MetricsFault] = []
    ) -> (report: FleetReport, rows: [ObservedPolicy.Row]) {
        var settings = PolicySettings()
        (settings.capacity, settings.maximum, settings.minimum) = (8, 20, 0)
        (settings.scaleToZero, settings.boot.expected, settings.objective) = (.init(), .seconds(180), objective)
        let controller = PoolController(
            pool: PoolID(rawValue: "test"), settings: settings, learning: PoolLearning(settings))
        var scenario = FleetScenario(capacityPerSecond: 2, bootSeconds: 180)
        (scenario.startReplicas, scenario.minimumReplicas) = (1, 0)
        scenario.disturbances.metricsFaults = faults
        let observed = ObservedPolicy(ProductPolicy(controller))
        return (FleetSimulator(work: Self.work, scenario: scenario).run(observed), observed.rows)
    }

    @Test(arguments: [nil, WaitObjective()])
    func `idle nights are spent at zero, and the first request wakes the pool, once a day`(objective: WaitObjective?)
        throws
    {
        let (report, rows) = run(objective)
        let answers = rows.map(\.answer)
        for day in 0..<Self.days {
            let bins = answers[day * 5760..<(day + 1) * 5760]
            let (early, late) = (bins.dropFirst(240).prefix(1440), bins.dropFirst(5040).prefix(720))
            #expect(early.allSatisfy { $0 == 0 } && late.allSatisfy { $0 == 0 }, "from 01:00 to 07:00, and from 21:00")
            #expect(bins.dropFirst(1920).prefix(2880).allSatisfy { $0 >= 1 }, "while there is traffic")
            let woken = zip(bins, bins.dropFirst()).count { $0 == 0 && $1 > 0 }
            let slept = zip(bins, bins.dropFirst()).count { $0 > 0 && $1 == 0 }
            #expect(woken == 1 && slept == (day == 0 ? 2 : 1), "day \(day)")
        }
        let first = try #require(answers[1440...].firstIndex { $0 > 0 })
        #expect(first == 1920, "nobody knows before the first request of the first day")
        #expect(report.backlog == 0 && (report.shareInTime ?? 0) > 0.97)
    }

    @Test(arguments: [MetricsFault.Kind.missing, .stale])
    func `a pool whose metrics are gone does not go to zero, and does once they are back`(kind: MetricsFault.Kind) {
        // From 19:50 to 23:00 of the first day.
        let span = 71_400.0..<82_800
        let (_, rows) = run(WaitObjective(), [MetricsFault(seconds: span, kind: kind)])
        #expect(rows.filter { span.contains($0.view.second) }.allSatisfy { $0.answer >= 1 })
        #expect(rows[5759].answer == 0)
    }
}
