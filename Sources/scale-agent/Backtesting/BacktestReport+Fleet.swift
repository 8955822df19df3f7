import Exporters
import Simulator

extension PolicyCandidate {
    /// As the command line calls it: `kpa` for `knative_kpa`.
    var shortName: String { name.replacing("knative_", with: "").replacing("_", with: "-") }
}

extension BacktestReport.Row {
    init(_ name: String, _ report: FleetReport) {
        self.init(name: name, replicaHours: report.replicaHours)
        (usd, shareInTime, meanWaitSeconds) = (report.usd, report.shareInTime, report.meanWaitSeconds)
        (p99WaitSeconds, worstWaitSeconds) = (report.p99WaitSeconds, report.worstWaitSeconds)
        (scaleUps, scaleDowns, flaps) = (report.scaleUps, report.scaleDowns, report.flaps)
        (arrivals, served, backlog) = (report.arrivals, report.served, report.backlog)
    }
}

extension BacktestReport {
    mutating func take(_ bins: [FleetBin]) {
        let capacity = world.capacityPerSecond
        timeline = bins.map {
            Bin(
                demand: $0.arrivals / world.binSeconds / capacity, ready: $0.ready, booting: $0.booting,
                backlog: $0.backlog / capacity)
        }
    }
}
