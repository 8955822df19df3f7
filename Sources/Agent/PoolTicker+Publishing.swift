import Collectors
import Exporters
import Fleet
import Logging
import Policy

/// What a tick leaves for people to see.
extension PoolTicker {
    mutating func publish(
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
