/// How an inference engine works through requests: continuous batching with chunked prefill, without its details.
///
/// One step of the engine computes a chunk of the prompt at the head of the queue, if there is one, and one token of
/// every decoding sequence. It lasts as long as both need, so prefill slows decoding down and the other way round.
package struct EngineModel: Hashable, Sendable {
    /// Sequences that are computed at the same time at most.
    package var slots: Int
    /// Prompt tokens per second of an engine that does nothing else.
    package var prefillTokensPerSecond: Double
    /// Tokens per second of a sequence that is decoded alone.
    package var decodeTokensPerSecond: Double
    /// Each further sequence lengthens a decode step by this share of the step of a lone one.
    package var decodeSlowdown: Double
    /// Prompt tokens of one step.
    package var chunkTokens: Double
    /// Size of the KV cache. A sequence gets the blocks of its whole length when it starts, and none is preempted.
    package var kvBlocks: Int
    package var blockTokens: Int

    package init(
        slots: Int = 64, prefillTokensPerSecond: Double = 20_000, decodeTokensPerSecond: Double = 100,
        decodeSlowdown: Double = 0.03, chunkTokens: Double = 2048, kvBlocks: Int = 32_768, blockTokens: Int = 16
    ) {
        self.slots = slots
        self.prefillTokensPerSecond = prefillTokensPerSecond
        self.decodeTokensPerSecond = decodeTokensPerSecond
        self.decodeSlowdown = decodeSlowdown
        self.chunkTokens = chunkTokens
        self.kvBlocks = kvBlocks
        self.blockTokens = blockTokens
    }

    /// Seconds of a step in which `sequences` are decoded and nothing is prefilled.
    func decodeStep(_ sequences: Int) -> Double {
        sequences == 0 ? 0 : (1 + decodeSlowdown * Double(sequences - 1)) / decodeTokensPerSecond
    }

    /// Seconds that a request takes of an engine with full slots: the unit of work of a simulated pool of engines.
    package func workSeconds(_ request: TrafficArrival) -> Double {
        Double(request.promptTokens) / prefillTokensPerSecond
            + Double(request.outputTokens) * decodeStep(slots) / Double(slots)
    }

    /// Never more than there are: a request that is too long for the cache gets all of it.
    func blocks(_ request: TrafficArrival) -> Int {
        min(kvBlocks, (request.promptTokens + request.outputTokens + blockTokens - 1) / blockTokens)
    }
}

/// What an engine's gauges say.
package struct EngineLoad: Hashable, Sendable {
    package var running: Int
    package var waiting: Int
    /// 0 to 1.
    package var kvCacheUsage: Double

    package init(running: Int, waiting: Int, kvCacheUsage: Double) {
        self.running = running
        self.waiting = waiting
        self.kvCacheUsage = kvCacheUsage
    }
}
