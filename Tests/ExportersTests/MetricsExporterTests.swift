import Exporters
import Exposition
import Fleet
import Policy
import TestSupport
import Testing

@Suite struct MetricsExporterTests {
    @Test("the whole output is as recorded", arguments: ExpositionFormat.allCases)
    func golden(format: ExpositionFormat) throws {
        let name = format == .openMetrics ? "metrics.openmetrics.txt" : "metrics.txt"
        try Golden.expect(render(SampleSnapshot.growing, format), at: "Tests/Golden/exporters/\(name)")
    }

    @Test("docs/metrics.md is what the table of metrics says")
    func documentation() throws {
        try Golden.expect([UInt8](MetricsDocumentation.markdown.utf8), at: "docs/metrics.md")
    }

    @Test("every metric of the catalog is once there, by convention, and exported by the sample")
    func catalog() {
        let catalog = MetricsExporter.catalog.flatMap(\.metrics)
        #expect(Set(catalog.map(\.name)).count == catalog.count)
        let exported = MetricsExporter.families(SampleSnapshot.growing)
        // Nothing in the sample is reserved.
        let shown = catalog.filter { $0.name != "scale_agent_gpu_memory_reserved_bytes" }
        #expect(exported.map(\.name) == shown.map(\.name))
        for (family, definition) in zip(exported, shown) {
            #expect(!definition.help.contains("|") && definition.help.hasSuffix("."), "\(definition.name)")
            for sample in family.samples {
                let own = sample.labels.map(\.name).filter { $0 != "le" || definition.type != .histogram }
                #expect(Set(own).isSubset(of: definition.labels), "\(definition.name)")
            }
            #expect(!family.samples.isEmpty, "\(family.name) has no value")
        }
    }

    @Test("no series is there twice", arguments: Sample.allCases)
    func unique(sample: Sample) throws {
        let exposition = try Exposition(render(sample.snapshot, .openMetrics), format: .openMetrics)
        #expect(exposition.duplicates == 0 && exposition.skipped.count == 0)
    }

    @Test("before the first decision what is unknown is absent, and what counts is zero")
    func fresh() {
        let families = MetricsExporter.families(SampleSnapshot.fresh)
        func values(_ name: String) -> [Double] {
            families.first { $0.name == "scale_agent_" + name }?.samples.compactMap(\.value) ?? []
        }
        for name in [
            "demand_requests", "load_ratio", "replicas", "current_replicas", "desired_replicas", "engines",
            "signal_age_seconds", "signal_coverage_ratio", "last_tick_timestamp_seconds", "cost_usd_per_hour",
            "gpu_utilization_ratio", "boot_eta_seconds", "headroom_replicas", "fleet_desired_replicas",
        ] {
            #expect(values(name) == [], "\(name)")
        }
        for name in [
            "ticks_total", "driver_errors_total", "decisions_total", "decision_binding", "actions_total",
            "replica_changes_total", "drain_killed_requests_total", "history_errors_total", "boots_timed_out_total",
            "reading_errors_total", "rule_bound_seconds_total",
        ] {
            #expect(!values(name).isEmpty && values(name).allSatisfy { $0 == 0 }, "\(name)")
        }
        #expect(values("decisions_total").count == RuleName.allCases.count)
        #expect(values("reading_success") == [0])
    }

    @Test("latencies are of the requests between two readings; an engine met anew, or anew itself, is told apart")
    func latency() {
        func readings(_ counts: [String: Double], core: String? = nil) -> [EngineReading] {
            counts.map { id, count in
                var row = ModelSample(model: "m", engine: core)
                let buckets: [(Double?, Double)] = [(id == "odd" ? 2 : 1, count), (nil, count)]
                row.timeToFirstToken = HistogramSample(
                    buckets: buckets.map { .init(upperBound: $0, cumulativeCount: $1) }, sum: count, count: count)
                return EngineReading(
                    id: ReplicaID(rawValue: id), sample: EngineSample(engine: "vllm", models: [row]))
            }
        }
        func window(_ earlier: [String: Double], _ later: [String: Double]) -> HistogramWindow? {
            PoolLatency(from: readings(earlier), to: readings(later)).timeToFirstToken
        }
        #expect(window(["a": 5, "b": 7], ["a": 6, "b": 9])?.count == 3)
        #expect(window(["a": 5, "b": 7], ["a": 6, "b": 9])?.mean == 1)
        #expect(window(["a": 5], ["a": 6, "new": 1000])?.count == 1)
        #expect(window(["a": 5], ["a": 2])?.hasReset == true && window(["a": 5], ["a": 2])?.count == 2)
        #expect(window(["a": 5], ["b": 7]) == nil && window([:], [:]) == nil)
        #expect(window(["a": 5], ["a": 5])?.quantile(0.5) == nil)
        let cores = PoolLatency(from: readings(["a": 5], core: "0"), to: readings(["a": 6], core: "1"))
        #expect(cores.timeToFirstToken == nil)
        #expect([2, 3].contains(window(["a": 5, "odd": 5], ["a": 7, "odd": 8])?.count))
    }

    @Test("a cost with one unknown price is unknown")
    func partialCost() {
        var snapshot = SampleSnapshot.growing
        #expect(cost(snapshot) == [11.6])
        snapshot.pools[0].input?.fleet?.replicas[1].usdPerHour = nil
        #expect(cost(snapshot) == [])
        snapshot.pools[0].input?.fleet?.replicas[1].state = .stopped
        #expect(cost(snapshot).count == 1)
    }

    private func cost(_ snapshot: AgentSnapshot) -> [Double] {
        let family = MetricsExporter.families(snapshot).first { $0.name == "scale_agent_cost_usd_per_hour" }
        return (family?.samples ?? []).compactMap(\.value).map { ($0 * 100).rounded() / 100 }
    }

    @Test("measurements of a GPU end when the readings do; its identity, fault and age stay")
    func staleGPU() {
        var snapshot = SampleSnapshot.growing
        snapshot.gpus?.readAt = SampleSnapshot.now - .seconds(91)
        let present = MetricsExporter.families(snapshot).filter { family in
            family.name.hasPrefix("scale_agent_gpu_") && family.samples.contains { $0.value != nil }
        }
        let expected = ["gpu_info", "gpu_fault", "gpu_last_reading_timestamp_seconds"]
        #expect(present.map(\.name) == expected.map { "scale_agent_" + $0 })
    }

    @Test("a fault that is known, throttling that is not, and DCGM's names")
    func gpus() {
        var snapshot = SampleSnapshot.growing
        snapshot.gpus?.gpus[1].fault = "GPU is lost"
        snapshot.gpus?.gpus[1].throttleReasons = nil
        #expect(!MetricsExporter.families(snapshot).contains { $0.name.hasPrefix("DCGM_") })
        snapshot.dcgmNames = true
        let families = MetricsExporter.families(snapshot)
        func values(_ name: String) -> [Double?] { families.first { $0.name == name }?.samples.map(\.value) ?? [] }
        #expect(values("scale_agent_gpu_fault") == [0, 1])
        #expect(values("scale_agent_gpu_throttle").prefix(9) == [0, 0, 1, 0, 0, 0, 0, 0, 0])
        #expect(values("scale_agent_gpu_throttle").dropFirst(9).allSatisfy { $0 == nil })
        #expect(values("DCGM_FI_DEV_GPU_UTIL") == [97, 88])
        #expect(values("DCGM_FI_DEV_FB_USED").first == 43_218_108_416 / 1_048_576)
        let labels = families.first { $0.name == "DCGM_FI_DEV_GPU_TEMP" }?.samples.first?.labels.map(\.name)
        #expect(labels == ["gpu", "UUID", "device", "modelName"])
    }

    @Test(
        "every driver error has its series",
        arguments: [
            DriverError.throttled(retryAfter: nil, message: ""), .unauthorized(message: ""),
            .noCapacity(market: .spot, zone: nil, message: ""), .rejected(message: ""), .unreachable(message: ""),
            .outcomeUnknown(message: ""),
        ])
    func errorKinds(error: DriverError) {
        let family = MetricsExporter.families(SampleSnapshot.fresh)
            .first { $0.name == "scale_agent_driver_errors_total" }
        #expect(family?.samples.contains { $0["kind"] == error.kind } == true)
    }

    @Test(
        "promtool finds nothing to say",
        .enabled(if: Tool("promtool") != nil, "needs promtool"),
        arguments: Sample.allCases)
    func promtool(sample: Sample) throws {
        let snapshot = sample.snapshot
        let promtool = try #require(Tool("promtool"))
        let result = try promtool.run(["check", "metrics"], input: render(snapshot, .prometheusText))
        #expect(result.status == 0 && result.output.isEmpty, "\(result.output)")
    }

    @Test(
        "prometheus_client reads the OpenMetrics output",
        .enabled(if: Tool.python(importing: "prometheus_client") != nil, "needs Python with prometheus_client"),
        arguments: Sample.allCases)
    func openMetrics(sample: Sample) throws {
        let snapshot = sample.snapshot
        let script = """
            import sys
            from prometheus_client.openmetrics.parser import text_string_to_metric_families as read
            print(sum(len(family.samples) for family in read(sys.stdin.buffer.read().decode())))
            """
        let python = try #require(Tool.python(importing: "prometheus_client"))
        let result = try python.run(["-c", script], input: render(snapshot, .openMetrics))
        let samples = MetricsExporter.families(snapshot).flatMap(\.samples).count { $0.value != nil }
        #expect(result.status == 0 && result.output == "\(samples)\n", "\(result.output)")
    }
}

private func render(_ snapshot: AgentSnapshot, _ format: ExpositionFormat) -> [UInt8] {
    var buffer: [UInt8] = []
    MetricsExporter.write(snapshot, format: format, into: &buffer)
    return buffer
}

extension MetricsExporter {
    /// What was written, read again; only OpenMetrics tells all types.
    fileprivate static func families(_ snapshot: AgentSnapshot) -> [MetricFamily] {
        (try? Exposition(render(snapshot, .openMetrics), format: .openMetrics).families) ?? []
    }
}
