import Fleet

/// Enough replicas to hold what is in the KV caches now with the configured share in use.
///
/// Worked example: 3 replicas at 60, 90 and 99 % hold 2.49 caches full; at 85 % that needs 2.93, so 3 replicas.
struct KVCacheNeed: Rule {
    let name = RuleName.kvCache
    let kind = RuleKind.need

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        guard let above = tick.settings.signals.kvCacheAbove, above > 0 else { return nil }
        return tick.need(tick.kvCaches, last: tick.memory.kvCaches, each: above, full: 1) { full in
            .kvCache(usage: full / Double(tick.supply.serving.count), above: above)
        }
    }
}

/// Enough replicas for the tokens that are generated, at the load that growth aims at.
struct TokenRateNeed: Rule {
    let name = RuleName.tokenRate
    let kind = RuleKind.need

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        guard let perReplica = tick.settings.signals.tokensPerSecond, perReplica > 0 else { return nil }
        let each = perReplica * tick.settings.scaleUp.loadAbove
        return tick.need(tick.tokenRate, last: tick.memory.tokenRate, each: each, full: perReplica) { rate in
            .tokenRate(perSecond: rate, perReplica: perReplica)
        }
    }
}

/// What engines tell of something that adds up over replicas.
package struct EngineSignal {
    /// What was told when every engine told, and when that was.
    package struct Last: Hashable, Sendable, Codable {
        var amount: Double
        var at: Timestamp
    }

    private(set) var sum = 0.0
    /// Engines in it.
    private var told = 0.0
    /// Engines that should tell and do not; taken to be like those that do.
    private var silent = 0.0
    /// Engines that have just come up and cannot tell a rate yet; they have nothing to add.
    private var young = 0.0
    /// Engines that are known to have nothing to add, as their gauges are left over.
    private var idle = 0.0
    private var replicasPerEngine = 1.0

    /// The best single number; `nil` when nobody tells.
    var amount: Double? { told > 0 ? sum * (told + silent) / told : nil }

    /// Whether every engine tells.
    var isKnown: Bool { silent + young == 0 && told + idle > 0 }

    /// The most that it can be, when the replicas that do not tell have this much each.
    func most(each full: Double) -> Double { sum + (silent + young) * replicasPerEngine * full }

    /// - Parameters:
    ///   - last: `nil` when this was never told; then nothing is looked for where nobody tells.
    ///   - isMean: whether an engine that is read for several replicas tells their mean, and not their sum.
    ///   - value: of the engine at this place.
    init(_ tick: TickContext, last: Last?, isMean: Bool, _ value: (Int) -> Double?) {
        let (engines, serving) = (tick.observation.engines, tick.supply.serving)
        guard last != nil || engines.indices.contains(where: { value($0) != nil }) else { return }
        let areReplicas = tick.observation.enginesAreReplicas
        if !areReplicas { replicasPerEngine = Double(serving.count) / Double(max(1, engines.count)) }
        var next = 0
        for place in engines.indices {
            if areReplicas {
                // Both are in the order of their names.
                while next < serving.count, serving[next] < engines[place].id { next += 1 }
                guard next < serving.count, serving[next] == engines[place].id else { continue }
            }
            switch engines[place].condition {
            case .answering:
                if let said = value(place) {
                    sum += said * (isMean ? replicasPerEngine : 1)
                    told += 1
                } else if let since = engines[place].answeringSince, tick.now - since < tick.settings.stableWindow {
                    young += 1
                } else {
                    silent += 1
                }
            case .silent, .mute: silent += 1
            case .leftoverGauges: idle += 1
            case .starting, .sleeping, .dead: continue
            }
        }
    }

    /// So long what was told last keeps replicas. Unknown never shrinks; but a metric that an engine has no more, as after
    /// an update, must not keep a pool at its size for good.
    static let keptFor: Duration = .seconds(3600)
}

extension TickContext {
    /// KV caches full.
    fileprivate var kvCaches: EngineSignal {
        EngineSignal(self, last: memory.kvCaches, isMean: true) { observation.engines[$0].kvCacheUsage }
    }

    /// Tokens generated in a second.
    fileprivate var tokenRate: EngineSignal {
        EngineSignal(self, last: memory.tokenRate, isMean: false) { observation.engines[$0].generationTokensPerSecond }
    }

    /// Lets the memory take note of what every engine tells.
    func noteSignals(_ memory: inout PoolMemory) {
        func note(_ signal: EngineSignal, _ last: inout EngineSignal.Last?) {
            if signal.isKnown { last = EngineSignal.Last(amount: signal.sum, at: now) }
        }
        if settings.signals.kvCacheAbove != nil { note(kvCaches, &memory.kvCaches) }
        if settings.signals.tokensPerSecond != nil { note(tokenRate, &memory.tokenRate) }
    }

    /// As many replicas as take what is told; and of those that are there as many as take what was told last, while some
    /// engines do not tell and may have that much.
    ///
    /// - Parameters:
    ///   - each: how much of it one replica should have.
    ///   - full: the most that one has.
    fileprivate func need(
        _ signal: EngineSignal, last: EngineSignal.Last?, each: Double, full: Double, _ reason: (Double) -> Reason
    ) -> Proposal? {
        let amount = signal.amount ?? 0
        let needed = amount > 0 ? Proposal(enough(for: amount, each: each), reason(amount)) : nil
        guard !signal.isKnown, let last, now - last.at <= EngineSignal.keptFor else { return needed }
        let kept = min(current - spare, enough(for: min(last.amount, signal.most(each: full)), each: each))
        guard kept > needed?.target ?? 0 else { return needed }
        return Proposal(kept, .lastTold(age: now - last.at, limit: EngineSignal.keptFor))
    }

    /// As many replicas as take `amount` with `each`; those that are there while they are too few within the tolerance.
    private func enough(for amount: Double, each: Double) -> Int {
        // A hair less, so that a quotient such as 12.000000000000002 does not order a thirteenth replica.
        let needed = wholeReplicas((amount / each - 1e-9).rounded(.up))
        let present = current - spare
        return amount <= each * (1 + settings.tolerance) * Double(present) ? min(needed, present) : needed
    }
}
