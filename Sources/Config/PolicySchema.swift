import Forecast
import Policy

extension PolicySettings {
    /// The keys of a pool that say how it is sized, except its bounds.
    static func read(_ pool: MappingReader, _ zones: ZoneFiles) -> PolicySettings {
        var settings = PolicySettings()
        let forecast = pool.mapping("forecast")
        forecast.read("act", .yesOrNo, into: &settings.signals.actsOnForecast)
        settings.forecast = ForecastSettings.read(forecast, zones)
        pool.read("interval", .duration(.seconds(1) ... .seconds(300), example: "15s"), into: &settings.interval)
        pool.read("capacity", .number(0.01...1_000_000, example: "16"), into: &settings.capacity)
        let policy = pool.mapping("policy")
        readThresholds(pool, policy, &settings)
        readHeadroom(policy.mapping("headroom"), &settings)
        let queue = policy.mapping("queue")
        queue.read(
            "requests_per_replica", .number(0.01...1_000_000, example: "5"), into: &settings.requestsPerReplicaInQueue)
        queue.finish()
        policy.read("kv_cache_above", .orOff(.percent(0.01...1, example: "85%")), into: &settings.signals.kvCacheAbove)
        policy.read(
            "tokens_per_second", .number(0.01...1_000_000_000, example: "2500"), into: &settings.signals.tokensPerSecond
        )
        policy.read("tolerance", .percent(0...0.5, example: "10%"), into: &settings.tolerance)
        settings.maximumAge = settings.interval * 3
        policy.read("maximum_age", .upToADay(from: .seconds(1), example: "45s"), into: &settings.maximumAge)
        if settings.maximumAge < settings.interval, policy.isSound("maximum_age") {
            policy.warning(
                at: "maximum_age", "shorter than interval, so one late reading is missing data", "3 x interval is usual"
            )
        }
        policy.read("stable_window", .upToADay(example: "60s"), into: &settings.stableWindow)
        readPrewarm(policy, &settings)
        settings.schedules = Schedule.readAll(policy, settings.forecast.calendar.clock)
        policy.finish()
        readLives(pool, &settings)
        readMoney(pool, &settings)
        return settings
    }

    private static func readThresholds(_ pool: MappingReader, _ policy: MappingReader, _ settings: inout PolicySettings)
    {
        let up = policy.mapping("scale_up")
        let down = policy.mapping("scale_down")
        let load = ValueKind.percent(0.01...2, example: "80%")
        pool.read("target_load", load, into: &settings.scaleUp.loadAbove)
        up.read("load_above", load, into: &settings.scaleUp.loadAbove)
        down.read("load_below", load, into: &settings.scaleDown.loadBelow)
        if pool.has("target_load"), up.has("load_above") {
            pool.problem(
                at: "target_load", "it is short for policy.scale_up.load_above, which is given too", "keep one of them")
        } else if let below = settings.scaleDown.loadBelow, below >= settings.scaleUp.loadAbove,
            up.isSound("load_above"), pool.isSound("target_load")
        {
            let above = PercentText.format(settings.scaleUp.loadAbove)
            down.problem(
                at: "load_below", "expected less than scale_up.load_above, \(above), found \(PercentText.format(below))"
            )
        }
        readObjective(
            pool,
            sizedBy: pool.has("target_load")
                ? "target_load"
                : up.has("load_above")
                    ? "scale_up.load_above"
                    : down.has("load_below") ? "scale_down.load_below" : nil, &settings)
        // Explicit thresholds hold exactly; a single target gets some slack.
        if settings.scaleDown.loadBelow != nil { settings.tolerance = 0 }

        up.read("cooldown", .upToADay(example: "30s"), into: &settings.scaleUp.cooldown)
        down.read("after", .duration(.zero ... .seconds(7 * 86_400), example: "10m"), into: &settings.scaleDown.after)
        down.read("cooldown", .upToADay(example: "5m"), into: &settings.scaleDown.cooldown)
        for (reader, cooldown) in [(up, settings.scaleUp.cooldown), (down, settings.scaleDown.cooldown)] {
            guard let cooldown, .zero < cooldown, cooldown < settings.interval else { continue }
            reader.warning(
                at: "cooldown", "shorter than interval, so it never waits", "write 0s, or more than interval")
        }
        if let step = readStep(up) { settings.scaleUp.step = step }
        if let step = readStep(down) { settings.scaleDown.step = step }
        up.finish()
        down.finish()
    }

    /// - Parameter threshold: a load that the file names, which sizes the pool in the classic way.
    private static func readObjective(
        _ pool: MappingReader, sizedBy threshold: String?, _ settings: inout PolicySettings
    ) {
        guard let reader = pool.mappingOrOff("objective") else { return }
        if let threshold {
            guard pool.has("objective") else { return }
            pool.problem(
                at: "objective", "it sizes the pool by waits, and \(threshold) by load", "keep one of them")
        }
        var objective = WaitObjective()
        reader.read("share", .percent(0.5...0.9999, example: "99%"), into: &objective.share)
        reader.read("wait", .duration(.seconds(1) ... .seconds(3600), example: "10s"), into: &objective.wait)
        reader.finish()
        settings.objective = objective
    }

    private static func readStep(_ reader: MappingReader) -> StepLimit? {
        let replicas = reader.read("step", .integer(1...10_000))
        let per = reader.read("per", .upToADay(example: "1m"))
        if reader.has("step"), !reader.has("per") {
            reader.problem(
                at: "step", "step says how many, and per is missing",
                "add for example per: 1m, or per: 0s for each decision")
        } else if reader.has("per"), !reader.has("step") {
            reader.problem(at: "per", "per says how often, and step is missing", "add for example step: 1")
        }
        guard let replicas, let per else { return nil }
        return StepLimit(replicas: replicas, per: per)
    }

    private static func readMoney(_ pool: MappingReader, _ settings: inout PolicySettings) {
        pool.read("minimum_billing", .upToADay(from: .seconds(1), example: "1h"), into: &settings.minimumBilling)
        let reader = pool.mapping("budget")
        var budget = Budget()
        reader.read("usd_per_hour", .number(0.01...10_000_000, example: "40"), into: &budget.usdPerHour)
        reader.read("usd_per_day", .number(0.01...100_000_000, example: "600"), into: &budget.usdPerDay)
        reader.finish()
        guard pool.has("budget") else { return }
        if !reader.has("usd_per_hour"), !reader.has("usd_per_day") {
            pool.problem(at: "budget", "it says nothing", "write usd_per_hour, usd_per_day or both")
        }
        if !pool.has("usd_per_hour") {
            pool.warning(at: "budget", "without the price of a replica it does not apply", "write usd_per_hour")
        }
        settings.budget = budget
    }

    private static func readPrewarm(_ policy: MappingReader, _ settings: inout PolicySettings) {
        let reader = policy.mapping("prewarm")
        var prewarm = Prewarm()
        reader.read("queue_ratio", .percent(0.01...2, example: "70%"), into: &prewarm.ratio)
        let horizon = ValueKind.duration(.seconds(1)...Forecaster.longestHorizon, example: "3m")
        reader.read("horizon", .orOff(horizon), into: &prewarm.horizon)
        reader.finish()
        if policy.has("prewarm") { settings.prewarm = prewarm }
    }

    private static func readHeadroom(_ headroom: MappingReader, _ settings: inout PolicySettings) {
        if let spare = headroom.read("replicas", .integer(0...10_000)) { settings.headroom = .replicas(spare) }
        if let share = headroom.read("ratio", .percent(0...5, example: "20%")) { settings.headroom = .ratio(share) }
        if headroom.has("replicas"), headroom.has("ratio") {
            headroom.problem(at: "ratio", "both replicas and ratio are given", "keep one of them")
        }
        headroom.finish()
    }

    private static func readLives(_ pool: MappingReader, _ settings: inout PolicySettings) {
        let boot = pool.mapping("boot")
        boot.read("expected", .upToADay(from: .seconds(1), example: "7m"), into: &settings.boot.expected)
        boot.read("deadline", .upToADay(from: .seconds(1), example: "20m"), into: &settings.boot.deadline)
        if settings.boot.deadline <= settings.boot.expected, boot.isSound("expected", "deadline") {
            let expected = DurationText.format(settings.boot.expected)
            let deadline = DurationText.format(settings.boot.deadline)
            boot.problem(
                at: boot.has("deadline") ? "deadline" : "expected",
                "the deadline, \(deadline), is not longer than the expected boot, \(expected)",
                "a deadline of three times the expected boot is usual")
        }
        boot.finish()
        let drain = pool.mapping("drain")
        drain.read("deadline", .upToADay(example: "5m"), into: &settings.drainDeadline)
        drain.finish()
        pool.read("dead_after", .upToADay(from: .seconds(1), example: "60s"), into: &settings.deadAfter)
        pool.read("lost_after", .upToADay(from: .seconds(1), example: "5m"), into: &settings.lostAfter)
    }
}
