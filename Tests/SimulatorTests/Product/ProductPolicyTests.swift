import Fleet
import Policy
import Testing

@testable import Simulator

/// The controller in the simulator: what it sees, what becomes of what it asks for, and what holds whatever happens.
struct ProductPolicyTests {
    private func view(ready: Int, served: Double, backlog: Double, bin: Double = 15) -> FleetView {
        FleetView(
            second: bin, binSeconds: bin, load: FleetView.Load(arrivals: served, backlog: backlog, served: served),
            ready: ready, desired: ready, capacityPerSecond: 2, bootSeconds: 180)
    }

    /// Work of a bin that keeps so many replicas of a capacity of 2 busy.
    private func busy(_ replicas: Double) -> Double { replicas * 2 * 15 }

    // MARK: What the controller sees

    @Test(arguments: [(1.0, 15.0), (8, 15), (64, 15), (8, 40)])
    func `served work is running requests, whatever the slots`(slots: Double, service: Double) {
        var policy = ProductPolicy.tested(slots: slots, serviceSeconds: service)
        // 9.5 of 10 busy, at a load of 0.8: 11.9.
        #expect(policy.desired(view(ready: 10, served: busy(9.5), backlog: 0)) == 12)
        policy = .tested(slots: slots, serviceSeconds: service)
        #expect(policy.desired(view(ready: 10, served: busy(8), backlog: 0)) == 10)
    }

    @Test(arguments: [(15.0, 10), (30, 8), (60, 7)])
    func `the backlog is waiting requests, to be served within a request's time`(service: Double, count: Int) {
        var policy = ProductPolicy.tested(serviceSeconds: service)
        // 4 are busy, and what waits would keep 4 busy for 15 s.
        #expect(policy.desired(view(ready: 4, served: busy(4), backlog: busy(4))) == count)
    }

    @Test func `without a ready replica requests are held in front of the pool`() {
        var policy = ProductPolicy.tested { $0.minimum = 0 }
        #expect(policy.desired(view(ready: 0, served: 0, backlog: busy(2))) == 3)
        policy = .tested { $0.minimum = 0 }
        #expect(policy.desired(view(ready: 0, served: 0, backlog: 0)) == 0)
    }

    @Test func `engines' own gauges count where there are engines`() {
        var policy = ProductPolicy.tested(slots: 8)
        var view = view(ready: 2, served: 0, backlog: 0)
        view.engines = [
            EngineLoad(running: 8, waiting: 14, kvCacheUsage: 0.5), EngineLoad(running: 8, waiting: 2, kvCacheUsage: 1),
        ]
        #expect(policy.desired(view) == 5)
    }

    @Test func `a capacity that nobody configured is learned from a queue`() {
        let work = (0..<40).map { $0 < 20 ? busy(3) : 0 }
        let policy = ObservedPolicy(.tested { $0.capacity = nil })
        var scenario = FleetScenario(capacityPerSecond: 2, bootSeconds: 60)
        scenario.startReplicas = 2
        _ = FleetSimulator(work: work, scenario: scenario).run(policy)
        #expect(policy.rows.last?.memory.learnedCapacity == 16)
    }

    // MARK: What becomes of what it asks for

    private func run(
        _ policy: ProductPolicy, work: [Double], boot: Double = 180, start: Int = 10,
        _ change: (inout FleetScenario) -> Void = { _ in }
    ) -> (report: FleetReport, rows: [ObservedPolicy.Row]) {
        var scenario = FleetScenario(capacityPerSecond: 2, bootSeconds: boot)
        scenario.startReplicas = start
        change(&scenario)
        let observed = ObservedPolicy(policy)
        let report = FleetSimulator(work: work, scenario: scenario).run(observed, keepsTimeline: true)
        return (report, observed.rows)
    }

    @Test func `a step is grown to at once and shrunk from one by one`() throws {
        let work = (0..<1800).map { (100..<300).contains($0) ? busy(16) : busy(8) }
        let (report, rows) = run(.tested(), work: work, boot: 30)
        #expect(rows[99].answer == 10, "8 busy of 10 is the load that growth aims at")
        let grown = try #require(rows.firstIndex { $0.answer > 10 })
        #expect(grown == 100 && rows[100].answer >= 20)
        #expect(rows[299].view.ready == rows[299].answer && rows.last?.answer == 12, "11 would be loaded above 0.72")
        for (before, after) in zip(rows[300...], rows[301...]) { #expect(after.answer >= before.answer - 1) }
        #expect(report.flaps == 0)
        #expect(rows.last?.memory.boots.measured.allSatisfy { $0 == .seconds(30) } == true)
        #expect((rows.last?.memory.boots.measured.count ?? 0) >= 10)
    }

    @Test(arguments: [15.0, 100])
    func `a cordoned replica stays until its requests are done`(service: Double) throws {
        let (_, rows) = run(.tested(serviceSeconds: service), work: [Double](repeating: busy(4), count: 200))
        let cordoned = try #require(rows.firstIndex { !$0.memory.draining.isEmpty })
        let left = try #require(rows.firstIndex { $0.answer < 10 })
        #expect(Double(left - cordoned) * 15 == (service / 15).rounded(.up) * 15)
        #expect(rows[left + 1].view.ready == 9)
    }

    @Test func `boots that never end are given up, and what is missing is ordered again`() throws {
        let work = [Double](repeating: busy(16), count: 400)
        let (report, rows) = run(.tested { $0.boot.deadline = .seconds(300) }, work: work) {
            $0.disturbances.stuckBootShare = 0.4
        }
        #expect(report.abandonedBoots > 3)
        let last = try #require(rows.last)
        #expect(last.view.ready >= 20 && last.answer - last.view.ready <= last.view.booting)
        // An order is seen a bin later, may be one bin late at its deadline, and goes in the bin after that.
        #expect(rows.allSatisfy { row in row.view.bootingSinceSeconds.allSatisfy { row.view.second - $0 <= 360 } })
    }

    @Test func `a provider without replicas is asked less and less, and then again`() throws {
        let work = [Double](repeating: busy(16), count: 200)
        let (report, rows) = run(.tested(), work: work) {
            $0.disturbances.capacityGaps = [CapacityGap(seconds: 0..<1500)]
        }
        let asked = rows.prefix(99).count { $0.answer > 10 }
        #expect((3...9).contains(asked) && report.refusedOrders > 0)
        #expect(rows[50].memory.backOff?.error.kind == "no_capacity")
        #expect(rows.last?.memory.backOff == nil && (rows.last?.view.ready ?? 0) >= 20)
    }

    @Test func `single requests on engines get the replicas that they need`() throws {
        // Each keeps a slot busy for about 10.5 s; two a second fill 21 slots, of which a replica has 4.
        let requests = (0..<2400).map { RequestSimulatorTests.request(Double($0) * 0.5, 500, 101) }
        let observed = ObservedPolicy(.tested(slots: 4))
        let report = RequestSimulatorTests.simulator(requests, boot: 30, start: 4).run(observed)
        let rows = observed.rows
        #expect(report.unanswered == 0 && rows.allSatisfy { $0.view.ready + $0.view.booting <= $0.view.desired })
        let settled = rows[20..<75].map(\.view.ready)
        #expect(settled.allSatisfy { (6...16).contains($0) }, "\(settled)")
        #expect((rows[60].view.engines ?? []).allSatisfy { $0.waiting == 0 })
        #expect((rows.last?.answer ?? 0) < (settled.max() ?? 0), "and gives them back")
    }

    // MARK: What holds whatever happens

    @Test(arguments: [MetricsFault.Kind.missing, .stale])
    func `unknown data never shrinks`(kind: MetricsFault.Kind) {
        let work = (0..<400).map { $0 < 150 ? busy(8) : busy(1) }
        let span = 2400.0..<4500
        let (_, rows) = run(.tested(), work: work) {
            $0.disturbances.metricsFaults = [MetricsFault(seconds: span, kind: kind)]
        }
        let blind = rows.filter { span.contains($0.view.second) && $0.view.second > 2460 }
        #expect(Set(blind.map(\.answer)).count == 1)
        #expect((rows.last?.answer ?? 10) < (blind.last?.answer ?? 0), "and known data does")
    }

    @Test(arguments: 0..<6)
    func `in random worlds the count is what was asked for, and equal runs are equal`(seed: Int) throws {
        let (work, scenario) = InvariantTests.scenario(seed)
        let simulator = FleetSimulator(work: work, scenario: scenario)
        let policy = ProductPolicy.tested {
            ($0.minimum, $0.maximum) = (scenario.minimumReplicas, scenario.maximumReplicas)
            $0.boot.deadline = .seconds(1500)
        }
        let observed = ObservedPolicy(policy)
        let report = simulator.run(observed, keepsTimeline: true)
        #expect(report == simulator.run(policy, keepsTimeline: true))
        let total = work.reduce(0, +)
        #expect(report.arrivals == total && (report.served + report.backlog - total).magnitude < 1e-6 * total)
        for row in observed.rows {
            #expect(row.answer <= max(scenario.maximumReplicas, row.view.desired), "second \(row.view.second)")
            #expect(row.answer >= min(scenario.minimumReplicas, row.view.desired), "second \(row.view.second)")
            // The group may miss what broke or was taken back; it never has more than was asked for.
            #expect(row.view.ready + row.view.booting <= row.view.desired + 1, "second \(row.view.second)")
        }
        #expect(
            observed.rows.allSatisfy { row in
                row.view.bootingSinceSeconds.allSatisfy { row.view.second - $0 <= 1560 }
            })
    }
}
