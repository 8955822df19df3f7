package import Fleet
import Forecast

/// Decides the size of one pool: the same function live, in a backtest and in the replay of a recorded day.
///
/// A value without clock, I/O or randomness. Equal settings, memory and input give an equal output.
package struct PoolController: Sendable {
    @Shared package var settings: PolicySettings
    package private(set) var memory: PoolMemory
    /// `nil` where nothing is learned: demand is then met as it comes.
    package private(set) var learning: PoolLearning?
    /// Whether decisions tell what each rule made of them, which takes a microsecond more.
    package var weighsRules = false
    private let pool: PoolID

    /// In the order in which they are asked; `step` relies on the needs coming first.
    package static let rules: [any Rule] = needs + rest

    static let needs: [any Rule] = [
        ObjectiveNeed(), ObservedDemand(), Queue(), KVCacheNeed(), TokenRateNeed(), ForecastNeed(), Prewarm(),
        HeadroomRule(), BootCredit(), SpotReplacement(), ScheduleFloor(), WakeNeed(),
    ]
    static let rest: [any Rule] = [
        FreshData(), AfterGap(), Band(), ForecastHold(), Consolidation(), BootsInFlight(), Dwell(), CooldownDown(),
        MinimumBilling(), DrainPending(), StepDown(),
        CooldownUp(), StepUp(), BackOffRule(), Maximum(), BudgetLimit(), GroupMaximum(), Minimum(), KeepAlive(),
    ]

    package init(
        pool: PoolID, settings: PolicySettings, memory: PoolMemory = PoolMemory(), learning: PoolLearning? = nil
    ) {
        self.pool = pool
        _settings = Shared(wrappedValue: settings)
        self.memory = memory
        self.learning = learning
    }

    /// One decision.
    ///
    /// 1. Take note of what became of the last action. 2. Without the control plane's word: hold. 3. Sort the replicas.
    /// 4. Forecast. 5. Ask the rules. 6. Turn the difference into one action, as far as authority allows.
    package mutating func step(_ input: TickInput) -> TickOutput {
        noteGap(now: input.now)
        let past = absorb(input.outcome, now: input.now)
        defer { memory.lastTick = input.now }

        guard let fleet = input.fleet else {
            (memory.calmSince, memory.wasBlind) = (nil, true)
            if let asked = input.wake { memory.call(.asked, at: asked, settings, now: input.now) }
            noteSpending(nil, now: input.now)
            let demand = Demand(input.observation, leaving: [], lost: [], capacity: capacity)
            if memory.isWanted(input.wake, demand, input.observation) { memory.idleSince = nil }
            let decision = Decision(current: nil, target: nil, steps: [])
            var output = TickOutput(
                decision: decision, supply: nil, demand: demand, events: past, nextTick: input.now + settings.interval)
            let work = work(demand, input.observation, nil, now: input.now)
            output.work = work
            let settings = settings
            output.forecast = trusted(learning?.learn(work, settings, now: input.now).forecast, &output.events)
            return output
        }

        var (supply, events) = Supply.sort(
            fleet: fleet, observation: input.observation, settings: settings, memory: &memory, now: input.now)
        events = past + events
        if input.authority == .act { cordonLeaving(supply, &events, now: input.now) }
        if fleet.groups != nil { noteShortages(fleet, now: input.now) }
        noteCrashes(supply, events, now: input.now)
        noteResize(fleet, &events, now: input.now)
        learnCapacity(input.observation, supply, now: input.now)

        var demand = Demand(
            input.observation, leaving: Set(supply.draining + supply.stuck), lost: Set(supply.lost), capacity: capacity)
        if settings.scaleToZero != nil, supply.isAtZero(fleet), input.wake == nil, memory.wake == nil {
            demand.settleAtZero()
        }
        noteSpending(fleet, now: input.now)
        var tick = TickContext(
            now: input.now, settings: _settings, memory: memory, fleet: fleet, observation: input.observation,
            supply: supply, demand: demand, capacity: capacity)
        tick.noteSignals(&memory)
        tick.lateBoots = supply.lateBoots(fleet, memory, settings, now: input.now)
        let work = work(demand, input.observation, supply, lateBoots: tick.lateBoots, now: input.now)
        tick.pressing = memory.work.flatMap { tick.pressing(work.arrivals, $0) }
        let lesson = learning?.learn(work, tick.settings, paidFor: tick.nextPaidFor, now: input.now)
        tick.choice = lesson?.choice
        if tick.choice?.isLearning == false { memory.hasLearned = true }
        tick.forecast = trusted(lesson?.forecast, &events)
        events += memory.noteWake(input.wake, tick)
        memory.noteIdle(input.wake, tick)
        if (tick.memory.wake, tick.memory.idleSince) != (memory.wake, memory.idleSince) { tick.memory = memory }
        var decision = Decision(current: tick.current, target: 0, steps: [])
        let needed = Self.ask(Self.needs, tick, target: 0, &decision.steps)
        noteCalm(needed: needed, tick)
        if tick.memory.calmSince != memory.calmSince { tick.memory = memory }
        decision.target = Self.ask(Self.rest, tick, target: needed, &decision.steps)
        memory.wasBlind = tick.isBlind

        var action: PlannedAction?
        if input.authority == .act {
            let plan = ActionPlan(tick: tick, decision: decision)
            action = carryOut(plan, &supply, &events, tick)
        } else if let target = decision.target {
            decision.steps.append(
                DecisionStep(rule: .authority, from: target, to: target, reason: .authority(input.authority)))
        }
        if weighsRules { decision.weigh(Self.rules, tick) }
        return TickOutput(
            decision: decision, supply: supply, demand: demand, work: work, forecast: tick.forecast,
            choice: tick.choice, action: action, events: events, nextTick: input.now + settings.interval)
    }

    // MARK: Learning

    /// - Parameter supply: `nil` when the control plane does not answer.
    private mutating func work(
        _ demand: Demand, _ observation: PoolObservation, _ supply: Supply?, lateBoots: Int = 0, now: Timestamp
    ) -> PoolWork {
        var meter = memory.work ?? WorkMeter()
        let (arrivals, backlog) = meter.measure(demand, observation, interval: settings.interval, now: now)
        memory.work = meter
        var (spare, share) = (0, 0.0)
        switch settings.headroom {
        case .replicas(let replicas): spare = replicas
        case .ratio(let ratio): share = ratio
        }
        // Neither spare replicas nor boots that come late are the objective's: it would keep them, and more would be added.
        let sparesBooting = supply.map { max(0, spare - $0.serving.count) } ?? 0
        return PoolWork(
            arrivals: arrivals, backlog: backlog, capacity: capacity.map { $0 / (1 + share) },
            ready: supply.map { max(0, $0.serving.count - spare) },
            booting: supply.map { max(0, $0.booting.count + $0.undelivered - sparesBooting - lateBoots) },
            boot: memory.boots.p90(expected: settings.boot.expected))
    }

    /// Takes note of whether forecasts are good enough to be acted on.
    private mutating func trusted(_ forecast: PoolForecast?, _ events: inout [PoolEvent]) -> PoolForecast? {
        guard let isActive = forecast?.skill.isActive else { return nil }
        if isActive != memory.forecastTrusted ?? false { events.append(.forecastTrusted(isActive)) }
        memory.forecastTrusted = isActive
        return forecast
    }

    // MARK: Rules

    /// - Returns: the target as the rules leave it.
    private static func ask(
        _ rules: [any Rule], _ tick: TickContext, target: Int, _ steps: inout [DecisionStep]
    ) -> Int {
        var target = target
        for index in rules.indices {
            guard let proposal = rules[index].propose(tick, target: target) else { continue }
            let rule = rules[index]
            let bounded = rule.kind.bound(proposal.target, target: target, current: tick.current)
            // A need speaks even when it is met already; a hold or a limit only when it makes a difference.
            guard bounded != target || rule.kind == .need || proposal.isNotice else { continue }
            steps.append(DecisionStep(rule: rule.name, from: target, to: bounded, reason: proposal.reason))
            target = bounded
        }
        return target
    }

    /// Calm is when full data says that fewer replicas would do.
    private mutating func noteCalm(needed: Int, _ tick: TickContext) {
        let calm =
            needed < tick.current && !tick.isBlind && !tick.memory.wasBlind
            && (Band().propose(tick, target: needed)?.target ?? 0) < tick.current
            && (FreshData().propose(tick, target: needed)?.target ?? 0) < tick.current
        memory.calmSince = calm ? memory.calmSince ?? tick.now : nil
    }

    // MARK: Actions

    private mutating func carryOut(
        _ plan: ActionPlan, _ supply: inout Supply, _ events: inout [PoolEvent], _ tick: TickContext
    ) -> PlannedAction? {
        if !plan.uncordon.isEmpty {
            let kept = Set(plan.uncordon)
            memory.draining.removeAll { kept.contains($0.id) }
            events += plan.uncordon.map { .uncordoned($0) }
        }
        cordon(plan.cordon, &events, now: tick.now)
        if !plan.cordon.isEmpty { noteShrunk(by: plan.cordon.count, at: tick.now) }
        // One thing at a time: until an answer is known, nothing more is asked for.
        guard let wanted = plan.action, memory.pending == nil else { return nil }
        if memory.holdsBack(wanted, now: tick.now) { return nil }
        memory.actionsPlanned += 1
        let id = ActionID(rawValue: "\(pool)-\(tick.now.millisecondsSince1970)-\(memory.actionsPlanned)")
        let planned = PlannedAction(id: id, action: wanted)
        if plan.cancelled > 0 { noteShrunk(by: plan.cancelled, at: tick.now) }
        memory.pending = PoolMemory.Pending(planned: planned, at: tick.now, growth: plan.growth, leaving: plan.leaving)
        return planned
    }

    /// What the cloud is about to take gets nothing new.
    private mutating func cordonLeaving(_ supply: Supply, _ events: inout [PoolEvent], now: Timestamp) {
        cordon(supply.draining.filter { memory.draining.since($0) == nil }, &events, now: now)
    }

    private mutating func cordon(_ ids: [ReplicaID], _ events: inout [PoolEvent], now: Timestamp) {
        guard !ids.isEmpty else { return }
        memory.draining.track(memory.draining.map(\.id) + ids, now: now)
        events += ids.map { .cordoned($0) }
    }

    private mutating func absorb(_ outcome: ActionOutcome?, now: Timestamp) -> [PoolEvent] {
        guard let pending = memory.pending else { return [] }
        guard let outcome, pending.planned.id == outcome.id else {
            // An outcome that never comes must not stop everything; the fleet itself shows what happened.
            return now - pending.at > settings.interval * 4 ? noteAccepted(pending, now: now) : []
        }
        switch outcome.result {
        case .accepted, .failed(.outcomeUnknown):
            var group = memory[group: pending.planned.action.group]
            if pending.growth == 0 { group.removalBackOff = nil }
            // Of several groups one that accepts may still fail to deliver: its failures are counted on.
            if group.id == nil, pending.growth > 0 || group.backOff?.error.isRefusal == false { group.backOff = nil }
            memory[group: group.id] = group
            return noteAccepted(pending, now: now)
        case .failed(let error):
            memory.pending = nil
            noteFailure(error, in: pending.planned.action.group, isGrowth: pending.growth > 0, now: now)
            return []
        }
    }

    /// A lost answer may have been a yes: the cooldown runs, and the next look at the fleet tells the truth.
    private mutating func noteAccepted(_ pending: PoolMemory.Pending, now: Timestamp) -> [PoolEvent] {
        memory.pending = nil
        memory.lastAnswered = now
        if case .remove(let ids, _) = pending.planned.action {
            memory.removed.track(memory.removed.map(\.id) + ids, now: now)
        }
        if pending.growth > 0 {
            memory.lastScaleUp = pending.at
            note(change: pending.growth, at: pending.at)
        }
        return pending.leaving.map { .drained($0.id, took: pending.at - $0.since, cutRequests: $0.cutRequests) }
    }

    private mutating func noteFailure(_ error: DriverError, in id: GroupID?, isGrowth: Bool, now: Timestamp) {
        var group = memory[group: id]
        let held = !isGrowth && error.isRefusal ? \GroupMemory.removalBackOff : \GroupMemory.backOff
        let earlier = group[keyPath: held].flatMap { id == nil || now - $0.until < Self.longestBackOff * 2 ? $0 : nil }
        let failures = min((earlier?.failures ?? 0) + 1, 6)
        var wait = settings.interval * (1 << (failures - 1))
        if case .throttled(let retryAfter?, _) = error { wait = max(wait, retryAfter) }
        // With others to ask, machines that are out are worth a longer wait: each new try costs a minute.
        if id != nil, case .noCapacity = error { wait *= 4 }
        let until = now + min(wait, Self.longestBackOff)
        group[keyPath: held] = PoolMemory.BackOff(until: until, failures: failures, error: error)
        memory[group: group.id] = group
    }

    private mutating func noteShortages(_ fleet: FleetState, now: Timestamp) {
        for (id, error) in Placement(fleet: fleet, memory: memory, settings: settings, now: now).newlyShort {
            noteFailure(error, in: id, isGrowth: true, now: now)
        }
    }

    static let longestBackOff: Duration = .seconds(300)

    /// Forgets an action that the caller knows will never have an outcome: it was planned and not submitted.
    package mutating func forgetPending() {
        memory.pending = nil
    }

    // MARK: Memory

    private var capacity: Double? { settings.capacity ?? memory.learnedCapacity }

    /// Replicas that break as they start are no reason to start more at once: growth waits twice as long each time, until
    /// one boots. A single one that breaks is replaced without delay.
    private mutating func noteCrashes(_ supply: Supply, _ events: [PoolEvent], now: Timestamp) {
        if events.contains(where: { if case .booted = $0 { true } else { false } }) { memory.crashes = 0 }
        let fresh = supply.failed.filter { memory.failed.since($0) == nil }
        memory.failed.track(supply.failed, now: now)
        guard let last = fresh.last else { return }
        memory.crashes = min(memory.crashes + 1, 8)
        guard memory.crashes > 1 else { return }
        let wait = min(settings.interval * (1 << (memory.crashes - 2)), Self.longestBackOff)
        memory.backOff = PoolMemory.BackOff(
            until: now + wait, failures: memory.crashes,
            error: .rejected(message: "replicas break before they serve, the latest is \(last)"))
    }

    /// - Parameter fleet: `nil` when the control plane does not answer; what there was goes on costing.
    private mutating func noteSpending(_ fleet: FleetState?, now: Timestamp) {
        guard settings.budget?.usdPerDay != nil else { return }
        let clock = settings.forecast.calendar.clock
        var spending = memory.spending ?? Spending(day: clock.date(at: now), usd: 0)
        spending.upTo = spending.upTo ?? memory.lastTick
        spending.count(fleet?.pricesPerHour(else: settings.usdPerHour)?.reduce(0, +), to: now, clock)
        memory.spending = spending
    }

    private mutating func noteGap(now: Timestamp) {
        let gap = memory.lastTick.map { now - $0 }
        // Ticks that take long, with a short interval, are no gaps.
        if let gap, gap >= .zero, gap <= max(settings.interval * 4, settings.stableWindow) { return }
        if let gap, gap < .zero {
            memory.forgetFuture(now: now)
        } else {
            memory.forgiveGap(now: now, interval: settings.interval)
        }
        memory.watchingSince = now
        (memory.calmSince, memory.idleSince) = (nil, nil)
    }

    private mutating func noteResize(_ fleet: FleetState, _ events: inout [PoolEvent], now: Timestamp) {
        defer { memory.lastDesired = fleet.desired }
        guard let old = memory.lastDesired, let new = fleet.desired, old != new, memory.pending == nil,
            memory.lastAnswered.map({ now - $0 > settings.interval * 4 }) ?? true
        else { return }
        events.append(.resizedFromOutside(from: old, to: new))
        if new > old { memory.lastScaleUp = now } else { memory.lastScaleDown = now }
    }

    private mutating func noteShrunk(by count: Int, at now: Timestamp) {
        memory.lastScaleDown = now
        note(change: -count, at: now)
    }

    private mutating func note(change: Int, at now: Timestamp) {
        memory.recentSteps.append(PoolMemory.Step(at: now, change: change))
        let longest = max(
            settings.scaleUp.step?.per ?? .zero, settings.scaleDown.step?.per ?? .zero, settings.interval * 4)
        memory.recentSteps.removeAll { now - $0.at > longest }
    }

    /// Running requests are bounded by the engine's slots, and reach the bound while others wait. One reading with a
    /// queue shows nothing: every request waits for the next step of its engine.
    ///
    /// A replica that long prompts or a full KV cache hold up has its queue with fewer running. Where most replicas have one,
    /// the capacity comes down to what runs meanwhile, in about ten minutes; to half of the largest batch at least, since a
    /// queue may have another cause, which no number of replicas cures.
    private mutating func learnCapacity(_ observation: PoolObservation, _ supply: Supply, now: Timestamp) {
        guard settings.capacity == nil, observation.enginesAreReplicas else { return }
        let queueing = observation.engines.filter {
            $0.condition == .answering && ($0.waiting ?? 0) > 0 && supply.serving.place(of: $0.id) != nil
        }
        memory.queueing.track(queueing.map(\.id), now: now)
        let batches = queueing.compactMap { engine -> Double? in
            guard let running = engine.running, running > 0,
                let since = engine.answeringSince, now - since >= settings.stableWindow,
                let queueingSince = memory.queueing.since(engine.id), now - queueingSince >= settings.stableWindow
            else { return nil }
            return running
        }
        guard let largest = batches.max() else { return }
        let known = max(memory.learnedCapacity ?? 0, largest)
        let most = max(memory.largestBatch ?? 0, known)
        (memory.learnedCapacity, memory.largestBatch) = (known, most)
        guard batches.count * 2 > supply.serving.count else { return }
        let mean = batches.reduce(0, +) / Double(batches.count)
        let share = min(1, settings.interval.seconds / Self.capacityMemory)
        memory.learnedCapacity = max(min(known, most / 2), known + share * (mean - known))
    }

    /// In seconds.
    private static let capacityMemory = 600.0
}
