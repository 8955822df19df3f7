package import Collectors
package import Exporters
package import Fleet
package import Logging
package import Policy
package import Store

/// What one pool is made of: the ports it is seen and moved through.
package struct PoolParts: Sendable {
    package var pool: PoolID
    package var settings: PolicySettings
    /// As the configuration names it; `none` without one.
    package var driver: String
    package var authority: Authority
    package var inventory: any FleetInventory
    /// `nil` when nothing may be changed: then nothing that could is even constructed.
    package var actuator: (any FleetActuator)?
    package var collector: EngineCollector
    /// Engines that are read as a whole; `nil` reads every replica at its own address.
    package var pooledEngines: [EngineTarget]?
    package var history: HistoryStore

    package init(
        pool: PoolID, settings: PolicySettings, driver: String, authority: Authority, inventory: any FleetInventory,
        actuator: (any FleetActuator)?, collector: EngineCollector, pooledEngines: [EngineTarget]? = nil,
        history: HistoryStore
    ) {
        self.pool = pool
        self.settings = settings
        self.driver = driver
        self.authority = authority
        self.inventory = inventory
        self.actuator = actuator
        self.collector = collector
        self.pooledEngines = pooledEngines
        self.history = history
    }
}

/// The walk of one sample: observe, step, record, submit, record, publish.
///
/// Owned by one task. Everything that can fail is here; everything that decides is in `PoolController`.
package struct PoolTicker: Sendable {
    package private(set) var snapshot: PoolSnapshot
    private let parts: PoolParts
    private let link: GatewayLink?
    private let logger: Logger
    private var controller: PoolController
    private var observer = PoolObserver()
    /// What became of the last action, for the next step.
    private var outcome: ActionOutcome?
    /// Actions whose receipt an earlier process did not live to write, and those whose answer was lost.
    private var openIntents: [OpenIntent] = []
    /// A full disk is said once, not every tick.
    private var historyFails = false
    /// When what was learned was last kept.
    private var learningSaved: Timestamp?

    /// What is not kept is learned again from the recorded ticks, so this bounds the work of a restart.
    private static let learningKeptEvery: Duration = .seconds(900)

    /// Backs off like the driver's own.
    private static let notIdle = DriverError.rejected(message: "a gateway is not idle")

    /// Takes up where the last recorded tick stopped, or at `state` and with `learning` when they are given.
    package init(
        parts: PoolParts, state: LastState? = nil, learning given: PoolLearning? = nil, link: GatewayLink? = nil,
        at now: Timestamp, logger: Logger
    ) async {
        self.link = link
        var logger = logger
        logger[metadataKey: "pool"] = "\(parts.pool)"
        self.logger = logger
        self.parts = parts
        var memory = PoolMemory()
        var known: ActionOutcome.Result?
        do {
            var last = state
            if last == nil { last = try await parts.history.lastState(of: parts.pool) }
            if let last { (memory, observer) = (last.memory, last.observer) }
        } catch {
            logger.error("the last state cannot be read; starting without memory", metadata: ["error": "\(error)"])
        }
        do {
            openIntents = try await parts.history.openIntents(of: parts.pool)
            // The memory is from before the call; what became of it since is in history only.
            let newest = try await parts.history.actions(of: parts.pool, limit: 1).first
            if let newest, newest.id == memory.pending?.planned.id { known = newest.known }
        } catch {
            logger.error("open actions cannot be read", metadata: ["error": "\(error)"])
        }
        var learning = given
        if learning == nil {
            learning = await Self.learning(of: parts.pool, parts.settings, from: parts.history, at: now, logger)
        }
        controller = PoolController(pool: parts.pool, settings: parts.settings, memory: memory, learning: learning)
        controller.weighsRules = true
        if let pending = memory.pending { outcome = known.map { ActionOutcome(id: pending.planned.id, result: $0) } }
        snapshot = PoolSnapshot(
            pool: parts.pool, driver: parts.driver, settings: parts.settings, authority: parts.authority, memory: memory
        )
    }

    /// Goes on with what was kept, or begins anew; either learns from the recorded ticks that it missed.
    package static func learning(
        of pool: PoolID, _ settings: PolicySettings, from history: HistoryStore, at now: Timestamp, _ logger: Logger
    ) async -> PoolLearning {
        var kept: (at: Timestamp, learning: PoolLearning)?
        do {
            kept = try await history.learning(of: pool, upTo: now)
            if var learning = kept?.learning, !learning.adopt(settings) {
                logger.notice("forecast or objective changed: the pool learns anew from history")
            }
        } catch {
            logger.error("what was learned cannot be read: it is learned anew", metadata: ["error": "\(error)"])
        }
        do {
            return try await history.learned(by: pool, settings, since: kept, before: now)
        } catch {
            logger.error("recorded ticks cannot be read: nothing is learned from them", metadata: ["error": "\(error)"])
            var learning = kept?.learning ?? PoolLearning(settings)
            _ = learning.adopt(settings)
            return learning
        }
    }

    /// One tick. Returns early, with nothing decided, when the task is cancelled while it still observes.
    ///
    /// - Parameters:
    ///   - wake: when somebody outside last asked for the pool, if that was since the last tick.
    ///   - elapsed: how long it takes, measured by the caller's clock.
    package mutating func tick(
        at now: Timestamp, wake: Timestamp? = nil, elapsed: () -> Duration = { .zero }
    ) async {
        let (fleet, fleetError) = await describe()
        let readings = await read(fleet, at: now)
        guard !Task.isCancelled else { return }
        if let fleet { await reconcile(with: fleet, at: now) }

        let before = (observer: observer, memory: controller.memory)
        let gateways = link?.held(for: parts.pool)
        let observation = observer.observe(
            readings, enginesAreReplicas: parts.pooledEngines == nil, held: gateways?.requests,
            silentGateways: gateways.flatMap { $0.silent > 0 ? $0.silent : nil },
            maximumAge: parts.settings.maximumAge, at: now)
        let input = TickInput(
            now: now, observation: observation, fleet: fleet, fleetError: fleetError?.description,
            authority: parts.authority, outcome: outcome, wake: wake)
        outcome = nil
        let output = controller.step(input)

        let record = TickRecord(
            pool: parts.pool, settings: parts.settings, input: input, memoryBefore: before.memory, output: output,
            memoryAfter: controller.memory, observer: observer)
        let recorded = await append(record)
        // What a tick taught that is not recorded only this state will know.
        if recorded { await keepLearning(at: now) } else { learningSaved = nil }
        if let planned = output.action { outcome = await submit(planned, output, recorded: recorded, at: now) }
        publish(input, output, readings, took: elapsed(), at: now)
        link?.publish(snapshot, failure: wakeFailure(output))
    }

    /// Whether it is worth a tick of its own when somebody asks for the pool: nobody serves or is on the way.
    package var canBeWoken: Bool {
        guard parts.settings.scaleToZero != nil, controller.memory.wake == nil, let output = snapshot.output,
            let current = output.decision.current
        else { return false }
        // Those that were cordoned just now still count there.
        let cordoned = output.supply?.serving.count { controller.memory.draining.since($0) != nil } ?? 0
        return current - cordoned <= 0
    }

    // MARK: Between ticks

    /// Whether it ordered the first replica just now.
    package var hasOrderedFirst: Bool {
        guard case .accepted? = outcome?.result, snapshot.output?.action?.action.isGrowth == true else { return false }
        return snapshot.output?.supply?.serving.isEmpty ?? false
    }

    /// Whether a gateway waits for the first replica, and has not been told where it is.
    package var isAwaited: Bool {
        guard let held = link?.held(for: parts.pool).requests, held > 0,
            snapshot.output?.supply?.serving.isEmpty ?? false
        else { return false }
        return snapshot.input?.fleet.map { !isAnnounced($0) } ?? false
    }

    /// Tells gateways, without deciding anything, what the fleet is like since the tick.
    ///
    /// - Returns: whether there is a replica to go to.
    package func look(at now: Timestamp) async -> Bool {
        guard let link, let fleet = try? await parts.inventory.describe(), !Task.isCancelled else { return false }
        link.publish(snapshot, later: fleet, at: now)
        return isAnnounced(fleet)
    }

    private func isAnnounced(_ fleet: FleetState) -> Bool {
        fleet.replicas.contains { replica in
            replica.state.isStanding && replica.endpoint != nil && controller.memory.draining.since(replica.id) == nil
        }
    }

    // MARK: Observing

    private mutating func describe() async -> (FleetState?, DriverError?) {
        do {
            let fleet = try await parts.inventory.describe()
            for group in fleet.groups ?? [] {
                guard let id = group.id, let trouble = group.trouble else { continue }
                if !group.answers { snapshot.counters.driverErrors[trouble.kind, default: 0] += 1 }
                // Said once, not every tick.
                let before = snapshot.input?.fleet?.groups?.first { $0.id == id }?.trouble
                if before?.kind == trouble.kind { continue }
                logger.warning("group takes no orders", metadata: ["group": "\(id)", "error": "\(trouble)"])
            }
            return (fleet, nil)
        } catch {
            snapshot.counters.driverErrors[error.kind, default: 0] += 1
            logger.warning("control plane does not answer", metadata: ["error": "\(error)"])
            return (nil, error)
        }
    }

    private mutating func read(_ fleet: FleetState?, at now: Timestamp) async -> [EngineReading] {
        let targets = parts.pooledEngines ?? Self.targets(in: fleet) ?? lastTargets
        if parts.pooledEngines == nil { lastTargets = targets }
        let readings = await parts.collector.read(targets, at: now)
        for reading in readings {
            guard let error = reading.error else { continue }
            snapshot.counters.readingErrors += 1
            logger.debug("engine reading failed", metadata: ["replica": "\(reading.id)", "error": "\(error)"])
        }
        return readings
    }

    /// Asked again while the control plane is silent, so that the picture stays fresh for people at least.
    private var lastTargets: [EngineTarget] = []

    private static func targets(in fleet: FleetState?) -> [EngineTarget]? {
        fleet?.replicas.compactMap { replica in
            replica.state.isStanding ? EngineTarget(id: replica.id, endpoint: replica.endpoint) : nil
        }
    }

    // MARK: Acting

    /// Settles the actions that an earlier process asked for, or was about to, and those whose answer was lost: the
    /// fleet tells which.
    private mutating func reconcile(with fleet: FleetState, at now: Timestamp) async {
        guard !openIntents.isEmpty else { return }
        var open: [OpenIntent] = []
        for intent in openIntents {
            guard let done = intent.action.isDone(in: fleet) else {
                open.append(intent)
                continue
            }
            logger.notice(
                "open action settled",
                metadata: ["action": "\(intent.id)", "what": "\(intent.action)", "done": "\(done)"])
            await note { history async throws(HistoryError) in try await history.close(intent.id, done: done, at: now) }
            guard controller.memory.pending?.planned.id == intent.id, outcome == nil else { continue }
            if done {
                outcome = ActionOutcome(id: intent.id, result: .accepted(Receipt(reference: "found done")))
            } else {
                controller.forgetPending()
            }
        }
        openIntents = open
    }

    private mutating func keepLearning(at now: Timestamp) async {
        let isDue = learningSaved.map { now < $0 || now - $0 >= Self.learningKeptEvery } ?? true
        guard isDue, let learning = controller.learning else { return }
        let kept = await note { [pool = parts.pool] history async throws(HistoryError) in
            try await history.save(learning, of: pool, at: now)
        }
        if kept { learningSaved = now }
    }

    private mutating func append(_ record: TickRecord) async -> Bool {
        await note { history async throws(HistoryError) in try await history.append(record) }
    }

    /// A tick that has begun to act is written down to its end, even when its loop is cancelled meanwhile.
    @discardableResult
    private mutating func note(
        _ write: @escaping @Sendable (HistoryStore) async throws(HistoryError) -> Void
    ) async -> Bool {
        do {
            try await Task { [history = parts.history] in try await write(history) }.value
            if historyFails { logger.notice("history is written again") }
            historyFails = false
            return true
        } catch {
            snapshot.counters.historyErrors += 1
            if !historyFails { logger.error("history cannot be written", metadata: ["error": "\(error)"]) }
            historyFails = true
            return false
        }
    }

    /// Without a record of the intent a removal is not asked for: a crash would leave nobody who knows of it. Growth
    /// is: users wait for it, and being absolute it cannot happen twice.
    private mutating func submit(
        _ planned: PlannedAction, _ output: TickOutput, recorded: Bool, at now: Timestamp
    ) async -> ActionOutcome? {
        guard let actuator = parts.actuator else { return nil }
        if !recorded, !planned.action.isGrowth {
            controller.forgetPending()
            return nil
        }
        let cordoned = cordonedLast(planned.action, output)
        // A cancelled loop still waits for the answer of a call that it has made; the driver bounds the wait.
        let result = await Task { [link, pool = parts.pool] () -> ActionOutcome.Result in
            if let link, let cordoned, await !link.letsGo(pool, cordoned: cordoned) {
                return .failed(Self.notIdle)
            }
            do throws(DriverError) {
                return .accepted(try await actuator.submit(planned.action, id: planned.id))
            } catch {
                if cordoned != nil { link?.reopen(pool) }
                return .failed(error)
            }
        }.value
        let outcome = ActionOutcome(id: planned.id, result: result)
        await note { history async throws(HistoryError) in try await history.record(outcome, at: now) }
        switch result {
        case .accepted: snapshot.counters.accepted[planned.action.kind, default: 0] += 1
        case .failed(Self.notIdle): break
        case .failed(let error):
            snapshot.counters.driverErrors[error.kind, default: 0] += 1
            if case .outcomeUnknown = error, recorded {
                openIntents.append(OpenIntent(id: planned.id, at: now, action: planned.action))
            }
        }
        return outcome
    }

    /// Since when the replicas are cordoned whose removal leaves nobody who serves; `nil` for anything else. What the
    /// cloud takes away goes whatever a gateway says, and so does what serves nobody.
    private func cordonedLast(_ action: ScalingAction, _ output: TickOutput) -> Timestamp? {
        guard case .remove(let ids, _) = action, let supply = output.supply,
            supply.serving.allSatisfy({ ids.contains($0) || controller.memory.draining.since($0) != nil })
        else { return nil }
        let fleet = snapshot.input?.fleet
        var latest: Timestamp?
        for id in ids {
            let isLeaving = fleet?.replicas.first { $0.id == id }?.leavesAt != nil
            guard !isLeaving, let since = controller.memory.draining.since(id) else { continue }
            latest = max(latest ?? since, since)
        }
        return latest
    }

    /// Why requests that wait for a replica would do so in vain.
    private func wakeFailure(_ output: TickOutput) -> String? {
        for case .wakeFailed(_, let after) in output.events { return "no replica came within \(Int(after.seconds)) s" }
        if output.supply?.current == 0, controller.memory.crashes > 1 { return "replicas break before they serve" }
        guard output.decision.current == 0, output.action?.action.isGrowth == true,
            case .failed(let error)? = outcome?.result
        else { return nil }
        // The others may be over in a minute.
        switch error {
        case .unauthorized, .rejected: return "the control plane refuses (\(error.kind))"
        case .throttled, .noCapacity, .unreachable, .outcomeUnknown: return nil
        }
    }

    // MARK: Publishing

    private mutating func publish(
        _ input: TickInput, _ output: TickOutput, _ readings: [EngineReading], took: Duration, at now: Timestamp
    ) {
        if let last = snapshot.input, let held = snapshot.output {
            snapshot.counters.rules.add(
                held.decision, at: last.now, nextTick: held.nextTick, next: now,
                usdPerHour: last.fleet?.usdPerReplicaHour(else: parts.settings.usdPerHour))
        }
        snapshot.input = input
        snapshot.output = output
        snapshot.readings = readings
        snapshot.memory = controller.memory
        snapshot.tickDuration = took
        snapshot.counters.count(output)
        snapshot.history.append(
            HistoryPoint(
                at: now, current: output.decision.current, target: output.decision.target,
                serving: output.supply?.serving.count, requests: output.demand.requests,
                expected: output.forecast?.expected(parts.settings.forecast)))
        if snapshot.history.count > PoolSnapshot.historyKept { snapshot.history.removeFirst() }

        let moves = output.decision.target != output.decision.current || output.action != nil
        if moves {
            let recent = RecentDecision(
                at: now, decision: output.decision, action: output.action?.action, result: outcome?.result.description)
            // What is only wanted, tick after tick, is one line.
            if recent.action == nil, let newest = snapshot.recent.first, newest.action == nil,
                newest.decision.target == recent.decision.target, newest.decision.current == recent.decision.current
            {
                snapshot.recent[0] = recent
            } else {
                snapshot.recent.insert(recent, at: 0)
            }
            snapshot.recent = Array(snapshot.recent.prefix(PoolSnapshot.recentDecisionsKept))
        }
        log(output, level: moves || !output.events.isEmpty ? .info : .debug)
    }

    private func log(_ output: TickOutput, level: Logger.Level) {
        var metadata: Logger.Metadata = [
            "current": "\(output.decision.current.map(String.init) ?? "unknown")",
            "target": "\(output.decision.target.map(String.init) ?? "unknown")",
        ]
        if let binding = output.decision.binding {
            metadata["rule"] = "\(binding.rule.rawValue)"
            metadata["reason"] = "\(binding.reason)"
        }
        if let action = output.action { metadata["action"] = "\(action.action)" }
        if let outcome { metadata["result"] = "\(outcome.result)" }
        if !output.events.isEmpty { metadata["events"] = .array(output.events.map { "\($0)" }) }
        logger.log(level: level, "decision", metadata: metadata)
    }
}

extension StoredAction {
    /// What is known to have become of it. What was found not to be done is as good as never asked for, which only
    /// costs the time to give up on it.
    fileprivate var known: ActionOutcome.Result? {
        outcome ?? (foundDone == true ? .accepted(Receipt(reference: "found done")) : nil)
    }
}

extension PoolCounters {
    mutating func count(_ output: TickOutput) {
        ticks += 1
        if let binding = output.decision.binding { self.binding[binding.rule, default: 0] += 1 }
        switch output.action?.action {
        case .grow: ordered += max(0, (output.decision.target ?? 0) - (output.decision.current ?? 0))
        case .remove(let ids, _): removed += ids.count
        case .replace(let ids, _): (removed, ordered) = (removed + ids.count, ordered + ids.count)
        case .withdraw, nil: break
        }
        for event in output.events {
            switch event {
            case .booted: booted += 1
            case .bootTimedOut: bootsTimedOut += 1
            case .cordoned: cordoned += 1
            case .uncordoned: uncordoned += 1
            case .drained(_, _, let cut): cutRequests += cut
            case .died: died += 1
            case .woken(let cause, let took):
                woken[cause, default: 0] += 1
                wakeSeconds += took.seconds
            case .wakeFailed(let cause, _): wakesFailed[cause, default: 0] += 1
            case .resizedFromOutside, .forecastTrusted: break
            }
        }
    }
}
