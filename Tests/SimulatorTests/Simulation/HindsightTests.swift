import Testing

@testable import Simulator

struct HindsightTests {
    /// The cheapest schedule the slow way: over all counts at every bin, with boots that last whole bins.
    ///
    /// One replica's on and off spans are free of the others', so the cost of a layer is a shortest path over its bins:
    /// on costs a bin, and going on again costs a boot before it.
    static func slowHours(_ need: [Int], bootBins: Int, minimum: Int) -> Int {
        (0..<(need.max() ?? 0)).reduce(0) { total, layer in
            // The cheapest cost up to here when off, when booting for k bins, and when on.
            let isAlwaysThere = layer < minimum
            var off: Int? = 0
            var booting = [Int?](repeating: nil, count: bootBins)
            var on: Int? = 0
            if !isAlwaysThere && (need.first ?? 0) <= layer { on = nil }
            // A replica that is needed before a boot could end begins as far booted as it must be.
            if !isAlwaysThere, let first = need.firstIndex(where: { $0 > layer }), first > 0, first < bootBins {
                booting[bootBins - first] = 0
            }
            for count in need {
                let isNeeded = count > layer
                let nextOn = [on, booting.last ?? nil, bootBins == 0 ? off : nil].compactMap { $0 }.min().map { $0 + 1 }
                var nextBooting = booting
                for index in booting.indices.reversed() {
                    let from = index == 0 ? off : booting[index - 1]
                    nextBooting[index] = from.map { $0 + 1 }
                }
                let nextOff = [off, on].compactMap { $0 }.min()
                (off, on, booting) = (
                    isNeeded ? nil : nextOff, nextOn, isNeeded ? nextBooting.map { _ in nil } : nextBooting
                )
            }
            return total + ([off, on].compactMap { $0 }.min() ?? 0)
        }
    }

    @Test(arguments: 0..<60)
    func `no schedule is cheaper, and the plan gives what it promises`(seed: Int) {
        var generator = SplitMix64(seed: UInt64(seed))
        let bins = 5 + Int(generator.next() % 60)
        let work = (0..<bins).map { _ in Double(generator.next() % 6) * Double(generator.next() % 3) }
        let bootBins = Int(generator.next() % 7)
        var scenario = FleetScenario(capacityPerSecond: 1.0 / 15, bootSeconds: Double(bootBins) * 15)
        scenario.minimumReplicas = Int(generator.next() % 2)
        let simulator = FleetSimulator(work: work, scenario: scenario)
        let plan = simulator.hindsight()
        let slow = Self.slowHours(plan.need, bootBins: bootBins, minimum: scenario.minimumReplicas)
        #expect((plan.replicaHours * 240).rounded() == Double(slow), "seed \(seed)")

        let played = simulator.runHindsight(keepsTimeline: true)
        let counts = played.timeline.reduce(0) { $0 + $1.ready + $1.booting }
        #expect(Double(counts) == (plan.replicaHours * 240).rounded(), "seed \(seed)")
        #expect(played.worstWaitSeconds == 0 && played.backlog == 0)
        #expect(zip(played.timeline, plan.need).allSatisfy { $0.ready >= $1 })
    }

    @Test func `an idle gap is kept when it costs less than a boot`() {
        // Needs 2, then 1 for three bins (45 s), then 2 again.
        var scenario = FleetScenario(capacityPerSecond: 1, bootSeconds: 60)
        let work: [Double] = [30, 15, 15, 15, 30]
        #expect(FleetSimulator(work: work, scenario: scenario).hindsight().desired == [2, 2, 2, 2, 2])
        scenario.bootSeconds = 30
        let plan = FleetSimulator(work: work, scenario: scenario).hindsight()
        #expect(plan.desired == [1, 2, 2, 2, 2] && plan.startReplicas == 2)
        #expect(plan.replicaHours == 135 / 3600.0)
    }
}
