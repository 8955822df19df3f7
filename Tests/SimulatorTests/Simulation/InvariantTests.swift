import Fleet
import Testing

@testable import Simulator

/// What holds for every policy in every scenario, on made-up ones with all disturbances at once.
struct InvariantTests {
    static func scenario(_ seed: Int) -> (work: [Double], scenario: FleetScenario) {
        var generator = SplitMix64(seed: UInt64(seed))
        let day = TrafficDay(
            peakRequestsPerSecond: 0.1 + 8 * generator.uniform(), seed: UInt64(seed), burstsPerDay: 40)
        let first = Int64(generator.next() % 5000)
        let work = (first..<first + 500).map { Double(day.count(inBin: $0)) }
        var scenario = FleetScenario(
            fittedTo: work, meanReplicas: 1 + 15 * generator.uniform(), bootSeconds: 600 * generator.uniform())
        scenario.seed = UInt64(seed)
        scenario.minimumReplicas = Int(generator.next() % 3)
        scenario.maximumReplicas = 3 + Int(generator.next() % 50)
        scenario.usdPerReplicaHour = 3
        var disturbances = Disturbances()
        disturbances.bootQuantilesSeconds = [scenario.bootSeconds, 2 * scenario.bootSeconds]
        disturbances.failedBootShare = 0.2 * generator.uniform()
        disturbances.stuckBootShare = 0.1 * generator.uniform()
        disturbances.capacityGaps = [
            CapacityGap(seconds: 1000..<2000), CapacityGap(seconds: 4000..<5000, market: .spot),
        ]
        disturbances.drainSeconds = 100 * generator.uniform()
        disturbances.spot = SpotMarket(onDemandBase: 2, interruptionsPerHour: 1, usdPerReplicaHour: 1)
        disturbances.metricsFaults = [
            MetricsFault(seconds: 500..<800, kind: .missing), MetricsFault(seconds: 2500..<2900, kind: .stale),
            MetricsFault(seconds: 6000..<6100, kind: .scaled(0)),
        ]
        scenario.disturbances = disturbances
        return (work, scenario)
    }

    @Test(arguments: 0..<12)
    func `work is conserved, bounds hold, nothing is free`(seed: Int) throws {
        let (work, scenario) = Self.scenario(seed)
        let simulator = FleetSimulator(work: work, scenario: scenario)
        for candidate in PolicyCandidate.references {
            let report = simulator.run(candidate.make(candidate.standard, simulator), keepsTimeline: true)
            let total = work.reduce(0, +)
            #expect(report.arrivals == total && (report.served + report.backlog - total).magnitude < 1e-6 * total)
            #expect(report.timeline.allSatisfy { $0.backlog >= 0 && $0.ready >= 0 && $0.booting >= 0 })
            #expect(
                report.timeline.allSatisfy {
                    (scenario.minimumReplicas...scenario.maximumReplicas).contains($0.desired)
                })
            // Whatever the bounds say later, the trace begins with what was there.
            #expect(report.timeline.dropFirst().allSatisfy { $0.ready + $0.booting <= scenario.maximumReplicas })
            let billed = report.timeline.reduce(0) { $0 + $1.ready + $1.booting }
            let hours = Double(billed) * 15 / 3600
            #expect(report.replicaHours >= hours - 1e-9, "\(candidate.name)")
            #expect(report.spotReplicaHours >= 0 && report.spotReplicaHours <= report.replicaHours)
            let usd = try #require(report.usd)
            #expect(usd >= report.replicaHours - 1e-9 && usd <= 3 * report.replicaHours + 1e-9)
            let share = try #require(report.shareInTime)
            let (mean, p99) = (try #require(report.meanWaitSeconds), try #require(report.p99WaitSeconds))
            #expect(share >= 0 && share <= 1 && mean >= 0 && mean <= report.worstWaitSeconds)
            #expect(p99 >= 0 && p99 <= report.worstWaitSeconds + 0.001)
            #expect(share < 0.99 || p99 <= scenario.waitObjectiveSeconds + 0.001, "\(candidate.name)")
            #expect(report.flaps < max(1, report.changes))
        }
    }

    @Test(arguments: 0..<6)
    func `the same seed gives the same, another one something else`(seed: Int) {
        let (work, scenario) = Self.scenario(seed)
        let rows = FleetSimulator(work: work, scenario: scenario).sweep()
        #expect(rows == FleetSimulator(work: work, scenario: scenario).sweep())
        var other = scenario
        other.seed += 1
        #expect(rows != FleetSimulator(work: work, scenario: other).sweep())
    }

    @Test(arguments: 0..<6)
    func `no decision knows the future`(seed: Int) {
        let (work, scenario) = Self.scenario(seed)
        let cut = 300
        let changed = Array(work.prefix(cut)) + work.dropFirst(cut).map { 1000 - min($0, 1000) }
        // Only the policies that others publish: a fixed size is chosen with the trace in hand.
        for candidate in PolicyCandidate.references where candidate.name != "fixed" {
            let timelines = [work, changed].map { work in
                let simulator = FleetSimulator(work: work, scenario: scenario)
                return simulator.run(candidate.make(candidate.standard, simulator), keepsTimeline: true).timeline
            }
            #expect(timelines[0].prefix(cut) == timelines[1].prefix(cut), "\(candidate.name)")
            #expect(timelines[0] != timelines[1])
        }
    }

    @Test(arguments: 0..<6)
    func `no policy without waiting is cheaper than hindsight`(seed: Int) {
        var (work, scenario) = Self.scenario(seed)
        scenario.disturbances = Disturbances()
        scenario.maximumReplicas = 1000
        let rows = FleetSimulator(work: work, scenario: scenario).sweep(tunes: true)
        for row in rows where row.report.worstWaitSeconds == 0 {
            #expect(row.report.replicaHours >= rows[0].report.replicaHours - 1e-9, "\(row.policy) \(row.setting ?? 0)")
        }
    }
}
