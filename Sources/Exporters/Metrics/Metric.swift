package import Exposition

/// What is known of a metric before there are values: the row of the documentation.
package struct MetricDefinition: Hashable, Sendable {
    package var name: String
    package var type: MetricType
    package var help: String
    /// The base unit; `nil` for plain counts and states.
    package var unit: String?
    package var labels: [String]
}

/// A metric and how to read its series off a subject: a pool, a GPU, the agent.
///
/// One row of a table holds everything, so that the help text, the documentation and the values cannot drift apart.
/// The name says the rest: it ends in `_total` for a counter, in `_info` for an information, in the base unit if any.
struct Metric<Subject>: Sendable {
    /// The values of the labels, in the definition's order; a label without value is left out.
    typealias Row = (labels: [String?], value: Double?)

    var definition: MetricDefinition
    /// Writes the series of a subject, each with the labels that name the subject, then its own.
    fileprivate var write: @Sendable (Lent<Subject>, _ prefix: [MetricLabel], inout ExpositionWriter) -> Void

    /// A metric with one series per subject.
    init(_ name: String, _ help: String, value: @escaping @Sendable (Subject) -> Double?) {
        self.init(name, help, ownLabels: []) { lent, prefix, writer in
            writer.write(value(lent.subject), labels: prefix) { _ in }
        }
    }

    /// A metric with one own label: a series per value of it.
    init(
        _ name: String, label: String, _ help: String, values: @escaping @Sendable (Subject) -> [(String, Double?)]
    ) {
        self.init(name, help, ownLabels: [label]) { lent, prefix, writer in
            for (labelValue, value) in values(lent.subject) {
                writer.write(value, labels: prefix) { $0.label(label, labelValue) }
            }
        }
    }

    /// A metric with a series per combination of its own labels.
    init(_ name: String, labels: [String], _ help: String, rows: @escaping @Sendable (Subject) -> [Row]) {
        self.init(name, help, ownLabels: labels) { lent, prefix, writer in
            for row in rows(lent.subject) {
                writer.write(row.value, labels: prefix) { writer in
                    for (label, labelValue) in zip(labels, row.labels) {
                        if let labelValue { writer.label(label, labelValue) }
                    }
                }
            }
        }
    }

    /// A histogram for each subject.
    init(_ name: String, _ help: String, histogram: @escaping @Sendable (Subject) -> Histogram) {
        self.init(name, help, ownLabels: []) { lent, prefix, writer in
            let histogram = histogram(lent.subject)
            var count = 0
            for (place, observed) in histogram.counts.enumerated() {
                count += observed
                let bound = place < histogram.bounds.count ? histogram.bounds[place] : .infinity
                writer.write(Double(count), suffix: "_bucket", labels: prefix) {
                    $0.label("le", canonicalNumber(bound))
                }
            }
            writer.write(histogram.sum, suffix: "_sum", labels: prefix) { _ in }
            writer.write(Double(count), suffix: "_count", labels: prefix) { _ in }
        }
        definition.type = .histogram
    }

    private init(
        _ name: String, _ help: String, ownLabels: [String],
        write: @escaping @Sendable (Lent<Subject>, [MetricLabel], inout ExpositionWriter) -> Void
    ) {
        // What every process exports, and what dcgm-exporter does, have their names already.
        let fullName = name.hasPrefix("process_") || name.hasPrefix("DCGM_") ? name : "scale_agent_" + name
        definition = MetricDefinition(
            name: fullName, type: Self.type(of: name), help: help, unit: Self.unit(of: name), labels: ownLabels)
        self.write = write
    }

    private static func type(of name: String) -> MetricType {
        name.hasSuffix("_total") ? .counter : name.hasSuffix("_info") ? .info : .gauge
    }

    private static func unit(of name: String) -> String? {
        let stem = name.hasSuffix("_total") ? name.dropLast("_total".count) : name[...]
        return ["seconds", "bytes", "ratio", "celsius", "watts", "joules", "hertz"].first {
            stem.hasSuffix("_" + $0) && !stem.hasSuffix("_per_" + $0)
        }
    }
}

/// A subject in one place: it is large, and out of an array each metric would get a copy of it.
private final class Lent<Subject> {
    let subject: Subject
    init(_ subject: Subject) { self.subject = subject }
}

/// Metrics that share a subject, hence the labels that name it.
struct MetricGroup<Subject>: Sendable {
    var title: String
    /// Named before each metric's own labels.
    var labels: [String] = []
    var metrics: [Metric<Subject>]

    /// The rows of the documentation, the subject's labels included.
    var definitions: [MetricDefinition] {
        metrics.map { metric in
            var definition = metric.definition
            definition.labels = labels + definition.labels
            return definition
        }
    }

    /// Writes one family per metric with the series of all subjects.
    ///
    /// - Parameter subjects: each with the values of the group's labels.
    func write(_ subjects: [(labels: [String?], subject: Subject)], to writer: inout ExpositionWriter) {
        let prefixes = subjects.map { subject in
            zip(labels, subject.labels).compactMap { name, value in value.map { MetricLabel(name, $0) } }
        }
        let lent = subjects.map { Lent($0.subject) }
        for metric in metrics {
            let definition = metric.definition
            writer.write(
                MetricFamily(definition.name, help: definition.help, type: definition.type, unit: definition.unit))
            for (subject, prefix) in zip(lent, prefixes) { metric.write(subject, prefix, &writer) }
        }
    }
}
