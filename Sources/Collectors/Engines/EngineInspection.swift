package import Fleet

/// What was understood of an engine's metrics, as `inspect engine` prints it. An absent signal is an absent key, and
/// `missing` names the keys that no row has, `missing_families` the metrics that would have told them.
package struct EngineInspection: Encodable, Sendable {
    private let engine: String
    private let models: [Model]
    private let missing: [String]
    private let missingFamilies: [String]
    private let skippedLines: Int

    package init(_ sample: EngineSample) {
        engine = sample.engine
        models = sample.models.map(Model.init)
        missing = sample.missing.map(Self.key)
        let profile = EngineProfile.all.first { $0.engine == sample.engine }
        missingFamilies = sample.missing.flatMap { profile?.familiesBySignal[$0] ?? [] }.sorted()
        skippedLines = sample.skippedLines
    }

    /// The profile's name of a signal as it is written in JSON: `kvCacheUsage` is `kv_cache_usage`.
    private static func key(_ name: String) -> String {
        name.reduce(into: "") { $0 += $1.isUppercase ? "_" + $1.lowercased() : String($1) }
    }

    private enum CodingKeys: String, CodingKey {
        case engine, models, missing
        case missingFamilies = "missing_families"
        case skippedLines = "skipped_lines"
    }

    private struct Model: Encodable {
        let row: ModelSample

        enum CodingKeys: String, CodingKey {
            case model, engine, running, waiting
            case waitingForCapacity = "waiting_for_capacity"
            case kvCacheUsage = "kv_cache_usage"
            case kvCacheTokens = "kv_cache_tokens"
            case promptTokensTotal = "prompt_tokens_total"
            case generationTokensTotal = "generation_tokens_total"
            case preemptionsTotal = "preemptions_total"
            case requestsFinishedTotal = "requests_finished_total"
            case iterationsTotal = "iterations_total"
            case sleeping
            case timeToFirstToken = "time_to_first_token"
            case interTokenLatency = "inter_token_latency"
        }

        func encode(to encoder: any Encoder) throws {
            var keys = encoder.container(keyedBy: CodingKeys.self)
            try keys.encode(row.model, forKey: .model)
            try keys.encodeIfPresent(row.engine, forKey: .engine)
            try keys.encodeIfPresent(row.running, forKey: .running)
            try keys.encodeIfPresent(row.waiting, forKey: .waiting)
            try keys.encodeIfPresent(row.waitingForCapacity, forKey: .waitingForCapacity)
            try keys.encodeIfPresent(row.kvCacheUsage, forKey: .kvCacheUsage)
            try keys.encodeIfPresent(row.kvCacheTokens, forKey: .kvCacheTokens)
            try keys.encodeIfPresent(row.promptTokensTotal, forKey: .promptTokensTotal)
            try keys.encodeIfPresent(row.generationTokensTotal, forKey: .generationTokensTotal)
            try keys.encodeIfPresent(row.preemptionsTotal, forKey: .preemptionsTotal)
            try keys.encodeIfPresent(row.requestsFinishedTotal, forKey: .requestsFinishedTotal)
            try keys.encodeIfPresent(row.iterationsTotal, forKey: .iterationsTotal)
            try keys.encodeIfPresent(row.sleeping, forKey: .sleeping)
            try keys.encodeIfPresent(row.timeToFirstToken.map(Histogram.init), forKey: .timeToFirstToken)
            try keys.encodeIfPresent(row.interTokenLatency.map(Histogram.init), forKey: .interTokenLatency)
        }
    }

    /// All observations since the engine started.
    private struct Histogram: Encodable {
        let count: Double
        let sumSeconds, medianSeconds, p90Seconds: Double?

        init(_ sample: HistogramSample) {
            let nothing = HistogramSample(buckets: [], sum: nil, count: 0)
            let all = HistogramWindow(from: nothing, to: sample)
            (count, sumSeconds) = (all.count, all.sum)
            (medianSeconds, p90Seconds) = (all.quantile(0.5), all.quantile(0.9))
        }

        private enum CodingKeys: String, CodingKey {
            case count
            case sumSeconds = "sum_seconds"
            case medianSeconds = "p50_seconds"
            case p90Seconds = "p90_seconds"
        }
    }
}
