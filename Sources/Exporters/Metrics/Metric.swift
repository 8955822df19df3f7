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
    private var rows: @Sendable (Subject) -> [Row]

    /// A metric with one series per subject.
    init(_ name: String, _ help: String, value: @escaping @Sendable (Subject) -> Double?) {
        self.init(name, labels: [], help) { [([], value($0))] }
    }

    /// A metric with one own label: a series per value of it.
    init(
        _ name: String, label: String, _ help: String,
        values: @escaping @Sendable (Subject) -> [(String, Double?)]
    ) {
        self.init(name, labels: [label], help) { values($0).map { ([$0], $1) } }
    }

    /// A metric with a series per combination of its own labels.
    init(_ name: String, labels: [String], _ help: String, rows: @escaping @Sendable (Subject) -> [Row]) {
        // The names of what every process exports are fixed by convention.
        let fullName = name.hasPrefix("process_") ? name : "scale_agent_" + name
        definition = MetricDefinition(
            name: fullName, type: Self.type(of: name), help: help, unit: Self.unit(of: name), labels: labels)
        self.rows = rows
    }

    private static func type(of name: String) -> MetricType {
        name.hasSuffix("_total") ? .counter : name.hasSuffix("_info") ? .info : .gauge
    }

    private static func unit(of name: String) -> String? {
        let stem = name.hasSuffix("_total") ? name.dropLast("_total".count) : name[...]
        return ["seconds", "bytes", "ratio", "celsius", "watts", "hertz"].first {
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
            families.append(metric.family(of: subjects.map(\.subject), prefixes: prefixes))
        }
    }
}

extension Metric {
    fileprivate func family(of subjects: [Subject], prefixes: [[MetricLabel]]) -> MetricFamily {
        var samples: [MetricSample] = []
        for (subject, prefix) in zip(subjects, prefixes) {
            for row in rows(subject) {
                let labels = definition.labels.isEmpty ? prefix : prefix + labelled(definition.labels, row.labels)
                samples.append(MetricSample(labels: labels, value: row.value))
            }
        }
        return MetricFamily(
            definition.name, help: definition.help, type: definition.type, unit: definition.unit, samples: samples)
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
