import Fleet

/// Enough replicas to hold what is in the KV caches now with the configured share in use.
///
/// Worked example: 3 replicas at 60, 90 and 99 % hold 2.49 caches full; at 85 % that needs 2.93, so 3 replicas.
struct KVCacheNeed: Rule {
    let name = RuleName.kvCache
    let kind = RuleKind.need

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        guard tick.settings.signals.kvCacheAbove != nil else { return nil }
        let serving = Double(tick.supply.serving.count)
        // Of engines that are read as a whole each is as full as the others.
        let full =
            tick.sumOfReplicas { tick.observation.engines[$0].kvCacheUsage }
            ?? tick.meanOfEndpoints(\.kvCacheUsage).map { $0 * serving }
        guard let above = tick.settings.signals.kvCacheAbove, above > 0, let full, full > 0 else { return nil }
        return Proposal(tick.enough(for: full, each: above), .kvCache(usage: full / serving, above: above))
    }
}

/// Enough replicas for the tokens that are generated, at the load that growth aims at.
struct TokenRateNeed: Rule {
    let name = RuleName.tokenRate
    let kind = RuleKind.need

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        guard tick.settings.signals.tokensPerSecond != nil else { return nil }
        // Engines that are read as a whole tell all that there is between them.
        let rate =
            tick.sumOfReplicas { tick.observation.engines[$0].generationTokensPerSecond }
            ?? tick.sumOfEndpoints(\.generationTokensPerSecond)
        guard let perReplica = tick.settings.signals.tokensPerSecond, perReplica > 0, let rate, rate > 0 else {
            return nil
        }
        return Proposal(
            tick.enough(for: rate, each: perReplica * tick.settings.scaleUp.loadAbove),
            .tokenRate(perSecond: rate, perReplica: perReplica))
    }
}

extension TickContext {
    /// Over the serving replicas; silent ones are taken to be like those that tell. One that has just come up and cannot
    /// tell a rate yet, or whose gauges are left over, has nothing to add. `nil` when none tells, or when engines are read
    /// as a whole.
    ///
    /// - Parameter value: of the engine at this place.
    fileprivate func sumOfReplicas(_ value: (Int) -> Double?) -> Double? {
        guard observation.enginesAreReplicas else { return nil }
        var (sum, told, silent) = (0.0, 0.0, 0.0)
        func isServing(_ place: Int) -> Bool { supply.serving.place(of: observation.engines[place].id) != nil }
        for place in observation.engines.indices {
            switch observation.engines[place].condition {
            case .answering:
                guard let said = value(place), isServing(place) else { continue }
                sum += said
                told += 1
            case .silent, .mute: silent += isServing(place) ? 1 : 0
            case .starting, .leftoverGauges, .sleeping, .dead: continue
            }
        }
        return told == 0 ? nil : sum * (told + silent) / told
    }

    fileprivate func sumOfEndpoints(_ value: (EngineObservation) -> Double?) -> Double? {
        guard !observation.enginesAreReplicas else { return nil }
        let told = observation.engines.filter { $0.condition == .answering }.compactMap(value)
        return told.isEmpty ? nil : told.reduce(0, +)
    }

    fileprivate func meanOfEndpoints(_ value: (EngineObservation) -> Double?) -> Double? {
        let told = observation.engines.count { $0.condition == .answering && value($0) != nil }
        return sumOfEndpoints(value).map { $0 / Double(told) }
    }

    /// As many replicas as take `amount` with `each`; those that are there while they are too few within the tolerance.
    fileprivate func enough(for amount: Double, each: Double) -> Int {
        // A hair less, so that a quotient such as 12.000000000000002 does not order a thirteenth replica.
        let needed = wholeReplicas((amount / each - 1e-9).rounded(.up))
        let present = current - spare
        return amount <= each * (1 + settings.tolerance) * Double(present) ? min(needed, present) : needed
    }
}
