import Fleet
import Testing

@testable import Simulator

struct FleetSimulatorTests {
    static func simulator(
        _ work: [Double], boot: Double = 30, start: Int = 1, _ change: (inout FleetScenario) -> Void = { _ in }
    ) -> FleetSimulator {
        // A replica serves 15 a bin.
        var scenario = FleetScenario(capacityPerSecond: 1, bootSeconds: boot)
        scenario.startReplicas = start
        change(&scenario)
        return FleetSimulator(work: work, scenario: scenario)
    }

    @Test func `a small case by hand`() throws {
        // One replica, two from the end of the second bin on, ready 30 s later.
        let report = Self.simulator([15, 45, 15, 15, 15, 0]).run(
            PlannedCounts(counts: [1, 2, 2, 2, 1, 1]), keepsTimeline: true)
        #expect(report.timeline.map(\.backlog) == [0, 30, 30, 30, 15, 0])
        #expect(report.timeline.map(\.ready) == [1, 1, 1, 1, 2, 1])
        #expect(report.timeline.map(\.booting) == [0, 0, 1, 1, 0, 0])
        #expect(report.timeline.map(\.second) == [0, 15, 30, 45, 60, 75])
        #expect(report.timeline.map(\.desired) == [1, 2, 2, 2, 1, 1])
        #expect(report.replicaHours == 9 * 15 / 3600.0)
        #expect((report.scaleUps, report.scaleDowns, report.flaps) == (1, 1, 1))
        // Waits: 0 for 15; 0 to 30 s for 45, a third of it in time; 30 s for 15 and 15; 15 to 7.5 s for 15.
        #expect(report.shareInTime == 35.0 / 105)
        #expect(report.meanWaitSeconds == 1743.75 / 105)
        #expect(report.worstWaitSeconds == 30)
        #expect(report.p99WaitSeconds == 30)
        #expect(report.usd == nil)
        let row = try #require(report.timeline.dropFirst().first)
        #expect(row.csv == "15.0,45.0,30.0,1,0,2")
    }

    @Test func `while nothing serves, work waits for the next replica`() {
        let report = Self.simulator([15, 15, 15, 0], start: 0) { $0.minimumReplicas = 0 }
            .run(PlannedCounts(counts: [1]))
        // Ordered at 15 s, ready at 45 s, behind up to 45 of work.
        #expect(report.worstWaitSeconds == 60)
        #expect(report.shareInTime == 0 && report.backlog == 30)
    }

    @Test func `a reversal within ten minutes is a flap, a later one is not`() {
        func flaps(_ counts: [Int]) -> Int {
            Self.simulator([Double](repeating: 1, count: counts.count)).run(PlannedCounts(counts: counts)).flaps
        }
        #expect(flaps([1, 2, 1, 2, 3, 3, 2]) == 3)
        #expect(flaps([2] + [Int](repeating: 2, count: 39) + [1]) == 1)
        #expect(flaps([2] + [Int](repeating: 2, count: 40) + [1]) == 0)
        #expect(flaps([2, 3, 4, 5]) == 0)
    }

    @Test func `bounds hold whatever the policy says`() {
        let simulator = Self.simulator([Double](repeating: 5, count: 20)) {
            $0.minimumReplicas = 2
            $0.maximumReplicas = 4
        }
        let report = simulator.run(PlannedCounts(counts: [0, 9, -3, 1000]), keepsTimeline: true)
        #expect(report.timeline.prefix(4).map(\.desired) == [2, 4, 2, 4])
        #expect(report.timeline.allSatisfy { $0.ready + $0.booting <= 4 })
    }

    @Test func `dollars are hours times prices, and unknown without one`() {
        let work = [Double](repeating: 5, count: 240)
        func usd(_ change: (inout FleetScenario) -> Void) -> Double? {
            Self.simulator(work, start: 3, change).run(FixedSize(replicas: 3)).usd
        }
        #expect(usd { $0.usdPerReplicaHour = 2 } == 6)
        #expect(usd { _ in } == nil)
        let spot = SpotMarket(onDemandBase: 1, interruptionsPerHour: 0, usdPerReplicaHour: 0.5)
        #expect(
            usd {
                $0.usdPerReplicaHour = 2
                $0.disturbances.spot = spot
            } == 3)
        #expect(
            usd {
                $0.usdPerReplicaHour = 2
                $0.disturbances.spot = SpotMarket(onDemandBase: 1, interruptionsPerHour: 0)
            } == nil)
    }

    @Test func `no work is no share, not a bad one`() {
        let report = Self.simulator([0, 0]).run(FixedSize(replicas: 1))
        #expect(report.shareInTime == nil && report.meanWaitSeconds == nil && report.p99WaitSeconds == nil)
        #expect(Self.simulator([]).run(FixedSize(replicas: 1)).replicaHours == 0)
    }

    @Test func `quantiles of the wait agree with counting`() throws {
        var generator = SplitMix64(seed: 4)
        for _ in 0..<20 {
            var ledger = WaitLedger(objective: 10)
            var samples: [Double] = []
            for _ in 0..<50 {
                let (first, last) = (generator.uniform() * 40 - 20, generator.uniform() * 60 - 20)
                let work = 1 + Int(generator.next() % 3)
                ledger.add(Double(work), from: max(0, first), to: max(0, last))
                for step in 0..<(work * 100) {
                    samples.append(
                        max(0, first) + (max(0, last) - max(0, first)) * (Double(step) + 0.5) / Double(work * 100))
                }
            }
            samples.sort()
            for q in [0.01, 0.3, 0.5, 0.9, 0.99, 1] {
                let counted = samples[min(samples.count - 1, Int(q * Double(samples.count)))]
                #expect((try #require(ledger.quantile(q)) - counted).magnitude < 0.6)
            }
        }
    }
}
