import Fleet

extension Reason: CustomStringConvertible {
    /// One clause that a person on call understands.
    package var description: String {
        switch self {
        case .demand(let requests, let capacity, let load):
            "\(number(requests)) requests on replicas of \(number(capacity)): load \(percent(load))"
        case .objective(let candidate, _, _, isLearning: true): "\(candidate), until something has proved itself better"
        case .objective(let candidate, let share, let required, isLearning: false):
            "\(candidate): \(percent(share)) in time, \(percent(required)) required"
        case .capacityUnknown: "the capacity of a replica is neither configured nor learned yet"
        case .withinTolerance(let load, let threshold, let tolerance):
            "load \(percent(load)) is within \(percent(tolerance)) of \(percent(threshold))"
        case .queue(let waiting, let perReplica):
            "\(number(waiting)) requests wait, one replica for every \(number(perReplica))"
        case .kvCache(let usage, let above): "\(percent(usage)) of the KV cache is in use, aiming at \(percent(above))"
        case .tokenRate(let rate, let perReplica):
            "\(number(rate)) tokens/s on replicas that generate \(number(perReplica))"
        case .lastTold(let age, let limit):
            "not all engines tell; what they told \(span(age)) ago counts for \(span(limit))"
        case .forecast(let requests, let lead): "\(number(requests)) requests are expected within \(span(lead))"
        case .prewarm(let load, let ratio, let isExpected):
            "\(isExpected ? "expected load" : "load") \(percent(load)), pre-warming from \(percent(ratio))"
        case .headroom(let replicas): "headroom of \(replicas)"
        case .spotReplacement(let ids): "the cloud takes away \(ids.map(\.rawValue).joined(separator: ", "))"
        case .schedule(let minimum): "scheduled: at least \(minimum)"
        case .wake(let cause, let since): "\(cause), since \(span(since))"
        case .fleetUnknown(let error): "the control plane does not answer: \(error)"
        case .noData: "no engine answers"
        case .partialData(let missing, let all): "\(missing) of \(all) engines do not answer and may be full"
        case .learningLost: "what was learned got lost, and is learned again"
        case .gap: "first reading after a gap"
        case .restart(let age, let window): "watching for \(span(age)) of \(span(window))"
        case .band(let load, let below): "load \(percent(load)) is not below \(percent(below))"
        case .wouldNotFit(let load, let threshold):
            "one replica less would be loaded \(percent(load)), above \(percent(threshold))"
        case .neededAgain(let requests, let within):
            "\(number(requests)) requests are expected within \(span(within)), too soon to stop and start again"
        case .bootsInFlight(let count): "\(count) booting"
        case .bootsCredited(let count, let inTime): "\(count) booting, \(number(inTime)) of them expected in time"
        case .dwell(let calm, let needed): "calm for \(span(calm)) of \(span(needed))"
        case .cooldown(let remaining): "cooldown, \(span(remaining)) left"
        case .paidFor(let remaining): "paid for, the next one may leave in \(span(remaining))"
        case .drainPending(let ids): "draining \(ids.map(\.rawValue).joined(separator: ", "))"
        case .step(let replicas, let per):
            per == .zero ? "at most \(replicas) at once" : "at most \(replicas) per \(span(per))"
        case .backOff(let until, let error): "waiting until \(until) after: \(error)"
        case .maximum(let count): "maximum \(count)"
        case .hourlyBudget(let usd): "the budget is $\(number(usd)) an hour"
        case .dailyBudget(let usd, let spent): "$\(number(spent)) of the day's $\(number(usd)) are spent"
        case .priceUnknown: "the price of a replica is not known, so the budget does not apply"
        case .minimum(let count): "minimum \(count)"
        case .atZero: "at zero, and nobody asks"
        case .idle(nil, _): "the last replica, not known to be idle"
        case .idle(let idle?, let needed): "the last replica, idle for \(span(idle)) of \(span(needed))"
        case .groupMaximum(let count): "the group's maximum is \(count)"
        case .groupsClosed(let room, let why): "room for \(room) more: \(why.joined(separator: "; "))"
        case .authority(let authority): authority.description
        }
    }
}

extension DecisionStep {
    /// Such as "maximum lowers it from 11 to 8: maximum 8; without it 11".
    package var sentence: String {
        let holds = PoolController.rules.first { $0.name == rule }?.kind == .hold
        let move =
            from == to
            ? "leaves it at \(to)"
            : holds ? "keeps \(to) instead of \(from)" : "\(to > from ? "raises" : "lowers") it from \(from) to \(to)"
        return "\(rule.rawValue) \(move): \(reason)" + (without.map { "; without it \($0)" } ?? "")
    }
}

extension WakeCall.Cause: CustomStringConvertible {
    package var description: String {
        switch self {
        case .asked: "asked for from outside"
        case .requests: "requests wait and nobody serves"
        case .forecast: "requests are expected"
        }
    }
}

extension Authority: CustomStringConvertible {
    package var description: String {
        switch self {
        case .act: "acting"
        case .advise(let why): "advice only: \(why)"
        case .paused: "paused"
        case .notLeader: "not the leader"
        }
    }

    /// One word, as metrics name it.
    package var name: String {
        switch self {
        case .act: "act"
        case .advise: "advise"
        case .paused: "paused"
        case .notLeader: "not_leader"
        }
    }
}

/// At most one decimal.
private func number(_ value: Double) -> String {
    guard value.magnitude < 1e15 else { return String(value) }
    let tenths = Int64((value * 10).rounded(.toNearestOrAwayFromZero))
    return tenths % 10 == 0 ? String(tenths / 10) : "\(tenths < 0 ? "-" : "")\(abs(tenths) / 10).\(abs(tenths) % 10)"
}

private func percent(_ ratio: Double) -> String { number(ratio * 100) + " %" }

/// Hours, minutes and seconds, the leading zeros left out: `1h 5m 0s`, `45s`.
private func span(_ duration: Duration) -> String {
    let seconds = duration.wholeMilliseconds / 1000
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60)
    return (hours > 0 ? "\(hours)h " : "") + (seconds >= 60 ? "\(minutes)m " : "") + "\(seconds % 60)s"
}
