package import Fleet

/// One reason to have more or fewer replicas.
///
/// A rule looks and proposes; how far its proposal moves the count is bounded by its kind, so that no rule can do what
/// its kind may not, whatever it returns.
package protocol Rule: Sendable {
    var name: RuleName { get }
    var kind: RuleKind { get }
    /// - Parameter target: the count as the rules before this one left it.
    /// - Returns: `nil` when the rule has nothing to say.
    func propose(_ tick: TickContext, target: Int) -> Proposal?
}

package struct Proposal: Hashable, Sendable {
    package var target: Int
    package var reason: Reason
    /// Worth telling although it changes nothing.
    package var isNotice: Bool

    package init(_ target: Int, _ reason: Reason, isNotice: Bool = false) {
        self.target = target
        self.reason = reason
        self.isNotice = isNotice
    }
}

/// What a rule may do to the count. The kinds are applied in this order.
package enum RuleKind: Sendable, CaseIterable {
    /// Only raise it.
    case need
    /// Only keep what is there: raise it, to the present count at most.
    case hold
    /// Only lower it.
    case limit
    /// Only lift it to the minimum.
    case floor

    package func bound(_ proposed: Int, target: Int, current: Int) -> Int {
        switch self {
        case .need, .floor: max(target, proposed)
        case .hold: max(target, min(proposed, current))
        case .limit: min(target, max(0, proposed))
        }
    }
}

/// What the rules of one tick look at.
package struct TickContext: Sendable {
    package var now: Timestamp
    @Shared package var settings: PolicySettings
    @Shared package var memory: PoolMemory
    package var fleet: FleetState
    package var observation: PoolObservation
    package var supply: Supply
    package var demand: Demand
    /// Requests that one replica serves at once; `nil` when neither configured nor learned.
    package var capacity: Double?
    /// `nil` where nobody forecasts, and before the first sample.
    @Shared package var forecast: PoolForecast?
    /// Boots that are expected not to be over by the time at which one ordered now would be.
    package var lateBoots = 0
    /// Requests that growth answers; `nil`: all that are there.
    package var pressing: Double?
    /// `nil` where load sizes the pool and not an objective.
    @Shared package var choice: ShadowChoice?

    init(
        now: Timestamp, settings: Shared<PolicySettings>, memory: PoolMemory, fleet: FleetState,
        observation: PoolObservation, supply: Supply, demand: Demand, capacity: Double?
    ) {
        (self.now, _settings, _memory) = (now, settings, Shared(wrappedValue: memory))
        (self.fleet, self.observation, self.supply) = (fleet, observation, supply)
        (self.demand, self.capacity) = (demand, capacity)
        (_forecast, _choice) = (Shared(wrappedValue: nil), Shared(wrappedValue: nil))
    }

    /// Whether the objective sizes the pool. Thresholds and delays then hold where the operator has set them, and have no
    /// defaults.
    package var isSteered: Bool { choice != nil }

    private var pace: DefaultPace { DefaultPace(isSteered: isSteered, isBilled: settings.minimumBilling != nil) }

    /// `nil`: as many as there are.
    var stepDown: StepLimit? { settings.scaleDown.step ?? pace.stepDown }
    var cooldownDown: Duration { settings.scaleDown.cooldown ?? pace.cooldownDown }
    var cooldownUp: Duration { settings.scaleUp.cooldown ?? pace.cooldownUp }

    /// Replicas that the decision counts on now.
    package var current: Int { supply.current }

    /// Whether nobody says what is going on.
    var isBlind: Bool { demand.engines == 0 && current > 0 }

    /// What no pace of growth may delay: what is there, and one where somebody asks for a pool at zero.
    var least: Int { memory.wake == nil ? current : max(1, current) }

    /// Share of `replicas` in use if they served `requests`; infinite for demand on nothing, `nil` when unknown.
    package func load(of requests: Double?, on replicas: Int) -> Double? {
        guard let requests, let capacity, capacity > 0 else { return nil }
        if requests == 0 { return 0 }
        return replicas > 0 ? requests / (capacity * Double(replicas)) : .infinity
    }

    /// The fewest replicas that serve `requests` at the load that growth aims at.
    package func replicas(for requests: Double) -> Int? {
        guard let capacity, capacity > 0 else { return nil }
        // A hair less, so that a quotient such as 12.000000000000002 does not order a thirteenth replica.
        return max(0, wholeReplicas((requests / (capacity * settings.scaleUp.loadAbove) - 1e-9).rounded(.up)))
    }

    /// Holds the fewest replicas on which the most that the demand can be, headroom included, is at most `threshold`.
    func fitting(_ threshold: Double) -> Proposal? {
        guard let capacity, capacity > 0, let most = demand.requestsAtMost.map({ $0 * (1 + spareShare) }), most > 0
        else {
            return nil
        }
        // A hair less, as in `replicas(for:)`.
        let fewest = max(1, wholeReplicas((most / (capacity * threshold) - 1e-9).rounded(.up)))
        let fewer = load(of: most, on: min(fewest, current - spare) - 1) ?? .infinity
        return Proposal(fewest + spare, .wouldNotFit(load: fewer, threshold: threshold))
    }

    /// Keeps `present` replicas when they are too few for `requests` by no more than the tolerance.
    func tolerable(_ requests: Double, needed: Int, on present: Int) -> Proposal? {
        let (threshold, tolerance) = (settings.scaleUp.loadAbove, settings.tolerance)
        guard needed > present, let load = load(of: requests, on: present), load <= threshold * (1 + tolerance)
        else { return nil }
        return Proposal(present, .withinTolerance(load: load, threshold: threshold, tolerance: tolerance))
    }

    /// Replicas that are kept free.
    var spare: Int { if case .replicas(let spare) = settings.headroom { spare } else { 0 } }

    /// Share of the demand that is kept free on top.
    var spareShare: Double { if case .ratio(let share) = settings.headroom { share } else { 0 } }

    /// Replicas ordered (positive) or cordoned (negative) within the last `window`.
    func changes(within window: Duration, where counts: (Int) -> Bool) -> Int {
        memory.recentSteps.filter { now - $0.at < window && counts($0.change) }.reduce(0) { $0 + abs($1.change) }
    }
}

/// A count that is too large for an integer is the largest that makes sense here; what is no number asks for nothing.
func wholeReplicas(_ count: Double) -> Int {
    count.isNaN ? 0 : Int(min(max(count, -1_000_000), 1_000_000))
}
