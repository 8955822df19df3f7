/// vLLM's continuous batching as a value: iterations in virtual time, first come first served, KV cache in blocks.
///
/// Each iteration schedules, in this order:
/// 1. the running sequences, each one token of decode or the next chunk of its prompt; where blocks run out, the
///    youngest running sequence is preempted: it loses its blocks, returns to the head of the queue and is
///    recomputed later;
/// 2. if nothing was preempted, waiting sequences, as long as slots, token budget and blocks last.
///
/// An iteration lasts as long as its prompt tokens and its decode batch need. Nothing happens between the ends of
/// iterations, so stepping with a coarse `now` gives the same result as with a fine one.
/// All moments are spans since the engine's start and must not go backwards.
struct EngineScheduler: Sendable {
    typealias RequestID = Int

    struct Settings: Sendable {
        var maxSequences = 8
        /// Tokens of one iteration: a longer prompt is prefilled in chunks of at most this size.
        var maxBatchedTokens = 2048
        var maxModelLength = 8192
        /// Prompt tokens per second of the whole engine.
        var prefillTokensPerSecond = 8000.0
        /// Decoded tokens per second of each sequence.
        var decodeTokensPerSecond = 50.0
        var gpuBlocks = 8192
        var blockSize = 16
    }

    /// What the owner has to tell a client: new tokens, or the end, or both.
    struct Event: Equatable, Sendable {
        var id: RequestID
        var tokens: Int
        var ending: FinishReason?
    }

    /// How much work a request is; token counts are at least 1.
    struct Work: Equatable, Sendable {
        var promptTokens: Int
        var outputTokens: Int
        /// The limit that the client asked for; only counted.
        var maxTokens: Int
        /// How it ends once `outputTokens` are out.
        var ending: FinishReason
    }

    private struct Sequence {
        var id: RequestID
        var work: Work
        var arrived: Duration
        var firstScheduled: Duration?
        var firstToken: Duration?
        var lastToken: Duration = .zero
        var generated = 0
        /// Tokens whose keys and values are in the cache.
        var computed = 0
        var blocks = 0
        var preemptions = 0

        var tokens: Int { work.promptTokens + generated }
    }

    private struct Iteration {
        var ends: Duration
        var scheduled: [(id: RequestID, tokens: Int)]
    }

    let settings: Settings
    private(set) var statistics: EngineStatistics
    private(set) var gauges = EngineGauges()

    private var waiting: [Sequence] = []
    private var running: [Sequence] = []
    private var iteration: Iteration?
    private var usedBlocks = 0

    /// - Precondition: a request of the maximum length fits into the KV cache.
    init(_ settings: Settings) {
        precondition(settings.maxModelLength <= (settings.gpuBlocks - 1) * settings.blockSize)
        self.settings = settings
        statistics = EngineStatistics(maxModelLength: settings.maxModelLength)
    }

    /// The end of the iteration under way; `nil` when there is nothing to do.
    var nextEvent: Duration? { iteration?.ends }

    /// Requests that have not ended, whether the gauges show them or not.
    var inFlight: Int { waiting.count + running.count }

    /// One block is the null block that nobody gets.
    private var usableBlocks: Int { settings.gpuBlocks - 1 }

    // MARK: What the owner does

    mutating func submit(_ id: RequestID, _ work: Work, at now: Duration) {
        waiting.append(Sequence(id: id, work: work, arrived: now))
        startIteration(at: now)
    }

    /// Ends all iterations due by `now`.
    mutating func advance(to now: Duration) -> [Event] {
        var events: [Event] = []
        while let due = iteration, due.ends <= now {
            iteration = nil
            finish(due, &events)
            startIteration(at: due.ends)
        }
        return events
    }

    /// Forgets a request whose client went away: counted nowhere but in the tokens that it had so far.
    mutating func abort(_ id: RequestID) {
        release(running.filter { $0.id == id })
        running.removeAll { $0.id == id }
        waiting.removeAll { $0.id == id }
        if inFlight == 0 { iteration = nil }
        recordGauges()
    }

    /// Ends every request with the finish reason `abort`.
    mutating func abortAll() -> [Event] {
        let events = (running + waiting).map { Event(id: $0.id, tokens: 0, ending: .abort) }
        running = []
        waiting = []
        iteration = nil
        usedBlocks = 0
        recordGauges()
        return events
    }

    mutating func countRejectedAdmission() {
        statistics.rejectedAdmissions += 1
    }

    // MARK: One iteration

    private mutating func startIteration(at now: Duration) {
        guard iteration == nil, inFlight > 0 else { return }
        var budget = settings.maxBatchedTokens
        var scheduled: [(id: RequestID, tokens: Int)] = []
        let preempted = scheduleRunning(&scheduled, &budget)
        if !preempted { admitWaiting(&scheduled, &budget, at: now) }
        guard !scheduled.isEmpty else { return }

        let decoding = scheduled.count { $0.tokens == 1 }
        let prefillTokens = scheduled.reduce(0) { $0 + $1.tokens } - decoding
        var seconds = Double(prefillTokens) / settings.prefillTokensPerSecond
        if decoding > 0 { seconds += 1 / settings.decodeTokensPerSecond }
        iteration = Iteration(ends: now + .seconds(seconds), scheduled: scheduled)
    }

    /// - Returns: whether a sequence was preempted.
    private mutating func scheduleRunning(
        _ scheduled: inout [(id: RequestID, tokens: Int)], _ budget: inout Int
    ) -> Bool {
        var preempted = false
        var index = 0
        while index < running.count, budget > 0 {
            let tokens = min(running[index].tokens - running[index].computed, budget)
            let blocks = blocksNeeded(running[index], for: tokens)
            while usedBlocks + blocks > usableBlocks, index < running.count {
                preemptYoungest()
                preempted = true
            }
            guard index < running.count else { break }
            running[index].blocks += blocks
            usedBlocks += blocks
            budget -= tokens
            scheduled.append((running[index].id, tokens))
            index += 1
        }
        return preempted
    }

    private mutating func admitWaiting(
        _ scheduled: inout [(id: RequestID, tokens: Int)], _ budget: inout Int, at now: Duration
    ) {
        while running.count < settings.maxSequences, budget > 0, var next = waiting.first {
            let tokens = min(next.tokens, budget)
            let blocks = blocksNeeded(next, for: tokens)
            guard usedBlocks + blocks <= usableBlocks else { break }
            waiting.removeFirst()
            if next.firstScheduled == nil {
                next.firstScheduled = now
                statistics.prefixCacheQueries += next.work.promptTokens
            }
            next.blocks = blocks
            usedBlocks += blocks
            budget -= tokens
            running.append(next)
            scheduled.append((next.id, tokens))
        }
    }

    private func blocksNeeded(_ sequence: Sequence, for tokens: Int) -> Int {
        let size = settings.blockSize
        return (sequence.computed + tokens + size - 1) / size - sequence.blocks
    }

    private mutating func preemptYoungest() {
        var victim = running.removeLast()
        usedBlocks -= victim.blocks
        victim.blocks = 0
        victim.computed = 0
        victim.preemptions += 1
        statistics.preemptions += 1
        waiting.insert(victim, at: 0)
    }

    private mutating func finish(_ iteration: Iteration, _ events: inout [Event]) {
        var tokensOfIteration = 0
        var index = 0
        for (id, tokens) in iteration.scheduled {
            // Both lists are in the same order; a sequence that is gone was aborted meanwhile.
            guard let found = running[index...].firstIndex(where: { $0.id == id }) else { continue }
            running[found].computed += tokens
            index = found + 1
            guard running[found].computed == running[found].tokens else { continue }
            tokensOfIteration += countToken(ofRunning: found, at: iteration.ends)
            let isLast = running[found].generated == running[found].work.outputTokens
            events.append(Event(id: id, tokens: 1, ending: isLast ? running[found].work.ending : nil))
            if isLast {
                countFinished(running[found])
                release([running.remove(at: found)])
                index = found
            }
        }
        statistics.iterationTokens.observe(Double(tokensOfIteration))
        recordGauges()
    }

    private mutating func release(_ sequences: [Sequence]) {
        usedBlocks -= sequences.reduce(0) { $0 + $1.blocks }
    }

    private mutating func recordGauges() {
        gauges = EngineGauges(
            running: running.count, waiting: waiting.count, kvCacheUsage: Double(usedBlocks) / Double(usableBlocks))
    }

    // MARK: Bookkeeping

    /// - Returns: what the token adds to the tokens of its iteration; a first token brings its prompt along.
    private mutating func countToken(ofRunning index: Int, at now: Duration) -> Int {
        let sequence = running[index]
        running[index].generated += 1
        running[index].lastToken = now
        statistics.generationTokens += 1
        guard sequence.firstToken == nil else {
            statistics.interTokenLatency.observe(now - sequence.lastToken)
            return 1
        }
        running[index].firstToken = now
        statistics.promptTokens += sequence.work.promptTokens
        statistics.timeToFirstToken.observe(now - sequence.arrived)
        return sequence.work.promptTokens + 1
    }

    private mutating func countFinished(_ sequence: Sequence) {
        guard let scheduled = sequence.firstScheduled, let first = sequence.firstToken else { return }
        let decode = sequence.lastToken - first
        statistics.finished[sequence.work.ending, default: 0] += 1
        statistics.requestPromptTokens.observe(Double(sequence.work.promptTokens))
        statistics.requestGenerationTokens.observe(Double(sequence.generated))
        statistics.requestMaxTokens.observe(Double(sequence.work.maxTokens))
        statistics.requestSamples.observe(1)
        statistics.requestPreemptions.observe(Double(sequence.preemptions))
        statistics.timePerOutputToken.observe(decode.inSeconds / Double(max(1, sequence.generated - 1)))
        statistics.endToEnd.observe(sequence.lastToken - sequence.arrived)
        statistics.queueTime.observe(scheduled - sequence.arrived)
        statistics.inferenceTime.observe(sequence.lastToken - scheduled)
        statistics.prefillTime.observe(first - scheduled)
        statistics.decodeTime.observe(decode)
    }
}
