import TestSupport
import Testing

@testable import Simulator

/// The simulator's arithmetic against the executable specification: equal, not close.
struct FluidReferenceTests {
    struct Case: CustomTestStringConvertible {
        var bin: Double
        var boot: Double
        var hindsight: Double
        var rows: [(policy: String, setting: Double, hours: Double, share: Double, worst: Double, changes: Int)]
        var testDescription: String { "bins of \(bin) s, boots of \(boot) s" }
    }

    /// What the specification gave for `steppedWork`.
    static let recorded = [
        Case(
            bin: 15, boot: 180, hindsight: 57.69583333333333,
            rows: [
                ("hpa", 0.7, 103.65, 0.9482898256327401, 867.226793520185, 55),
                ("hpa", 0.9, 98.10416666666667, 0.8846865544027833, 867.226793520185, 74),
                ("knative_kpa", 0.7, 173.6, 0.4227527530238212, 867.226793520185, 271),
                ("target_tracking", 0.7, 69.83333333333333, 0.9974320899985727, 11.315940423680198, 5),
                ("thresholds", 0.6, 124.33333333333333, 1, 1.0683980457701177, 38),
            ]),
        Case(
            bin: 15, boot: 400, hindsight: 65.20694444444445,
            rows: [
                ("hpa", 0.7, 129.0375, 0.9147778871612484, 2374.4201594240158, 57),
                ("hpa", 0.9, 124.3125, 0.8255891678599002, 2374.4201594240158, 76),
                ("knative_kpa", 0.7, 241.67916666666667, 0.3542492929884593, 2374.4201594240158, 248),
                ("target_tracking", 0.7, 69.83333333333333, 0.9966476500710189, 11.655952687066083, 5),
                ("thresholds", 0.6, 127.84583333333333, 1, 2.9776292105939794, 38),
            ]),
        Case(
            bin: 60, boot: 400, hindsight: 109.67222222222222,
            rows: [
                ("hpa", 0.7, 181.7, 0.7289449588492831, 1625.3678185287258, 81),
                ("hpa", 0.9, 166.03333333333333, 0.605000547544323, 1625.3678185287258, 86),
                ("thresholds", 0.6, 228.93333333333334, 1, 0, 40),
            ]),
    ]

    @Test(arguments: recorded)
    func `the recorded results of the specification`(expected: Case) throws {
        let work = steppedWork(bins: expected.bin == 15 ? 600 : 300)
        let simulator = FleetSimulator(
            work: work,
            scenario: FleetScenario(fittedTo: work, bootSeconds: expected.boot, binSeconds: expected.bin))
        #expect(simulator.hindsight().replicaHours == expected.hindsight)
        for row in expected.rows {
            let report = simulator.run(try policy(row.policy, row.setting, simulator))
            #expect(report.replicaHours == row.hours, "\(row.policy) \(row.setting)")
            #expect(report.shareInTime == row.share, "\(row.policy) \(row.setting)")
            #expect(report.worstWaitSeconds == row.worst, "\(row.policy) \(row.setting)")
            #expect(report.changes == row.changes, "\(row.policy) \(row.setting)")
        }
    }

    @Test(
        .enabled(if: FluidReference.python != nil, "needs ../shared and a Python with numpy"),
        arguments: [
            ("azure2023_conv_15s", 15, 180), ("azure2023_conv_15s", 15, 400), ("mooncake_conv_15s", 15, 420),
            ("servegen_deepseek_r1_15s", 15, 100), ("servegen_deepseek_r1_15s", 15, 600),
        ])
    func `the specification itself, on the short traces`(trace: String, bin: Int, boot: Int) throws {
        let work = try FluidReference.work(trace)
        let scenario = FleetScenario(fittedTo: work, bootSeconds: Double(boot), binSeconds: Double(bin))
        let simulator = FleetSimulator(work: work, scenario: scenario)
        let expected = try FluidReference.specification(trace, binSeconds: bin, boot: boot, settings: [0.5, 0.7, 0.9])
        #expect(scenario.capacityPerSecond == expected.capacity && scenario.startReplicas == expected.start)
        let plan = simulator.hindsight()
        #expect(plan.replicaHours == expected.hindsight && plan.peakNeed == expected.peak)
        for row in expected.rows {
            let report = simulator.run(try policy(row.policy, row.setting, simulator))
            #expect(FluidReference.Row(row.policy, row.setting, report) == row)
        }
    }

    @Test(.enabled(if: FluidReference.isAvailable, "needs ../shared and gzip"))
    func `tuning finds the recorded baselines`() throws {
        let baselines = try FluidReference.baselines(of: "servegen_deepseek_r1_15s")
        #expect(baselines.count == 2)
        for baseline in baselines {
            let work = try FluidReference.work("servegen_deepseek_r1_15s", bins: baseline.bins)
            let simulator = FleetSimulator(
                work: work, scenario: FleetScenario(fittedTo: work, bootSeconds: baseline.boot_s))
            let peers = [
                ("hpa", baseline.hpa), ("knative_kpa", baseline.knative_kpa),
                ("target_tracking", baseline.target_tracking),
            ]
            let rows = simulator.sweep(
                PolicyCandidate.references.filter { candidate in peers.contains { $0.0 == candidate.name } },
                tunes: true)
            #expect(rows.first?.report.replicaHours.rounded(digits: 1) == baseline.hindsight_replica_hours)
            for (name, expected) in peers {
                let best = rows.cheapest(name, shareInTime: 0.99).map { row in
                    FluidReference.Baseline.Peer(
                        setting: row.setting ?? .nan, replica_hours: row.report.replicaHours.rounded(digits: 1),
                        slo_share: (row.report.shareInTime ?? .nan).rounded(digits: 5),
                        worst_wait_s: row.report.worstWaitSeconds.rounded(digits: 1), changes: row.report.changes)
                }
                #expect(best == expected, "\(name), boots of \(baseline.boot_s) s")
            }
        }
    }

    private func policy(_ name: String, _ setting: Double, _ simulator: FleetSimulator) throws -> any ScalingPolicy {
        try #require(PolicyCandidate.references.first { $0.name == name }).make(setting, simulator)
    }
}
