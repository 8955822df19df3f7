import Collectors
package import Exporters
package import Fleet
package import Logging
package import Policy
package import Store

/// The walk of one sample: observe, step, record, submit, record, publish.
///
/// Owned by one task. Everything that can fail is here; everything that decides is in `PoolController`.
package struct PoolTicker: Sendable {
    package internal(set) var snapshot: PoolSnapshot
    let parts: PoolParts
    let link: GatewayLink?
    let logger: Logger
    var controller: PoolController
    private var observer = PoolObserver()
    /// What became of the last action, for the next step.
    var outcome: ActionOutcome?
    /// Actions whose receipt an earlier process did not live to write, and those whose answer was lost.
    var openIntents: [OpenIntent] = []
    /// A full disk is said once, not every tick.
    var historyFails = false
    /// When what was learned was last kept.
    var learningSaved: Timestamp?

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
}

extension StoredAction {
    /// What is known to have become of it. What was found not to be done is as good as never asked for, which only
    /// costs the time to give up on it.
    fileprivate var known: ActionOutcome.Result? {
        outcome ?? (foundDone == true ? .accepted(Receipt(reference: "found done")) : nil)
    }
}
