package import Fleet
import Policy

/// What became of the publications to CloudWatch since the process started.
package struct PublicationCounters: Hashable, Sendable {
    /// Values that were accepted.
    package var values = 0
    /// Publications that failed, by `DriverError.kind`.
    package var errors: [String: Int] = [:]
    package var lastSuccess: Timestamp?

    package init() {}
}

enum CloudWatchMetrics {
    static let publications = MetricGroup<PublicationCounters>(
        title: "CloudWatch",
        metrics: [
            Metric("cloudwatch_values_total", "Values that CloudWatch has accepted.") { Double($0.values) },
            Metric(
                "cloudwatch_errors_total", label: "kind",
                "Publications to CloudWatch that failed; the next one has new values."
            ) { counters in DriverError.kinds.map { ($0, Double(counters.errors[$0, default: 0])) } },
            Metric("cloudwatch_last_success_timestamp_seconds", "When CloudWatch last accepted values, in Unix time.") {
                $0.lastSuccess?.secondsSince1970
            },
        ])
}

extension PublishedGauge {
    /// The name of the metric.
    package var metric: String {
        switch self {
        case .queueDepth: "LLMQueueDepth"
        case .demandPerReplica: "LLMDemandPerReplica"
        case .desiredReplicas: "LLMDesiredReplicas"
        }
    }

    /// The value by the latest tick, and when that was; `nil` while it is unknown, which is not zero: before the first
    /// tick, after ticks have stopped, and of the load while most engines do not tell theirs.
    package func value(of pool: PoolSnapshot, at now: Timestamp) -> (value: Double, at: Timestamp)? {
        guard let input = pool.input, let output = pool.output,
            now - input.now <= pool.settings.interval + pool.settings.maximumAge
        else { return nil }
        return value(of: output).map { ($0, input.now) }
    }

    private func value(of output: TickOutput) -> Double? {
        switch self {
        case .queueDepth:
            guard output.demand.sample != nil, let waiting = output.demand.waiting else { return nil }
            return waiting + (output.demand.held ?? 0)
        case .demandPerReplica:
            // The policy multiplies by those that serve. Of demand on nothing there is no such number.
            guard let requests = output.demand.sample, let serving = output.supply?.serving.count, serving > 0 else {
                return nil
            }
            return requests / Double(serving)
        case .desiredReplicas:
            return output.decision.target.map(Double.init)
        }
    }
}
