import Fleet
import Forecast
import Policy

/// What is exported of each pool, by topic.
enum PoolMetrics {
    static let labels = ["pool"]

    static let demand = MetricGroup<PoolSnapshot>(
        title: "Demand and signals", labels: labels,
        metrics: [
            Metric(
                "demand_requests", label: "kind",
                "Requests that want to be served now: running in a batch, waiting for capacity, held at the gateway."
            ) {
                let demand = $0.output?.demand
                return [("running", demand?.running), ("waiting", demand?.waiting), ("held", demand?.held)]
            },
            Metric("capacity_requests", "Requests that one replica serves at once, configured or learned.") {
                $0.capacity
            },
            Metric(
                "load_ratio", "Demand as a share of what the current replicas can serve, those on their way included."
            ) { $0.load },
            Metric(
                "kv_cache_usage_ratio", "Share of the KV cache in use on the fullest engine that answers, 0 to 1."
            ) { $0.kvCacheUsage },
            Metric("prompt_tokens_per_second", "Prompt tokens per second, all engines that answer together.") {
                $0.rate(\.promptTokensPerSecond)
            },
            Metric("generation_tokens_per_second", "Generated tokens per second, all engines that answer together.") {
                $0.rate(\.generationTokensPerSecond)
            },
            Metric(
                "time_to_first_token_seconds", label: "level",
                "Quantiles of the time to the first token, between the two latest readings, all engines together."
            ) { quantiles($0.latency.timeToFirstToken) },
            Metric(
                "inter_token_seconds", label: "level",
                "Quantiles of the time between tokens, between the two latest readings, all engines together."
            ) { quantiles($0.latency.interTokenLatency) },
            Metric(
                "signal_coverage_ratio", "Share of the engines that should report their load and do, 0 to 1."
            ) { $0.output?.demand.coverage },
            Metric(
                "signal_age_seconds", "Age of the oldest engine reading that the latest decision counted."
            ) { $0.oldestReading?.seconds },
            Metric("engines", label: "condition", "Engines by what their answers say about them.") { pool in
                guard let engines = pool.input?.observation.engines else { return [] }
                var counts = [String: Int](minimumCapacity: 8)
                for engine in engines { counts[engine.condition.name, default: 0] += 1 }
                return EngineCondition.names.map { ($0, Double(counts[$0, default: 0])) }
            },
            Metric("reading_errors_total", "Engine readings that failed.") {
                Double($0.counters.readingErrors)
            },
        ])

    static let forecast = MetricGroup<PoolSnapshot>(
        title: "Forecast", labels: labels,
        metrics: [
            Metric(
                "forecast_requests", label: "level",
                "Demand to come: quantiles of the largest one-minute mean up to the end of the lead time."
            ) { pool in
                guard let demand = pool.output?.forecast?.demand else { return [] }
                return zip(demand.levels, demand.maximum).map { (levelText($0), $1) }
            },
            Metric(
                "forecast_lead_seconds",
                "How far ahead is forecast: the cold start that decisions reckon with, and one interval."
            ) { $0.output?.forecast?.demand.lead.seconds },
            Metric(
                "forecast_active",
                "1 while the forecast is better than the last value and so fit to act on, 0 while it is not."
            ) { $0.output?.forecast.map { $0.skill.isActive ? 1 : 0 } },
            Metric(
                "forecast_skill_ratio", label: "baseline",
                "Share of the loss that the forecast saves over a naive one; below 0 it is worse."
            ) { pool in
                let skill = pool.output?.forecast?.skill
                return [("last_value", skill?.overLastValue), ("seasonal_naive", skill?.overSeasonalNaive)]
            },
            Metric(
                "forecast_error_requests",
                "Mean absolute error of the median at the end of the lead time, some hours' worth."
            ) { $0.output?.forecast?.skill.absoluteError },
            Metric(
                "forecast_coverage_ratio",
                "Share of a day's peaks that came out at or under the configured quantile of the forecast."
            ) { $0.output?.forecast?.skill.coverage },
        ])

    static let objective = MetricGroup<PoolSnapshot>(
        title: "Objective", labels: labels,
        metrics: [
            Metric("objective_sizing_info", labels: ["sizing"], "The way of sizing that the pool follows.") { pool in
                pool.output?.choice.map { [(["\($0.followed.candidate)"], 1)] } ?? []
            },
            Metric(
                "objective_share_ratio", "Share of the requests that started in time, over some days; 0 to 1."
            ) { $0.output?.choice?.share },
            Metric(
                "objective_required_ratio",
                "Share of the requests in time that a way of sizing must have shown to be followed."
            ) { $0.output?.choice?.required },
            Metric(
                "objective_learning",
                "1 while there is too little evidence for a choice, so that the pool is sized by its load, then 0."
            ) { $0.output?.choice.map { $0.isLearning ? 1 : 0 } },
            Metric(
                "objective_sizing_share_ratio", label: "sizing",
                "Share of the requests that would have started in time: as followed, and with the next signal."
            ) { pool in neighbours(pool).map { ($0, $1.share) } },
            Metric(
                "objective_sizing_replicas", label: "sizing",
                "Replicas that it would have cost on average, actions included: as followed, and with the next signal."
            ) { pool in neighbours(pool).map { ($0, $1.meanReplicas) } },
        ])

    private static func neighbours(_ pool: PoolSnapshot) -> [(String, ShadowStanding)] {
        guard let choice = pool.output?.choice else { return [] }
        let all = [("below", choice.below), ("followed", choice.followed), ("above", choice.above)]
        return all.compactMap { name, standing in standing.map { (name, $0) } }
    }

    private static func quantiles(_ window: HistogramWindow?) -> [(String, Double?)] {
        [0.5, 0.9, 0.99].map { (levelText($0), window?.quantile($0)) }
    }

    /// A probability as a label: `0.9`.
    private static func levelText(_ level: Double) -> String { "\(level)" }

    static let supply = MetricGroup<PoolSnapshot>(
        title: "Replicas", labels: labels,
        metrics: [
            Metric("pool_info", labels: ["driver"], "The driver that changes the pool's size.") {
                [([$0.driver], 1)]
            },
            Metric("replicas", label: "state", "Replicas by where they are in their life, each in one state.") {
                $0.output?.supply?.counts.map { ($0.state, Double($0.count)) } ?? []
            },
            Metric("current_replicas", "Replicas that the latest decision counts on: serving, booting or ordered.") {
                $0.output?.decision.current.map(Double.init)
            },
            Metric("desired_replicas", "Replicas that there should be, by the latest decision.") {
                $0.output?.decision.target.map(Double.init)
            },
            Metric("fleet_desired_replicas", "The size that the control plane works towards.") {
                $0.input?.fleet?.desired.map(Double.init)
            },
            Metric("minimum_replicas", "Never fewer replicas than this, as configured.") {
                Double($0.settings.minimum)
            },
            Metric("maximum_replicas", "Never more replicas than this, as configured.") {
                Double($0.settings.maximum)
            },
            Metric(
                "headroom_replicas",
                "Serving replicas above what the demand needs at the load that growth aims at; negative when short."
            ) { $0.headroom },
            Metric(
                "cost_usd_per_hour",
                "US dollars per hour of all replicas of the pool; absent when the price of any of them is unknown."
            ) { $0.usdPerHour },
        ])

    static let boots = MetricGroup<PoolSnapshot>(
        title: "Cold starts", labels: labels,
        metrics: [
            Metric(
                "boot_p90_seconds",
                "90th percentile of the measured cold starts; the expectation while too few are measured."
            ) { $0.bootP90.seconds },
            Metric("boot_expected_seconds", "The cold start that the configuration expects.") {
                $0.settings.boot.expected.seconds
            },
            Metric("boot_deadline_seconds", "A boot that takes longer has failed and is cancelled.") {
                $0.settings.boot.deadline.seconds
            },
            Metric(
                "boot_eta_seconds",
                "Until the first booting replica should serve; 0 when it is overdue, absent when none boots."
            ) { $0.bootETA?.seconds },
            Metric("boots_total", "Replicas that answered for the first time.") {
                Double($0.counters.booted)
            },
            Metric("boots_timed_out_total", "Replicas that did not answer within the boot deadline.") {
                Double($0.counters.bootsTimedOut)
            },
            Metric("at_zero", "1 while a pool that may go to zero is there and nobody asks for it, else 0.") {
                $0.isAtZero.map { $0 ? 1 : 0 }
            },
            Metric(
                "wakes_total", labels: ["cause", "outcome"],
                "Times that a pool without a serving replica was asked for, and whether one came to serve."
            ) { pool in
                let ends = [("served", pool.counters.woken), ("failed", pool.counters.wakesFailed)]
                return WakeCall.Cause.allCases.flatMap { cause in
                    ends.map { ([cause.rawValue, $0.0], Double($0.1[cause, default: 0])) }
                }
            },
            Metric("wake_seconds_total", "From being asked for to a serving replica, all wakes together.") {
                $0.counters.wakeSeconds
            },
        ])

    static let decisions = MetricGroup<PoolSnapshot>(
        title: "Decisions", labels: labels,
        metrics: [
            Metric("authority", label: "mode", "1 for what the agent may do with the pool now, 0 for the others.") {
                pool in Authority.names.map { ($0, pool.authority.name == $0 ? 1 : 0) }
            },
            Metric(
                "decision_binding", label: "rule", "1 for the rule that settled the latest decision, 0 for the others."
            ) { pool in
                let binding = pool.output?.decision.binding?.rule
                return RuleName.allCases.map { ($0.rawValue, $0 == binding ? 1 : 0) }
            },
            Metric("decisions_total", label: "rule", "Decisions by the rule that settled them.") { pool in
                RuleName.allCases.map { ($0.rawValue, Double(pool.counters.binding[$0, default: 0])) }
            },
            Metric("rule_bound_seconds_total", label: "rule", "Time in which the rule settled the size of the pool.") {
                pool in
                RuleName.allCases.map { ($0.rawValue, pool.counters.rules[$0].boundSeconds) }
            },
            Metric(
                "rule_replica_seconds_total", labels: ["rule", "effect"],
                "Replicas, times seconds, that would not have been wanted without the rule (added), or would (denied)."
            ) { effects(of: $0) { $0.replicaSeconds } },
            Metric(
                "rule_usd_total", labels: ["rule", "effect"],
                "US dollars of the same, at the mean price of the replicas; those of unknown price count nothing."
            ) { effects(of: $0) { $0.usd } },
            Metric("ticks_total", "Rounds of reading and deciding.") { Double($0.counters.ticks) },
            Metric("tick_duration_seconds", "How long the latest round took.") {
                $0.tickDuration?.seconds
            },
            Metric("last_tick_timestamp_seconds", "When the latest round began, in Unix time.") {
                $0.input?.now.secondsSince1970
            },
            Metric("history_errors_total", "Rounds whose record could not be written to history.") {
                Double($0.counters.historyErrors)
            },
        ])

    /// Of the rules that have had an effect.
    private static func effects(
        of pool: PoolSnapshot, _ value: (RuleLedger.Amount) -> Double
    ) -> [Metric<PoolSnapshot>.Row] {
        RuleName.allCases.flatMap { rule in
            let entry = pool.counters.rules[rule]
            return [("added", entry.added), ("denied", entry.denied)].filter { $0.1.replicaSeconds > 0 }.map {
                ([rule.rawValue, $0.0], value($0.1))
            }
        }
    }

    static let actions = MetricGroup<PoolSnapshot>(
        title: "Actions", labels: labels,
        metrics: [
            Metric("actions_total", label: "kind", "Actions that the control plane accepted.") { pool in
                ScalingAction.kinds.map { ($0, Double(pool.counters.accepted[$0, default: 0])) }
            },
            Metric("driver_errors_total", label: "kind", "Calls of the control plane that failed.") { pool in
                DriverError.kinds.map { ($0, Double(pool.counters.driverErrors[$0, default: 0])) }
            },
            Metric(
                "replica_changes_total", label: "change",
                "Replicas ordered, cordoned, taken back from cordon, removed, and found dead."
            ) {
                let counters = $0.counters
                return [
                    ("ordered", Double(counters.ordered)), ("cordoned", Double(counters.cordoned)),
                    ("uncordoned", Double(counters.uncordoned)), ("removed", Double(counters.removed)),
                    ("died", Double(counters.died)),
                ]
            },
            Metric(
                "drain_killed_requests_total", "Requests that were still on a replica when it was removed."
            ) { $0.counters.cutRequests },
        ])
}
