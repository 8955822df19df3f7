package import Fleet

/// How long the engines of a pool took between two rounds of readings, all of them together.
///
/// What an engine has counted since it started anew is all of its window. Engines whose buckets differ from those of the
/// first, as versions may, are left out.
package struct PoolLatency: Hashable, Sendable {
    /// Seconds from arrival to the first token; `nil` while no engine has told it twice.
    package private(set) var timeToFirstToken: HistogramWindow?
    /// Seconds between tokens.
    package private(set) var interTokenLatency: HistogramWindow?

    package init() {}

    package init(from earlier: [EngineReading], to later: [EngineReading]) {
        let samples = Dictionary(earlier.map { ($0.id, $0.sample) }) { $1 }
        for reading in later {
            guard let sample = reading.sample, let past = samples[reading.id] ?? nil else { continue }
            for row in sample.models {
                guard let old = past.models.first(where: { $0.model == row.model && $0.engine == row.engine })
                else { continue }
                Self.add(old.timeToFirstToken, row.timeToFirstToken, to: &timeToFirstToken)
                Self.add(old.interTokenLatency, row.interTokenLatency, to: &interTokenLatency)
            }
        }
    }

    private static func add(_ old: HistogramSample?, _ new: HistogramSample?, to sum: inout HistogramWindow?) {
        guard let old, let new else { return }
        let window = HistogramWindow(from: old, to: new)
        if sum == nil { sum = window } else { sum?.add(window) }
    }
}
