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
    /// Appends the series of a subject, each with the labels that name the subject, then its own.
    fileprivate var append: @Sendable (Subject, _ prefix: [MetricLabel], inout [MetricSample]) -> Void

    /// A metric with one series per subject.
    init(_ name: String, _ help: String, value: @escaping @Sendable (Subject) -> Double?) {
        self.init(name, help, ownLabels: []) { subject, prefix, samples in
            samples.append(MetricSample(labels: prefix, value: value(subject)))
        }
    }

    /// A metric with one own label: a series per value of it.
    init(
        _ name: String, label: String, _ help: String, values: @escaping @Sendable (Subject) -> [(String, Double?)]
    ) {
        self.init(name, help, ownLabels: [label]) { subject, prefix, samples in
            for (labelValue, value) in values(subject) {
                let labels = prefix + CollectionOfOne(MetricLabel(label, labelValue))
                samples.append(MetricSample(labels: labels, value: value))
            }
        }
    }

    /// A metric with a series per combination of its own labels.
    init(_ name: String, labels: [String], _ help: String, rows: @escaping @Sendable (Subject) -> [Row]) {
        self.init(name, help, ownLabels: labels) { subject, prefix, samples in
            for row in rows(subject) {
                samples.append(MetricSample(labels: prefix + labelled(labels, row.labels), value: row.value))
            }
        }
    }

    private init(
        _ name: String, _ help: String, ownLabels: [String],
        append: @escaping @Sendable (Subject, [MetricLabel], inout [MetricSample]) -> Void
    ) {
        // What every process exports, and what dcgm-exporter does, have their names already.
        let fullName = name.hasPrefix("process_") || name.hasPrefix("DCGM_") ? name : "scale_agent_" + name
        definition = MetricDefinition(
            name: fullName, type: Self.type(of: name), help: help, unit: Self.unit(of: name), labels: ownLabels)
        self.append = append
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

    /// Appends one family per metric with the series of all subjects.
    ///
    /// - Parameter subjects: each with the values of the group's labels.
    func append(_ subjects: [(labels: [String?], subject: Subject)], to families: inout [MetricFamily]) {
        let prefixes = subjects.map { labelled(labels, $0.labels) }
        for metric in metrics {
            let definition = metric.definition
            var family = MetricFamily(
                definition.name, help: definition.help, type: definition.type, unit: definition.unit)
            for (index, prefix) in prefixes.enumerated() {
                metric.append(subjects[index].subject, prefix, &family.samples)
            }
            families.append(family)
        }
    }
}

private func labelled(_ names: [String], _ values: [String?]) -> [MetricLabel] {
    var labels: [MetricLabel] = []
    labels.reserveCapacity(names.count)
    for (name, value) in zip(names, values) {
        if let value { labels.append(MetricLabel(name, value)) }
    }
    return labels
}
