package import Fleet
import Forecast
package import Policy

/// Why a recorded decision was made, for a person: what was seen, each step as a sentence with the count without it, and
/// what came of it.
package struct TickExplanation {
    private let pool: PoolSnapshot
    private let tick: StoredTick
    /// What became of the action, in words; `nil` when none was asked for.
    private let result: String?

    package init(_ pool: PoolID, _ tick: StoredTick, result: String?) {
        var snapshot = PoolSnapshot(
            pool: pool, driver: "", settings: tick.settings, authority: tick.input.authority, memory: tick.memoryBefore)
        (snapshot.input, snapshot.output) = (tick.input, tick.output)
        (self.pool, self.tick, self.result) = (snapshot, tick, result)
    }

    /// What `/status.json` says of a pool, as of that tick, with `at`, `action`, `result` and `events`.
    package var json: [UInt8] {
        guard case .object(let members) = StatusExporter.pool(pool) else { return [] }
        let more: JSON = [
            "at": JSON(tick.input.now), "action": JSON(tick.output.action?.action.description), "result": JSON(result),
            "events": .array(tick.output.events.map { .string($0.description) }),
        ]
        guard case .object(let added) = more else { return [] }
        return JSON.object(members.filter { !["driver", "recent"].contains($0.name) } + added).bytes
    }

    package var text: String {
        let decision = tick.output.decision
        let counts =
            decision.current.map { "\($0) \($0 == 1 ? "replica" : "replicas")" }
            .map { "\($0), target \(decision.target ?? 0)" } ?? "fleet unknown, so nothing changes"
        var lines = ["\(pool.pool), \(tick.input.now): \(counts)", "", "Seen"]
        lines += seen.map { "  \($0.0.padded(9)) \($0.1)" }
        lines += ["", "Decided"] + decision.steps.map { "  \($0.sentence)" }
        if decision.steps.isEmpty { lines.append("  nothing: the control plane did not answer") }
        lines += ["", "Done"] + done.map { "  \($0)" }
        return lines.joined(separator: "\n")
    }

    // MARK: Parts

    private var seen: [(String, String)] {
        var rows = [("demand", demand)]
        if let error = tick.input.fleetError { rows.append(("fleet", error)) }
        if let supply = tick.output.supply {
            let counts = supply.counts.filter { $0.count > 0 }.map { "\($0.count) \($0.state)" }
            rows.append(("supply", counts.isEmpty ? "nothing" : counts.joined(separator: ", ")))
        }
        if let work = tick.output.work, let arrivals = work.arrivals {
            let backlog = work.backlog.map { ", \(shortNumber($0)) intervals of one request's work waited" } ?? ""
            rows.append(("work", "\(shortNumber(arrivals)) requests at once came\(backlog)"))
        }
        rows.append(("boots", "\(spanText(pool.bootP90)) at the 90th percentile"))
        if let forecast = tick.output.forecast { rows.append(("forecast", text(forecast))) }
        return rows + sizing
    }

    private var demand: String {
        let demand = tick.output.demand
        guard let requests = demand.requests else { return "unknown: no engine answers" }
        let parts = [(demand.running, "running"), (demand.waiting, "waiting"), (demand.held, "held")]
            .compactMap { value, name in value.map { "\(shortNumber($0)) \(name)" } }
        let load = pool.load.map { ", load \(percentText($0)) with \(shortNumber(pool.capacity ?? 0)) a replica" } ?? ""
        return "\(shortNumber(requests)) requests (\(parts.joined(separator: ", ")))\(load); "
            + "\(demand.engines) of \(demand.engines + demand.missing) engines tell"
    }

    private func text(_ forecast: PoolForecast) -> String {
        let quantiles = zip(forecast.demand.levels, forecast.demand.maximum).map {
            "P\(shortNumber($0 * 100)) \(shortNumber($1))"
        }
        let skill = forecast.skill.overLastValue.map { saved in
            ", \(percentText(saved.magnitude)) \(saved < 0 ? "worse" : "better") than the last value"
        }
        return "\(quantiles.joined(separator: ", ")) requests within \(spanText(forecast.demand.lead)); "
            + (forecast.skill.isActive ? "trusted" : "not trusted") + (skill ?? ", still learning")
    }

    /// The way of sizing that was followed, and what the next lower and the next higher signal would have cost and missed.
    private var sizing: [(String, String)] {
        guard let choice = tick.output.choice else { return [] }
        func share(_ standing: ShadowStanding) -> String {
            "\(shortNumber(standing.share * 100, decimals: 2)) % in time"
        }
        let followed = choice.followed
        let learning = choice.isLearning ? ", until something has proved itself better" : ""
        var rows = [
            (
                "sizing",
                "\(followed.candidate): \(share(followed)), \(shortNumber(choice.required * 100, decimals: 2)) % required"
                    + learning
            )
        ]
        for other in [choice.below, choice.above].compactMap({ $0 }) {
            let change = other.meanReplicas / followed.meanReplicas - 1
            let cost =
                change.isFinite
                ? ", \(shortNumber(change.magnitude * 100)) % \(change < 0 ? "cheaper" : "dearer")" : ""
            rows.append(("", "\(other.candidate.signal) would have had \(share(other))\(cost)"))
        }
        return rows
    }

    private var done: [String] {
        let action = tick.output.action.map { "\($0.action): \(result ?? "nothing is recorded of an answer")" }
        return [action ?? "nothing was asked of the control plane"] + tick.output.events.map(\.description)
    }
}

extension RuleLedger {
    /// One line a rule: how long it settled the count, and what it added and denied.
    package var table: [String] {
        let rows = RuleName.allCases.compactMap { rule -> [String]? in
            guard let entry = entries[rule] else { return nil }
            func amount(_ amount: Amount) -> [String] {
                guard amount.replicaSeconds > 0 else { return ["-", "-"] }
                return [
                    shortNumber(amount.replicaSeconds / 3600, decimals: 2),
                    amount.usd > 0 ? moneyText(amount.usd) : "-",
                ]
            }
            let share = seconds > 0 ? percentText(entry.boundSeconds / seconds) : "-"
            return [rule.rawValue, spanText(.seconds(entry.boundSeconds)), share] + amount(entry.added)
                + amount(entry.denied)
        }
        return textTable([["rule", "settled", "share", "added h", "USD", "denied h", "USD"]] + rows)
    }

    package func json(_ pool: PoolID, from start: Timestamp, to end: Timestamp) -> [UInt8] {
        func amount(_ amount: Amount) -> JSON {
            ["replica_seconds": JSON(amount.replicaSeconds), "usd": JSON(amount.usd)]
        }
        let rules = RuleName.allCases.compactMap { rule in
            entries[rule].map { entry -> JSON in
                [
                    "rule": .string(rule.rawValue), "bound_seconds": JSON(entry.boundSeconds),
                    "added": amount(entry.added), "denied": amount(entry.denied),
                ]
            }
        }
        let document: JSON = [
            "pool": .string(pool.rawValue), "from": JSON(start), "to": JSON(end), "seconds": JSON(seconds),
            "rules": .array(rules),
        ]
        return document.bytes
    }
}

extension String {
    fileprivate func padded(_ width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
