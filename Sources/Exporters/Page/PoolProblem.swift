import Fleet
import Policy

/// Something about a pool that a person should know before reading on.
struct PoolProblem: Hashable {
    var text: String
    /// Requests suffer or nothing is decided, as opposed to: something is not as it should be.
    var isUrgent: Bool

    /// The most urgent first.
    static func all(_ pool: PoolSnapshot, now: Timestamp) -> [PoolProblem] {
        var urgent: [String] = []
        var others: [String] = []
        if let input = pool.input {
            // Two rounds may be missed by a slow control plane; more means that the loop stands still.
            let late = now - input.now
            if late > pool.settings.interval * 4 { urgent.append("no decision for \(spanText(late))") }
            if input.fleet == nil {
                urgent.append("the control plane does not answer: \(input.fleetError ?? "no reason given")")
            }
        }
        if let demand = pool.output?.demand, demand.missing > 0 {
            others.append("\(demand.missing) of \(demand.engines + demand.missing) engines do not report their load")
        }
        if let supply = pool.output?.supply {
            for (count, what) in [
                (supply.stuck.count, "past the boot deadline"), (supply.dead.count, "failing the health check"),
                (supply.lost.count, "silent for long"), (supply.failed.count, "failed by the control plane's word"),
            ] where count > 0 {
                others.append("\(count) \(count == 1 ? "replica" : "replicas") \(what)")
            }
        }
        if let step = pool.output?.decision.binding, step.rule == .maximum || step.rule == .groupMaximum,
            step.from > step.to
        {
            urgent.append("the demand asks for \(step.from) replicas, \(step.reason)")
        }
        for case let backOff? in [pool.memory.backOff, pool.memory.removalBackOff] where backOff.until > now {
            others.append("waiting until \(clockText(backOff.until)) after \(backOff.error)")
        }
        return urgent.map { PoolProblem(text: $0, isUrgent: true) }
            + others.map { PoolProblem(text: $0, isUrgent: false) }
    }
}
