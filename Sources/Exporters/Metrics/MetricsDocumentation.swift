import Exposition
import Fleet

/// Renders the catalog of metrics as `docs/metrics.md`.
package enum MetricsDocumentation {
    package static var markdown: String {
        var text = """
            # Metrics

            What `/metrics` exports, as Prometheus text 0.0.4 or OpenMetrics 1.0, whichever the client prefers.

            - What is unknown has no series: a value is never zero in place of unknown.
            - Counters, and series that are 1 or 0, are there from the start, so that `rate()` and alerts see the first event.
            - A source that cannot be read gives `scale_agent_reading_success` 0, never a failed scrape.
            - The engines' own metrics are not repeated here; scrape the engines for them.
            - `gpu` is the driver's index and may change at a reboot; `uuid` is the GPU's identity. To name GPUs:
              `scale_agent_gpu_power_watts * on (uuid) group_left (name) scale_agent_gpu_info`.
            - What a GPU measured is left out once the reading is \(Int(GPUReport.staleAfter.seconds)) seconds old.


            """
        for section in MetricsExporter.catalog + [(GPUMetrics.dcgm.title, GPUMetrics.dcgm.definitions)] {
            text += "## \(section.title)\n\n| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n"
            for metric in section.metrics {
                let labels = metric.labels.map { "`\($0)`" }.joined(separator: ", ")
                text += "| `\(metric.name)` | \(metric.type.rawValue) | \(labels) | \(metric.help) |\n"
            }
            text += "\n"
        }
        text.removeLast()
        return text
    }
}
