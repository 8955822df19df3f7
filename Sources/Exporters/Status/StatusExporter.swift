package import Fleet
import Forecast
import Policy

/// Renders a snapshot as JSON.
///
/// In all shapes a member whose value is unknown is absent; moments are RFC 3339 in UTC, spans are in seconds and
/// named so, counts of requests may have a fraction.
///
/// `/status.json`:
///
///     {
///       "version", "at", "started_at",
///       "pools": [{
///         "pool", "driver", "authority": {"mode", "text"}, "next_tick",
///         "current", "target", "fleet_desired", "minimum", "maximum", "fleet_error",
///         "steps": [{"rule", "from", "to", "without", "reason"}],    without: the target without a rule that moved it
///         "sizing": {"candidate", "in_time", "required", "own_in_time", "learning", "mean_replicas",
///                    "neighbours": [{"signal", "in_time", "mean_replicas"}]}    shares; mean_replicas is the cost
///         "demand": {"requests", "running", "waiting", "held", "capacity", "load", "coverage", "oldest_reading_seconds"},
///         "forecast": {"lead_seconds", "active", "skill_over_last_value", "skill_over_seasonal_naive", "error_requests",
///                      "coverage", "quantiles": [{"level", "requests"}]}    of the maximum over the lead time
///         "supply": {"serving": [id], "booting": [id], "draining", "stuck", "dead", "lost", "sleeping", "failed",
///                    "undelivered": count},
///         "cordoned": [id],            routers send these nothing new
///         "wake": {"cause", "since"},  while a pool without a serving replica is asked for
///         "engines": [{"id", "condition", "detail", "running", "waiting", "kv_cache_usage",
///                      "prompt_tokens_per_second", "generation_tokens_per_second", "age_seconds", "answering_since"}],
///         "groups": [{"id", "desired", "base", "maximum", "trouble"}],    of a pool of several, in fail-over order
///         "replicas": [{"id", "state", "group", "launched_at", "market", "zone", "endpoint", "usd_per_hour", "leaves_at"}],
///         "boots": {"p90_seconds", "expected_seconds", "measured": count, "next_eta_seconds"},
///         "usd_per_hour",
///         "recent": [{"at", "current", "target", "rule", "reason", "action", "result"}]    newest first
///       }],
///       "gpus": {"read_at", "error", "absent", "gpus": [{"index", "uuid", "name", "fault", "utilization",
///                "memory_used_bytes", "memory_total_bytes", "temperature_celsius", "power_watts"}]}
///     }
package enum StatusExporter {
    /// The body of `/status.json`.
    package static func status(_ snapshot: AgentSnapshot) -> [UInt8] {
        let document: JSON = [
            "version": JSON(snapshot.version),
            "at": JSON(snapshot.at),
            "started_at": JSON(snapshot.startedAt),
            "pools": .array(snapshot.pools.map(pool)),
            "gpus": snapshot.gpus.map { gpus($0, now: snapshot.at) },
        ]
        return document.bytes
    }

    /// The body of `/api/v1/recommendation?pool=`: `{"pool", "target", "current"}`, as KEDA's metrics-api trigger reads it.
    ///
    /// - Returns: `nil` when there is no such pool, or no decision to go by.
    package static func recommendation(_ pool: PoolID, in snapshot: AgentSnapshot) -> [UInt8]? {
        guard let decision = snapshot.pools.first(where: { $0.pool == pool })?.output?.decision,
            let target = decision.target
        else { return nil }
        let document: JSON = [
            "pool": .string(pool.rawValue), "target": .integer(target), "current": JSON(decision.current),
        ]
        return document.bytes
    }

    static func pool(_ pool: PoolSnapshot) -> JSON {
        let decision = pool.output?.decision
        let boots: JSON = [
            "p90_seconds": JSON(pool.bootP90),
            "expected_seconds": JSON(pool.settings.boot.expected),
            "measured": .integer(pool.memory.boots.measured.count),
            "next_eta_seconds": JSON(pool.bootETA),
        ]
        return [
            "pool": .string(pool.pool.rawValue),
            "driver": .string(pool.driver),
            "authority": ["mode": .string(pool.authority.name), "text": .string(pool.authority.description)],
            "next_tick": JSON(pool.output?.nextTick),
            "current": JSON(decision?.current),
            "target": JSON(decision?.target),
            "fleet_desired": JSON(pool.input?.fleet?.desired),
            "minimum": .integer(pool.settings.minimum),
            "maximum": .integer(pool.settings.maximum),
            "fleet_error": JSON(pool.input?.fleetError),
            "steps": decision.map { .array($0.steps.map(step)) },
            "sizing": pool.output?.choice.map(sizing),
            "demand": pool.output.map { demand(pool, $0.demand) },
            "forecast": pool.output?.forecast.map(forecast),
            "supply": pool.output?.supply.map(supply),
            "cordoned": ids(pool.memory.draining.map(\.id)),
            "wake": pool.memory.wake.map { ["cause": .string($0.cause.rawValue), "since": JSON($0.since)] },
            "engines": pool.input.map { .array($0.observation.engines.map(engine)) },
            "groups": pool.input?.fleet?.groups.map { .array($0.map(group)) },
            "replicas": pool.input?.fleet.map { .array($0.replicas.map(replica)) },
            "boots": boots,
            "usd_per_hour": JSON(pool.usdPerHour),
            "recent": .array(pool.recent.map(recent)),
        ]
    }

    private static func step(_ step: DecisionStep) -> JSON {
        [
            "rule": .string(step.rule.rawValue), "from": .integer(step.from), "to": .integer(step.to),
            "without": JSON(step.without), "reason": .string(step.reason.description),
        ]
    }

    private static func sizing(_ choice: ShadowChoice) -> JSON {
        let neighbours = [choice.below, choice.above].compactMap { $0 }.map { other -> JSON in
            [
                "signal": .string(other.candidate.signal.description), "in_time": JSON(other.share),
                "mean_replicas": JSON(other.meanReplicas),
            ]
        }
        return [
            "candidate": .string(choice.followed.candidate.description), "in_time": JSON(choice.followed.share),
            "required": JSON(choice.required), "own_in_time": JSON(choice.share), "learning": .bool(choice.isLearning),
            "mean_replicas": JSON(choice.followed.meanReplicas), "neighbours": .array(neighbours),
        ]
    }

    private static func demand(_ pool: PoolSnapshot, _ demand: Demand) -> JSON {
        [
            "requests": JSON(demand.requests), "running": JSON(demand.running), "waiting": JSON(demand.waiting),
            "held": JSON(demand.held), "capacity": JSON(pool.capacity), "load": JSON(pool.load),
            "coverage": JSON(demand.coverage), "oldest_reading_seconds": JSON(pool.oldestReading),
        ]
    }

    private static func forecast(_ forecast: PoolForecast) -> JSON {
        let (demand, skill) = (forecast.demand, forecast.skill)
        return [
            "lead_seconds": JSON(demand.lead), "active": .bool(skill.isActive),
            "skill_over_last_value": JSON(skill.overLastValue),
            "skill_over_seasonal_naive": JSON(skill.overSeasonalNaive),
            "error_requests": JSON(skill.absoluteError), "coverage": JSON(skill.coverage),
            "quantiles": .array(
                zip(demand.levels, demand.maximum).map { ["level": JSON($0), "requests": JSON($1)] }),
        ]
    }

    private static func supply(_ supply: Supply) -> JSON {
        let places = supply.places.map { JSON.Member(name: $0.state, value: ids($0.ids)) }
        return .object(places + [JSON.Member(name: "undelivered", value: .integer(supply.undelivered))])
    }

    private static func ids(_ ids: [ReplicaID]) -> JSON { .array(ids.map { .string($0.rawValue) }) }

    private static func engine(_ engine: EngineObservation) -> JSON {
        [
            "id": .string(engine.id.rawValue),
            "condition": .string(engine.condition.name),
            "detail": JSON(engine.condition.detail),
            "running": JSON(engine.running),
            "waiting": JSON(engine.waiting),
            "kv_cache_usage": JSON(engine.kvCacheUsage),
            "prompt_tokens_per_second": JSON(engine.promptTokensPerSecond),
            "generation_tokens_per_second": JSON(engine.generationTokensPerSecond),
            "age_seconds": JSON(engine.age),
            "answering_since": JSON(engine.answeringSince),
        ]
    }

    private static func replica(_ replica: Replica) -> JSON {
        [
            "id": .string(replica.id.rawValue),
            "state": .string(replica.state.text),
            "group": JSON(replica.group?.rawValue),
            "launched_at": JSON(replica.launchedAt),
            "market": .string(replica.market.rawValue),
            "zone": JSON(replica.zone),
            "endpoint": JSON(replica.endpoint),
            "usd_per_hour": JSON(replica.usdPerHour),
            "leaves_at": JSON(replica.leavesAt),
        ]
    }

    private static func group(_ group: GroupState) -> JSON {
        [
            "id": JSON(group.id?.rawValue), "desired": JSON(group.desired), "base": .integer(group.base),
            "maximum": JSON(group.maximum), "trouble": JSON(group.trouble?.description),
        ]
    }

    private static func recent(_ recent: RecentDecision) -> JSON {
        let binding = recent.decision.binding
        return [
            "at": JSON(recent.at),
            "current": JSON(recent.decision.current),
            "target": JSON(recent.decision.target),
            "rule": JSON(binding?.rule.rawValue),
            "reason": JSON(binding?.reason.description),
            "action": JSON(recent.action?.description),
            "result": JSON(recent.result),
        ]
    }

    private static func gpus(_ observation: GPUObservation, now: Timestamp) -> JSON {
        let reports: [JSON] = GPUReport.all(observation, now: now).map { report in
            [
                "index": .integer(report.gpu.index),
                "uuid": JSON(report.gpu.uuid),
                "name": JSON(report.gpu.name),
                "fault": JSON(report.gpu.fault),
                "utilization": JSON(report[\.utilizationRatio]),
                "memory_used_bytes": JSON(report[\.memoryUsedBytes]),
                "memory_total_bytes": JSON(report[\.memoryTotalBytes]),
                "temperature_celsius": JSON(report[\.temperatureCelsius]),
                "power_watts": JSON(report[\.powerWatts]),
            ]
        }
        return [
            "read_at": JSON(observation.readAt), "error": JSON(observation.error), "absent": .bool(observation.absent),
            "gpus": .array(reports),
        ]
    }
}
