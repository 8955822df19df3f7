/// What one reading of an inference engine said, one row per model and engine core.
///
/// An absent signal is `nil`, never zero: an engine that has not yet served a request may not export it.
package struct EngineSample: Hashable, Sendable, Codable {
    /// The engine family: `vllm`.
    package var engine: String
    /// Sorted by model, then engine.
    package var models: [ModelSample]
    /// Signals that the profile knows and this body lacks, by the profile's names, such as `running`; sorted.
    package var missing: [String]
    /// Lines that could not be read and were left out.
    package var skippedLines: Int

    package init(engine: String, models: [ModelSample], missing: [String] = [], skippedLines: Int = 0) {
        self.engine = engine
        self.models = models
        self.missing = missing
        self.skippedLines = skippedLines
    }
}

/// The signals of one model on one engine core.
package struct ModelSample: Hashable, Sendable, Codable {
    package var model: String
    /// The engine core's index, such as "0"; `nil` where the engine has no such label (vLLM V0).
    package var engine: String?
    /// Requests in the running batch.
    package var running: Double?
    /// Requests that wait to be scheduled, for whatever reason.
    package var waiting: Double?
    /// Requests that wait for capacity: those that another replica would help. `nil` where the engine does not say.
    package var waitingForCapacity: Double?
    /// Share of the KV cache in use, 0 to 1.
    package var kvCacheUsage: Double?
    /// Size of the KV cache in tokens.
    package var kvCacheTokens: Double?
    /// Tokens of prompts since the engine started.
    package var promptTokensTotal: Double?
    /// Generated tokens since the engine started.
    package var generationTokensTotal: Double?
    package var preemptionsTotal: Double?
    package var requestsFinishedTotal: Double?
    /// Engine steps since the start: moves whenever the engine works at all.
    package var iterationsTotal: Double?
    /// Whether the engine sleeps: it then accepts requests that no gauge shows.
    package var sleeping: Bool?
    /// Seconds from arrival to the first token.
    package var timeToFirstToken: HistogramSample?
    /// Seconds between tokens.
    package var interTokenLatency: HistogramSample?

    package init(model: String, engine: String? = nil) {
        self.model = model
        self.engine = engine
    }
}

/// A cumulative histogram as exported: ascending upper bounds, the last one infinite.
package struct HistogramSample: Hashable, Sendable, Codable {
    package struct Bucket: Hashable, Sendable, Codable {
        /// Inclusive upper bound in the unit of the histogram; `nil` is +Inf (which JSON cannot write).
        package var upperBound: Double?
        /// Observations at or below the bound since the engine started.
        package var cumulativeCount: Double

        package init(upperBound: Double?, cumulativeCount: Double) {
            self.upperBound = upperBound
            self.cumulativeCount = cumulativeCount
        }
    }

    package var buckets: [Bucket]
    package var sum: Double?
    package var count: Double

    package init(buckets: [Bucket], sum: Double?, count: Double) {
        self.buckets = buckets
        self.sum = sum
        self.count = count
    }
}

extension EngineSample {
    /// The sum over all models and engine cores, or `nil` when no row has the signal.
    package func total(_ signal: (ModelSample) -> Double?) -> Double? {
        var sum: Double?
        for row in models {
            if let value = signal(row) { sum = (sum ?? 0) + value }
        }
        return sum
    }

    /// The largest value over all models and engine cores, or `nil` when no row has the signal.
    package func maximum(_ signal: (ModelSample) -> Double?) -> Double? {
        models.compactMap(signal).max()
    }

    /// Whether any engine core sleeps; `nil` when none says.
    package var sleeping: Bool? {
        let states = models.compactMap(\.sleeping)
        return states.isEmpty ? nil : states.contains(true)
    }
}
