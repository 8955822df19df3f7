import Fleet
import Testing

@testable import Simulator

struct DisturbanceTests {
    static func simulator(
        bins: Int, start: Int = 1, boot: Double = 60, _ change: (inout FleetScenario) -> Void
    ) -> FleetSimulator {
        FleetSimulatorTests.simulator([Double](repeating: 30, count: bins), boot: boot, start: start, change)
    }

    @Test func `boot times follow the quantiles`() {
        let policy = RecordingPolicy { _ in 2001 }
        _ = Self.simulator(bins: 60) { $0.disturbances.bootQuantilesSeconds = [60, 120, 600] }.run(policy)
        let times = policy.log.views.flatMap(\.bootedAfterSeconds).sorted()
        #expect(times.count == 2000 && times.allSatisfy { $0 >= 60 && $0 <= 600 })
        // Evenly spaced: half below 120 s, a quarter below 90 s, three quarters below 360 s.
        for (share, seconds) in [(0.25, 90.0), (0.5, 120), (0.75, 360)] {
            let below = Double(times.count { $0 <= seconds }) / 2000
            #expect((below - share).magnitude < 0.04, "\(seconds) s")
        }
        let constant = RecordingPolicy { _ in 5 }
        _ = Self.simulator(bins: 60) { $0.disturbances.bootQuantilesSeconds = [90] }.run(constant)
        #expect(constant.log.views.flatMap(\.bootedAfterSeconds) == [90, 90, 90, 90])
    }

    @Test func `a failed boot costs its time and is ordered anew`() {
        let simulator = Self.simulator(bins: 100) { $0.disturbances.failedBootShare = 0.3 }
        let report = simulator.run(FixedSize(replicas: 401), keepsTimeline: true)
        // Each of 400 orders fails on average 3/7 times before it comes through.
        #expect((Double(report.failedBoots) - 400 * 3 / 7).magnitude < 50)
        #expect(report.timeline.last?.ready == 401)
        #expect(report.timeline.dropFirst().allSatisfy { $0.ready + $0.booting <= 401 })
        // Failed ones are missing for the bin in which they fail, and billed up to then.
        #expect(report.timeline[5].ready + report.timeline[5].booting < 401)
        #expect(report.changes == 1)
    }

    @Test func `a stuck boot costs until somebody gives it up`() {
        let simulator = Self.simulator(bins: 200) { $0.disturbances.stuckBootShare = 0.5 }
        let patient = simulator.run(FixedSize(replicas: 101), keepsTimeline: true)
        let left = patient.timeline.last?.booting ?? 0
        #expect(left > 30 && left < 70)
        #expect(patient.replicaHours == Double(1 + 199 * 101) * 15 / 3600)

        let policy = RecordingPolicy(bootDeadlineSeconds: 120) { _ in 101 }
        let report = simulator.run(policy, keepsTimeline: true)
        #expect(report.timeline.last?.ready == 101 && report.abandonedBoots >= left)
        let oldest = policy.log.views.compactMap { view in view.bootingSinceSeconds.first.map { view.second - $0 } }
            .max()
        #expect(oldest == 120)
    }

    @Test func `orders are refused while the provider has nothing, and only then`() {
        let simulator = Self.simulator(bins: 40, boot: 15) {
            $0.disturbances.capacityGaps = [CapacityGap(seconds: 150..<300)]
        }
        let policy = RecordingPolicy { $0.second < 120 ? 1 : $0.second < 200 ? 3 : 8 }
        let report = simulator.run(policy, keepsTimeline: true)
        let total = report.timeline.map { $0.ready + $0.booting }
        // Asked for at 120 s, before the gap; at 210 s, inside; served at 300 s, its end.
        #expect(
            total == [Int](repeating: 1, count: 8) + [Int](repeating: 3, count: 12) + [Int](repeating: 8, count: 20))
        #expect(policy.log.views.map(\.refused).max() == 5)
        #expect(policy.log.views.filter { $0.refused > 0 }.map(\.second) == [225, 240, 255, 270, 285, 300])
        #expect(report.refusedOrders == 6 * 5 && report.scaleUps == 2)
    }

    @Test func `a gap in one market leaves the other alone`() {
        let simulator = Self.simulator(bins: 40, boot: 15) {
            $0.disturbances.spot = SpotMarket(onDemandBase: 3, interruptionsPerHour: 0)
            $0.disturbances.capacityGaps = [CapacityGap(seconds: 0..<300, market: .spot)]
        }
        let total = simulator.run(FixedSize(replicas: 6), keepsTimeline: true).timeline.map { $0.ready + $0.booting }
        #expect(total.prefix(20).dropFirst().allSatisfy { $0 == 3 } && total.last == 6)
    }

    @Test func `a drained replica costs longer, but not beyond the end`() {
        func hours(_ drain: Double, _ counts: [Int]) -> Double {
            (Self.simulator(bins: 100, start: 4) { $0.disturbances.drainSeconds = drain }
                .run(PlannedCounts(counts: counts)).replicaHours * 3600).rounded()
        }
        #expect(hours(90, [4, 1]) - hours(0, [4, 1]) == 3 * 90)
        // Booting ones have nothing to drain.
        #expect(hours(90, [9, 4]) == hours(0, [9, 4]))
        let late = [Int](repeating: 4, count: 98) + [1]
        #expect(hours(90, late) - hours(0, late) == 3 * 15)
    }

    @Test func `spot replicas are taken back at their rate, booting or ready, on-demand ones never`() {
        let simulator = Self.simulator(bins: 20_000, start: 40) {
            $0.disturbances.spot = SpotMarket(onDemandBase: 10, interruptionsPerHour: 0.5)
        }
        let report = simulator.run(FixedSize(replicas: 40), keepsTimeline: true)
        let expected = report.spotReplicaHours * 0.5
        #expect((Double(report.interruptions) - expected).magnitude < 5 * expected.squareRoot())
        #expect(report.timeline.allSatisfy { $0.ready >= 10 && $0.ready + $0.booting <= 40 })
        #expect(report.timeline.contains { $0.ready + $0.booting < 40 })
        #expect((report.replicaHours - report.spotReplicaHours - 10 * 20_000 * 15 / 3600.0).magnitude < 1e-6)
        #expect(report.changes == 0)

        let slow = Self.simulator(bins: 2000, boot: 7200) {
            $0.disturbances.spot = SpotMarket(onDemandBase: 1, interruptionsPerHour: 20)
        }.run(FixedSize(replicas: 9), keepsTimeline: true)
        #expect(slow.interruptions > 500 && slow.timeline.allSatisfy { $0.ready == 1 })
    }

    @Test(
        arguments: [
            (MetricsFault.Kind.missing, [nil, nil, nil], [nil, nil, nil]),
            (.stale, [30, 30, 30], [15, 30, 45]),
            (.scaled(0), [0, 0, 0], [0, 0, 0]), (.scaled(2), [90, 100, 110], [0, 0, 0]),
        ] as [(MetricsFault.Kind, [Double?], [Double?])])
    func `metrics lie in their span`(kind: MetricsFault.Kind, arrivals: [Double?], ages: [Double?]) {
        let simulator = FleetSimulatorTests.simulator([20, 25, 30, 45, 50, 55, 60, 65]) {
            $0.disturbances.metricsFaults = [MetricsFault(seconds: 60..<100, kind: kind)]
        }
        let policy = RecordingPolicy { _ in 1 }
        _ = simulator.run(policy)
        let seen = policy.log.views.map { $0.load?.arrivals }
        #expect(seen == [20, 25, 30] + arrivals + [60, 65])
        #expect(policy.log.views[3..<6].map { $0.load?.ageSeconds } == ages)
        #expect(policy.log.views[6...].allSatisfy { $0.load?.ageSeconds == 0 })
    }

    @Test func `stale from the first bin on is missing`() {
        let policy = RecordingPolicy { _ in 1 }
        _ = Self.simulator(bins: 4) {
            $0.disturbances.metricsFaults = [MetricsFault(seconds: 0..<40, kind: .stale)]
        }.run(policy)
        #expect(policy.log.views.map { $0.load == nil } == [true, true, false, false])
    }
}
