import Exporters
import Fleet
import Logging
import Policy
import Store

/// What a tick calls for: orders, their outcomes, and the record of both.
extension PoolTicker {
    /// Backs off like the driver's own.
    private static let notIdle = DriverError.rejected(message: "a gateway is not idle")

    /// What is not kept is learned again from the recorded ticks, so this bounds the work of a restart.
    private static let learningKeptEvery: Duration = .seconds(900)

    /// Settles the actions that an earlier process asked for, or was about to, and those whose answer was lost: the
    /// fleet tells which.
    mutating func reconcile(with fleet: FleetState, at now: Timestamp) async {
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

    mutating func keepLearning(at now: Timestamp) async {
        let isDue = learningSaved.map { now < $0 || now - $0 >= Self.learningKeptEvery } ?? true
        guard isDue, let learning = controller.learning else { return }
        let kept = await note { [pool = parts.pool] history async throws(HistoryError) in
            try await history.save(learning, of: pool, at: now)
        }
        if kept { learningSaved = now }
    }

    mutating func append(_ record: TickRecord) async -> Bool {
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
    mutating func submit(
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
    func wakeFailure(_ output: TickOutput) -> String? {
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
}
