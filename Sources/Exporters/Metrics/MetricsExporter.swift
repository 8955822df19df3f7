package import Exposition
import Fleet
import Policy

/// Renders a snapshot as `/metrics`.
///
/// What is unknown has no series; counters, and series that are 1 or 0, are there from the start.
package enum MetricsExporter {
    /// Replaces the contents of `buffer`, whose storage is used again.
    package static func write(_ snapshot: AgentSnapshot, format: ExpositionFormat, into buffer: inout [UInt8]) {
        let pools = snapshot.pools.map { (labels: [String?]([$0.pool.rawValue]), subject: $0) }
        let gpus = GPUReport.all(snapshot.gpus, now: snapshot.at)
        ExpositionWriter.write(format, into: &buffer) { writer in
            AgentMetrics.agent.write([([], snapshot)], to: &writer)
            for group in poolGroups { group.write(pools, to: &writer) }
            GPUMetrics.gpus.write(gpus.map { ([String($0.gpu.index), $0.gpu.uuid], $0) }, to: &writer)
            if snapshot.dcgmNames {
                let named = gpus.map { report -> (labels: [String?], subject: GPUReport) in
                    let index = String(report.gpu.index)
                    return ([index, report.gpu.uuid, "nvidia" + index, report.gpu.name], report)
                }
                GPUMetrics.dcgm.write(named, to: &writer)
            }
            GatewayMetrics.gateway.write(snapshot.gateway.map { [([], $0)] } ?? [], to: &writer)
            CloudWatchMetrics.publications.write(snapshot.cloudWatch.map { [([], $0)] } ?? [], to: &writer)
            AgentMetrics.process.write(snapshot.process.map { [([], $0)] } ?? [], to: &writer)
        }
    }

    /// Every metric there is, by topic, in the order of the output.
    package static var catalog: [(title: String, metrics: [MetricDefinition])] {
        [(AgentMetrics.agent.title, AgentMetrics.agent.definitions)]
            + poolGroups.map { ($0.title, $0.definitions) }
            + [
                (GPUMetrics.gpus.title, GPUMetrics.gpus.definitions),
                (GatewayMetrics.gateway.title, GatewayMetrics.gateway.definitions),
                (CloudWatchMetrics.publications.title, CloudWatchMetrics.publications.definitions),
                (AgentMetrics.process.title, AgentMetrics.process.definitions),
            ]
    }

    private static let poolGroups = [
        PoolMetrics.demand, PoolMetrics.forecast, PoolMetrics.objective, PoolMetrics.supply, PoolMetrics.boots,
        PoolMetrics.decisions, PoolMetrics.actions,
    ]
}
