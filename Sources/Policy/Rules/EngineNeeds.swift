import Fleet

/// Enough replicas to hold what is in the KV caches now with the configured share in use.
///
/// Worked example: 3 replicas at 60, 90 and 99 % hold 2.49 caches full; at 85 % that needs 2.93, so 3 replicas.
struct KVCacheNeed: Rule {
    let name = RuleName.kvCache
    let kind = RuleKind.need

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        guard let above = tick.settings.signals.kvCacheAbove, above > 0,
            let usage = tick.meanOfEngines(\.kvCacheUsage), usage > 0
        else { return nil }
        return Proposal(
            tick.whole(usage / above * Double(tick.supply.serving.count)), .kvCache(usage: usage, above: above))
    }
}

/// Enough replicas for the tokens that are generated, at the load that growth aims at.
struct TokenRateNeed: Rule {
    let name = RuleName.tokenRate
    let kind = RuleKind.need

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        guard let perReplica = tick.settings.signals.tokensPerSecond, perReplica > 0,
            let mean = tick.meanOfEngines(\.generationTokensPerSecond), mean > 0
        else { return nil }
        let (rate, up) = (mean * Double(tick.supply.serving.count), tick.settings.scaleUp)
        let (present, reason) = (
            tick.current - tick.spare, Reason.tokenRate(perSecond: rate, perReplica: perReplica)
        )
        let needed = tick.whole(rate / (perReplica * up.loadAbove))
        let isTolerable = rate <= perReplica * up.loadAbove * (1 + tick.settings.tolerance) * Double(present)
        return Proposal(isTolerable ? min(needed, present) : needed, reason)
    }
}

extension TickContext {
    /// Over the serving replicas whose engines answer and tell; silent ones are taken to be like them. A replica that
    /// boots has no part in it.
    fileprivate func meanOfEngines(_ value: KeyPath<EngineObservation, Double?>) -> Double? {
        let told = observation.engines.compactMap { engine -> Double? in
            let counts =
                engine.condition == .answering
                && (!observation.enginesAreReplicas || supply.serving.contains(engine.id))
            return counts ? engine[keyPath: value] : nil
        }
        return told.isEmpty ? nil : told.reduce(0, +) / Double(told.count)
    }

    /// A hair less, so that a quotient such as 12.000000000000002 does not order a thirteenth replica.
    fileprivate func whole(_ count: Double) -> Int { wholeReplicas((count - 1e-9).rounded(.up)) }
}
