package import Exposition
import Fleet
import Policy

/// Renders a snapshot as `/metrics`.
///
/// What is unknown has no series; counters, and series that are 1 or 0, are there from the start.
package enum MetricsExporter {
    /// All metrics with these series.
    package static func families(_ snapshot: AgentSnapshot) -> [MetricFamily] {
        var families: [MetricFamily] = []
        AgentMetrics.agent.append([([], snapshot)], to: &families)
        let pools = snapshot.pools.map { (labels: [String?]([$0.pool.rawValue]), subject: $0) }
        for group in poolGroups { group.append(pools, to: &families) }
        let gpus = GPUReport.all(snapshot.gpus, now: snapshot.at)
        GPUMetrics.gpus.append(gpus.map { ([String($0.gpu.index), $0.gpu.uuid], $0) }, to: &families)
        if snapshot.dcgmNames {
            let named = gpus.map { report -> (labels: [String?], subject: GPUReport) in
                let index = String(report.gpu.index)
                return ([index, report.gpu.uuid, "nvidia" + index, report.gpu.name], report)
            }
            GPUMetrics.dcgm.append(named, to: &families)
        }
        AgentMetrics.process.append(snapshot.process.map { [([], $0)] } ?? [], to: &families)
        return families
    }

    /// Replaces the contents of `buffer`, whose storage is used again.
    package static func write(_ snapshot: AgentSnapshot, format: ExpositionFormat, into buffer: inout [UInt8]) {
        ExpositionWriter(format: format).write(families(snapshot), into: &buffer)
    }

    /// Every metric there is, by topic, in the order of the output.
    package static var catalog: [(title: String, metrics: [MetricDefinition])] {
        [(AgentMetrics.agent.title, AgentMetrics.agent.definitions)]
            + poolGroups.map { ($0.title, $0.definitions) }
            + [
                (GPUMetrics.gpus.title, GPUMetrics.gpus.definitions),
                (AgentMetrics.process.title, AgentMetrics.process.definitions),
            ]
    }

    private static let poolGroups = [
        PoolMetrics.demand, PoolMetrics.forecast, PoolMetrics.supply, PoolMetrics.boots, PoolMetrics.decisions,
        PoolMetrics.actions,
    ]
}
