import FoundationEssentials
import TestSupport

@testable import Simulator

/// Made-up work that any language computes alike: whole numbers with a level that steps every 40 bins.
func steppedWork(bins: Int) -> [Double] {
    (0..<bins).map { bin -> Double in
        let scatter = (bin * bin * 31 + 7 * bin) % 97
        return Double(scatter * (1 + bin / 40 % 3))
    }
}

/// The traces and the executable specification beside the repository.
enum FluidReference {
    static let isAvailable = SharedFixtures.available && Tool("gzip") != nil
    static let python = isAvailable ? Tool.python(importing: "numpy") : nil

    struct Missing: Error { var trace: String }

    static func work(_ trace: String, bins: Int? = nil) throws -> [Double] {
        guard let gzip = Tool("gzip"), let folder = SharedFixtures.directory else { throw Missing(trace: trace) }
        let csv = try gzip.run(["-dc", "\(folder)/traces/\(trace).csv.gz"]).output
        let work = try TrafficTrace(csv: Array(csv.utf8)).bins.map(\.requests)
        return bins.map { Array(work.prefix($0)) } ?? work
    }

    /// What the specification says of one run.
    struct Row: Decodable, Equatable {
        var policy: String
        var setting: Double
        var hours: Double
        var share: Double
        var worst: Double
        var changes: Int

        init(_ policy: String, _ setting: Double, _ report: FleetReport) {
            (self.policy, self.setting, hours) = (policy, setting, report.replicaHours)
            (share, worst, changes) = (report.shareInTime ?? .nan, report.worstWaitSeconds, report.changes)
        }
    }

    struct Answer: Decodable {
        var capacity: Double
        var start: Int
        var hindsight: Double
        var peak: Int
        var rows: [Row]
    }

    /// Runs the specification in Python on a whole trace.
    static func specification(_ trace: String, binSeconds: Int, boot: Int, settings: [Double]) throws -> Answer {
        guard let python, let folder = SharedFixtures.directory else { throw Missing(trace: trace) }
        let script = """
            import sys, json
            sys.path.insert(0, "\(folder)/bench/policy")
            sys.dont_write_bytecode = True
            import fleet
            fleet.DT = \(binSeconds).0
            w = fleet.load("\(folder)/traces/\(trace).csv.gz")
            cap, boot = fleet.capacity_for(w, 12), \(boot).0
            hours, need = fleet.hindsight(w, cap, boot)
            start, rows = int(need[:\(600 / binSeconds)].max() / 0.7) + 1, []
            runs = [(n, s, m(s)) for n, m in (("hpa", fleet.HPA), ("knative_kpa", fleet.KPA),
                ("target_tracking", fleet.TargetTracking)) for s in \(settings)]
            runs += [("thresholds", 0.6, fleet.Headroom()), ("fixed", 1.0, fleet.Static(int(need.max())))]
            for name, setting, policy in runs:
                r = fleet.Sim(w, cap, boot, start).run(policy)
                rows.append(dict(policy=name, setting=setting, hours=float(r["hours"]), share=float(r["slo"]),
                    worst=float(r["worst_wait"]), changes=r["changes"]))
            print(json.dumps(dict(capacity=cap, start=start, hindsight=float(hours), peak=int(need.max()), rows=rows)))
            """
        let output = try python.run(["-c", script], deadline: .seconds(300)).output
        return try JSONDecoder().decode(Answer.self, from: Data(output.utf8))
    }

    /// One line of the recorded baselines: each peer at its cheapest setting that keeps the objective.
    struct Baseline: Decodable {
        struct Peer: Decodable, Equatable {
            var setting: Double
            var replica_hours: Double
            var slo_share: Double
            var worst_wait_s: Double
            var changes: Int
        }

        var trace: String
        var bins: Int
        var boot_s: Double
        var hindsight_replica_hours: Double
        var peak_need: Int
        var hpa: Peer?
        var knative_kpa: Peer?
        var target_tracking: Peer?
    }

    static func baselines(of trace: String) throws -> [Baseline] {
        try SharedFixtures.bytes("bench/policy/baselines.jsonl").split(separator: UInt8(ascii: "\n"))
            .map { try JSONDecoder().decode(Baseline.self, from: Data($0)) }
            .filter { $0.trace == trace + ".csv.gz" }
    }
}

extension Double {
    func rounded(digits: Int) -> Double {
        let unit = (0..<digits).reduce(1.0) { unit, _ in unit * 10 }
        return (self * unit).rounded() / unit
    }
}
