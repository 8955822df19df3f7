package import Fleet

/// Turns readings into an observation: rates from counters, ages, and what each engine's answers say about it.
///
/// A value: the same readings in the same order give the same observations.
package struct PoolObserver: Hashable, Sendable, Codable {
    private var engines: [ReplicaID: Past] = [:]

    private struct Past: Hashable, Sendable, Codable {
        var answeringSince: Timestamp
        var sampledAt: Timestamp
        var promptTokens: Double?
        var generationTokens: Double?
        var iterations: Double?
        var finished: Double?
        /// Since when the work counters have stood still.
        var stillSince: Timestamp
        var promptTokensPerSecond: Double?
        var generationTokensPerSecond: Double?
        var finishedPerSecond: Double?
    }

    /// Gauges above zero whose counters stand still for this long are left over from requests that went away
    /// (vLLM 0.10 keeps them until the next request).
    static let stillFor: Duration = .seconds(60)

    package init() {}

    /// - Parameters:
    ///   - readings: one per engine that was asked, good or bad.
    ///   - maximumAge: how old a good sample may be and still stand for the present.
    package mutating func observe(
        _ readings: [EngineReading], enginesAreReplicas: Bool, held: Double? = nil, silentGateways: Int? = nil,
        maximumAge: Duration, at now: Timestamp
    ) -> PoolObservation {
        let asked = Set(readings.map(\.id))
        engines = engines.filter { asked.contains($0.key) }
        let rows = readings.map { observe($0, maximumAge: maximumAge, at: now) }
        return PoolObservation(
            at: now, engines: rows, enginesAreReplicas: enginesAreReplicas, held: held, silentGateways: silentGateways)
    }

    private mutating func observe(
        _ reading: EngineReading, maximumAge: Duration, at now: Timestamp
    ) -> EngineObservation {
        // A sample from the future: the clock was set back since, and nobody knows how old it is.
        guard let sample = reading.sample, let sampledAt = reading.sampledAt, sampledAt <= now else {
            // It answers its health check and not its metrics: up, but its load is anybody's guess.
            if reading.healthy == true { return EngineObservation(id: reading.id, condition: .mute) }
            guard let past = engines[reading.id] else { return EngineObservation(id: reading.id, condition: .starting) }
            var silent = EngineObservation(id: reading.id, condition: .silent(reading.error ?? "no reading"))
            silent.age = past.sampledAt <= now ? now - past.sampledAt : nil
            silent.answeringSince = past.answeringSince
            return silent
        }
        let past = remember(sample, id: reading.id, sampledAt: sampledAt)
        var row = EngineObservation(id: reading.id, condition: .answering)
        row.running = plausible(sample.total(\.running))
        row.waiting = plausible(sample.total { $0.waitingForCapacity ?? $0.waiting })
        row.kvCacheUsage = sample.maximum(\.kvCacheUsage)
        row.promptTokensPerSecond = past.promptTokensPerSecond
        row.generationTokensPerSecond = past.generationTokensPerSecond
        row.finishedPerSecond = past.finishedPerSecond
        row.age = now - sampledAt
        row.answeringSince = past.answeringSince
        row.condition = condition(of: row, reading, past, maximumAge: maximumAge, at: now)
        return row
    }

    private func condition(
        of row: EngineObservation, _ reading: EngineReading, _ past: Past, maximumAge: Duration, at now: Timestamp
    ) -> EngineCondition {
        if reading.healthy == false { return .dead("health check failed") }
        if let age = row.age, age > maximumAge { return .silent(reading.error ?? "no reading for \(age.seconds) s") }
        if reading.sample?.sleeping == true { return .sleeping }
        guard let requests = row.requests else { return .mute }
        let still = past.iterations != nil && now - past.stillSince >= Self.stillFor
        return requests > 0 && still ? .leftoverGauges : .answering
    }

    private mutating func remember(_ sample: EngineSample, id: ReplicaID, sampledAt: Timestamp) -> Past {
        let iterations = sample.total(\.iterationsTotal)
        let prompt = sample.total(\.promptTokensTotal)
        let generation = sample.total(\.generationTokensTotal)
        let finished = sample.total(\.requestsFinishedTotal)
        var past =
            engines[id]
            ?? Past(answeringSince: sampledAt, sampledAt: sampledAt, iterations: iterations, stillSince: sampledAt)
        (past.answeringSince, past.stillSince) = (min(past.answeringSince, sampledAt), min(past.stillSince, sampledAt))
        let elapsed = (sampledAt - past.sampledAt).seconds
        if elapsed > 0 {
            past.promptTokensPerSecond = rate(from: past.promptTokens, to: prompt, seconds: elapsed)
            past.generationTokensPerSecond = rate(from: past.generationTokens, to: generation, seconds: elapsed)
            past.finishedPerSecond = rate(from: past.finished, to: finished, seconds: elapsed)
            if (iterations, prompt, generation) != (past.iterations, past.promptTokens, past.generationTokens) {
                past.stillSince = sampledAt
            }
        }
        (past.sampledAt, past.iterations) = (sampledAt, iterations)
        (past.promptTokens, past.generationTokens, past.finished) = (prompt, generation, finished)
        engines[id] = past
        return past
    }

    /// No engine holds a million requests, nor fewer than none: such a gauge is damaged, and a capacity learned from it
    /// would stay.
    private func plausible(_ requests: Double?) -> Double? {
        requests.flatMap { (0...1_000_000).contains($0) ? $0 : nil }
    }

    /// `nil` when either end is unknown, or when the counter fell: the engine was started anew in between.
    private func rate(from old: Double?, to new: Double?, seconds: Double) -> Double? {
        guard let old, let new, new >= old else { return nil }
        return (new - old) / seconds
    }
}

/// Optional triples have no `!=` of their own.
private func != (a: (Double?, Double?, Double?), b: (Double?, Double?, Double?)) -> Bool {
    a.0 != b.0 || a.1 != b.1 || a.2 != b.2
}
