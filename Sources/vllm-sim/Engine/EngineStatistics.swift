/// Everything vLLM counts about its engine since it started.
struct EngineStatistics: Equatable, Sendable {
    var promptTokens = 0
    var generationTokens = 0
    var preemptions = 0
    /// Prompt tokens looked up in the prefix cache at first admission; every lookup misses.
    var prefixCacheQueries = 0
    var finished: [FinishReason: Int] = [:]
    var rejectedAdmissions = 0

    var iterationTokens = Histogram(Histogram.iterationTokenBounds)
    var timeToFirstToken = Histogram(Histogram.timeToFirstTokenBounds)
    var interTokenLatency = Histogram(Histogram.tokenLatencyBounds)

    // The rest moves once per request, when it finishes by itself; an aborted request leaves no trace here.
    var requestPromptTokens: Histogram
    var requestGenerationTokens: Histogram
    var requestMaxTokens: Histogram
    var requestSamples = Histogram(Histogram.parallelSampleBounds)
    var requestPreemptions = Histogram(Histogram.preemptionBounds)
    var timePerOutputToken = Histogram(Histogram.tokenLatencyBounds)
    var endToEnd = Histogram(Histogram.requestLatencyBounds)
    var queueTime = Histogram(Histogram.requestLatencyBounds)
    var inferenceTime = Histogram(Histogram.requestLatencyBounds)
    var prefillTime = Histogram(Histogram.requestLatencyBounds)
    var decodeTime = Histogram(Histogram.requestLatencyBounds)

    init(maxModelLength: Int) {
        let sizes = Histogram(Histogram.tokenCountBounds(upTo: maxModelLength))
        requestPromptTokens = sizes
        requestGenerationTokens = sizes
        requestMaxTokens = sizes
    }
}

/// The scheduler's gauges, as of the end of its last iteration.
struct EngineGauges: Equatable, Sendable {
    var running = 0
    var waiting = 0
    /// Share of the KV-cache blocks in use, 0 to 1.
    var kvCacheUsage = 0.0
}

/// Why a request ended, in the order of vLLM's own series.
enum FinishReason: String, CaseIterable, Sendable {
    case stop, length, abort, error, repetition
}
