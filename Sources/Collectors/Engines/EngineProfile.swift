package import Exposition
package import Fleet

/// How one family of engines names its signals: a table, so that another engine is another table and no code.
///
/// A signal that the engine has in no version is not in its table; the rest of what is unknown is `missing`.
package struct EngineProfile: Sendable {
    /// The engine family, as `EngineSample.engine` and the configuration have it.
    package let engine: String
    /// What to say when a body holds nothing of this table.
    package let hint: String
    /// Where the metrics are, unless the configuration says otherwise; `nil` for an engine that has none, of which only
    /// the names of its models are known.
    package let metricsPath: String?
    /// Where JSON names the models that are there, for engines whose metrics do not.
    package let modelsPath: String?
    /// Where JSON says whether the engine sleeps, for versions whose metrics do not.
    package let sleepPath: String?
    let modelLabel: String?
    /// The label of the engine core, where there are several behind one endpoint.
    let engineLabel: String?
    package let numbers: [NumberSignal]
    let histograms: [HistogramSignal]
    let sleep: SleepSignal?
    let cache: CacheSignal?
    /// The families that the table reads for each signal, by their names in text 0.0.4.
    let familiesBySignal: [String: [String]]
    package let families: Set<String>
    package let selection: NameSelection

    init(
        engine: String, hint: String, metricsPath: String? = "/metrics", modelsPath: String? = nil,
        sleepPath: String? = nil, modelLabel: String? = nil, engineLabel: String? = nil, numbers: [NumberSignal] = [],
        histograms: [HistogramSignal] = [], sleep: SleepSignal? = nil, cache: CacheSignal? = nil
    ) {
        (self.engine, self.hint, self.metricsPath, self.modelsPath) = (engine, hint, metricsPath, modelsPath)
        (self.sleepPath, self.modelLabel, self.engineLabel) = (sleepPath, modelLabel, engineLabel)
        (self.numbers, self.histograms, self.sleep, self.cache) = (numbers, histograms, sleep, cache)
        var bySignal: [String: [String]] = [:]
        for signal in numbers { bySignal[signal.name] = signal.sources.map(\.family) }
        for signal in histograms { bySignal[signal.name] = signal.families }
        if let sleep { bySignal[sleep.name] = [sleep.source.family] }
        if let cache { bySignal[cache.name] = [cache.family] }
        familiesBySignal = bySignal
        families = Set(bySignal.values.joined())
        selection = NameSelection(families: families)
    }

    /// In the order in which a body is tried for them.
    package static let all = [vllm, sglang, tgi, llamaCpp, triton, tensorRTLLM, ollama]

    /// What can be known of any engine.
    static let signalNames = vllm.numbers.map(\.name) + vllm.histograms.map(\.name) + ["kvCacheTokens", "sleeping"]
}

/// Where a series is found; text is the name of a family without parts or labels that matter.
package struct SignalSource: Hashable, Sendable, ExpressibleByStringLiteral {
    package var family: String
    /// The part of a histogram that is meant, such as `_count`.
    package var suffix: String
    /// The label that tells the series apart from others of its family.
    package var label: MetricLabel?

    package init(_ family: String, suffix: String = "", label: MetricLabel? = nil) {
        self.family = family
        self.suffix = suffix
        self.label = label
    }

    package init(stringLiteral family: String) { self.init(family) }
}

package struct NumberSignal: Sendable {
    /// How the series of one model and engine core become one number.
    package enum Fold: Sendable {
        /// Counters that are split by a label, such as the reason of an end.
        case sum
        /// Gauges. A gauge may come once per process (`pid`), and then all but one are zero.
        case maximum
    }

    /// As in `EngineSample.missing`.
    package var name: String
    package var field: any WritableKeyPath<ModelSample, Double?> & Sendable
    package var fold: Fold
    /// Names over the versions of the engine, preferred first. Several at once say the same: the first is taken.
    package var sources: [SignalSource]
}

package struct HistogramSignal: Sendable {
    package var name: String
    package var field: any WritableKeyPath<ModelSample, HistogramSample?> & Sendable
    /// Preferred first.
    package var families: [String]
    /// Seconds in one unit of the family.
    var scale = 1.0
}

/// A gauge that is 1 while the engine is awake and 0 while it sleeps.
package struct SleepSignal: Hashable, Sendable {
    package var name: String
    package var source: SignalSource
}

/// A family whose labels, not its value, tell the size of the KV cache. Without a model label it holds for all models.
package struct CacheSignal: Hashable, Sendable {
    package var name: String
    package var family: String
    /// The label with the size in tokens.
    package var tokens: String
    /// The labels whose product is that size where the former is absent.
    package var blocks: String
    package var blockSize: String
}

// MARK: - The words of the tables

extension NumberSignal {
    static func running(_ sources: SignalSource...) -> Self { gauge("running", \.running, sources) }
    static func waiting(_ sources: SignalSource...) -> Self { gauge("waiting", \.waiting, sources) }
    static func waitingForCapacity(_ sources: SignalSource...) -> Self {
        gauge("waitingForCapacity", \.waitingForCapacity, sources)
    }
    static func kvCacheUsage(_ sources: SignalSource...) -> Self { gauge("kvCacheUsage", \.kvCacheUsage, sources) }
    static func kvCacheTokens(_ sources: SignalSource...) -> Self { gauge("kvCacheTokens", \.kvCacheTokens, sources) }
    static func promptTokens(_ sources: SignalSource...) -> Self {
        counter("promptTokensTotal", \.promptTokensTotal, sources)
    }
    static func generationTokens(_ sources: SignalSource...) -> Self {
        counter("generationTokensTotal", \.generationTokensTotal, sources)
    }
    static func preemptions(_ sources: SignalSource...) -> Self {
        counter("preemptionsTotal", \.preemptionsTotal, sources)
    }
    static func requestsFinished(_ sources: SignalSource...) -> Self {
        counter("requestsFinishedTotal", \.requestsFinishedTotal, sources)
    }
    /// Only what moves with every step: an engine whose steps stand still is taken for one that does not work.
    static func iterations(_ sources: SignalSource...) -> Self {
        counter("iterationsTotal", \.iterationsTotal, sources)
    }

    private static func gauge(
        _ name: String, _ field: any WritableKeyPath<ModelSample, Double?> & Sendable, _ sources: [SignalSource]
    ) -> Self { Self(name: name, field: field, fold: .maximum, sources: sources) }

    private static func counter(
        _ name: String, _ field: any WritableKeyPath<ModelSample, Double?> & Sendable, _ sources: [SignalSource]
    ) -> Self { Self(name: name, field: field, fold: .sum, sources: sources) }
}

extension HistogramSignal {
    static func timeToFirstToken(_ families: String..., scale: Double = 1) -> Self {
        Self(name: "timeToFirstToken", field: \.timeToFirstToken, families: families, scale: scale)
    }
    static func interTokenLatency(_ families: String...) -> Self {
        Self(name: "interTokenLatency", field: \.interTokenLatency, families: families)
    }
}
