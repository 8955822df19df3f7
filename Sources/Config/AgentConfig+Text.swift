import Admission
import Fleet
import Forecast
import Policy

extension AgentConfig {
    /// The effective settings, defaults included, in the form of the file.
    ///
    /// It reads back as an equal configuration, but for secrets, which show as `<redacted>`, and for warnings.
    package func describe() -> String {
        var text = SettingsText()
        text.line("listen", listen.map { quoted($0.description) } ?? "off")
        text.line("state", quoted(stateDirectory))
        text.line("retention", retention)
        text.line("mode", mode.rawValue)
        text.line("log_level", logLevel.rawValue)
        text.group("gpu") { text in
            text.line("source", gpu.source.rawValue)
            text.line("command", quoted(gpu.command))
            text.line("timeout", gpu.timeout)
            text.line("dcgm_names", "\(gpu.dcgmNames)")
        }
        if let cloudWatch {
            text.group("cloudwatch") { text in
                text.line("namespace", quoted(cloudWatch.namespace))
                text.line("region", cloudWatch.region.map(quoted), otherwise: "from the surroundings")
                text.line("endpoint_url", cloudWatch.endpointURL.map(quoted), otherwise: "the public address")
                text.line("interval", cloudWatch.interval)
                text.line("timeout", cloudWatch.timeout)
                text.line("metrics", list(cloudWatch.gauges.map(\.rawValue)))
            }
        } else {
            text.line("cloudwatch", "off")
        }
        if !pools.isEmpty {
            text.group("pools") { text in
                for pool in pools { text.item { pool.write(to: &$0) } }
            }
        }
        text.line("gateway_token", gatewayToken.map { quoted($0.description) }, otherwise: "none")
        if let gateway {
            text.group("gateway") { gateway.write(to: &$0) }
        } else {
            text.line("gateway", "off")
        }
        return text.text
    }
}

/// Lines of YAML at a growing and shrinking indentation.
private struct SettingsText {
    private(set) var text = ""
    private var indent: Int
    private var startsItem = false

    init(indent: Int = 0) { self.indent = indent }

    mutating func line(_ key: String, _ value: String) {
        text += String(repeating: " ", count: startsItem ? indent - 2 : indent) + (startsItem ? "- " : "")
        text += "\(key):\(value.isEmpty ? "" : " ")\(value)\n"
        startsItem = false
    }

    mutating func line(_ key: String, _ span: Duration) { line(key, DurationText.format(span)) }

    /// What has no value of its own goes into a comment.
    mutating func line(_ key: String, _ value: String?, otherwise: String) {
        if let value { line(key, value) } else { line("# \(key)", otherwise) }
    }

    mutating func group(_ key: String, _ body: (inout SettingsText) -> Void) {
        var inner = SettingsText(indent: indent + 2)
        body(&inner)
        let isEmpty = inner.text.split(separator: "\n").allSatisfy { $0.drop { $0 == " " }.hasPrefix("#") }
        line(key, isEmpty ? "{}" : "")
        text += inner.text
    }

    mutating func item(_ body: (inout SettingsText) -> Void) {
        (startsItem, indent) = (true, indent + 2)
        body(&self)
        indent -= 2
    }
}

private func list(_ values: [String]) -> String { "[\(values.map(quoted).joined(separator: ", "))]" }

extension PoolConfig {
    fileprivate func write(to text: inout SettingsText) {
        text.line("name", id.rawValue)
        text.group("engine") { engine.write(to: &$0) }
        text.line("capacity", settings.capacity.map(NumberText.format), otherwise: "learned")
        text.line("min", "\(settings.minimum)")
        if let zero = settings.scaleToZero {
            text.group("scale_to_zero") { $0.line("after", zero.after.map(DurationText.format) ?? "auto") }
        } else {
            text.line("scale_to_zero", "off")
        }
        text.line("max", "\(settings.maximum)")
        text.line("interval", settings.interval)
        if let objective = settings.objective {
            text.group("objective") { text in
                text.line("share", PercentText.format(objective.share))
                text.line("wait", objective.wait)
            }
        } else {
            text.line("objective", "off")
        }
        text.group("policy") { settings.writePolicy(to: &$0) }
        text.group("forecast") { text in
            text.line("act", "\(settings.signals.actsOnForecast)")
            settings.forecast.write(to: &text)
        }
        text.group("boot") { text in
            text.line("expected", settings.boot.expected)
            text.line("deadline", settings.boot.deadline)
        }
        text.group("drain") { $0.line("deadline", settings.drainDeadline) }
        text.line("dead_after", settings.deadAfter)
        text.line("lost_after", settings.lostAfter)
        text.line("usd_per_hour", usdPerHour.map(NumberText.format), otherwise: "unknown")
        text.line(
            "minimum_billing", settings.minimumBilling.map(DurationText.format), otherwise: "paid as long as it runs")
        if let budget = settings.budget {
            text.group("budget") { text in
                text.line("usd_per_hour", budget.usdPerHour.map(NumberText.format), otherwise: "no bound")
                text.line("usd_per_day", budget.usdPerDay.map(NumberText.format), otherwise: "no bound")
            }
        } else {
            text.line("# budget", "none")
        }
        if let driver {
            text.group("driver") { driver.write(to: &$0) }
        } else if !groups.isEmpty {
            text.group("groups") { text in
                for group in groups { text.item { group.write(to: &$0) } }
            }
        } else {
            text.line("# driver", "none, only advice")
        }
    }
}

extension GroupConfig {
    fileprivate func write(to text: inout SettingsText) {
        text.line("name", settings.id.rawValue)
        text.line("market", settings.market.map { $0 == .spot ? "spot" : "on_demand" }, otherwise: "the driver's word")
        text.line("zone", settings.zone.map(quoted), otherwise: "the driver's word")
        text.line("usd_per_hour", settings.usdPerHour.map(NumberText.format), otherwise: "the pool's")
        text.line("base", "\(settings.base)")
        text.line("max", settings.maximum.map(String.init), otherwise: "the pool's, and the control plane's")
        text.group("driver") { driver.write(to: &$0) }
    }
}

extension EngineConfig {
    fileprivate func write(to text: inout SettingsText) {
        text.line("kind", kind.rawValue)
        switch location {
        case .perReplica(let template): text.line("endpoint", quoted(template))
        case .fixed(let addresses): text.line("endpoints", list(addresses))
        case .fromDriver: text.line("# endpoint", "the driver's")
        }
        text.line("metrics_path", metricsPath.map(quoted), otherwise: "where that kind of engine has them")
        text.line("health_path", healthPath.map(quoted) ?? "off")
        text.line("timeout", timeout)
        guard !headers.isEmpty else { return }
        text.group("headers") { text in
            for header in headers { text.line(quoted(header.name), quoted(header.value.description)) }
        }
    }
}

extension PolicySettings {
    fileprivate func writePolicy(to text: inout SettingsText) {
        let isByLoad = objective == nil
        let pace = DefaultPace(isSteered: !isByLoad, isBilled: minimumBilling != nil)
        func told(_ cooldown: Duration) -> String { cooldown == .zero ? "none" : DurationText.format(cooldown) }
        text.group("scale_up") { text in
            if isByLoad {
                text.line("load_above", PercentText.format(scaleUp.loadAbove))
            } else {
                text.line("# load_above", "by the objective")
            }
            text.line("cooldown", scaleUp.cooldown.map(DurationText.format), otherwise: told(pace.cooldownUp))
            if let step = scaleUp.step { write(step, to: &text) } else { text.line("# step", "as many as needed") }
        }
        text.group("scale_down") { text in
            text.line(
                "load_below", scaleDown.loadBelow.map(PercentText.format),
                otherwise: isByLoad ? "whenever the rest would stay below scale_up.load_above" : "by the objective")
            text.line(
                "after", scaleDown.after.map(DurationText.format),
                otherwise: isByLoad ? "10m, or twice the p90 boot if longer" : "by the objective")
            text.line("cooldown", scaleDown.cooldown.map(DurationText.format), otherwise: told(pace.cooldownDown))
            if let step = scaleDown.step {
                write(step, to: &text)
            } else {
                text.line("# step", pace.stepDown == nil ? "as many as are not needed" : "one at a time")
            }
        }
        if let waiting = requestsPerReplicaInQueue {
            text.group("queue") { $0.line("requests_per_replica", NumberText.format(waiting)) }
        } else {
            text.line("# queue", "no rule of its own")
        }
        text.line("kv_cache_above", signals.kvCacheAbove.map(PercentText.format) ?? "off")
        text.line("tokens_per_second", signals.tokensPerSecond.map(NumberText.format), otherwise: "no rule of its own")
        text.group("headroom") { text in
            switch headroom {
            case .replicas(let spare): text.line("replicas", "\(spare)")
            case .ratio(let share): text.line("ratio", PercentText.format(share))
            }
        }
        if let prewarm {
            text.group("prewarm") { text in
                text.line("queue_ratio", PercentText.format(prewarm.ratio))
                text.line("horizon", prewarm.horizon.map(DurationText.format) ?? "off")
            }
        } else {
            text.line("# prewarm", "no rule of its own")
        }
        if schedules.isEmpty {
            text.line("# schedules", "none")
        } else {
            text.group("schedules") { text in
                for schedule in schedules { text.item { schedule.write(to: &$0) } }
            }
        }
        text.line("tolerance", PercentText.format(tolerance))
        text.line("maximum_age", maximumAge)
        text.line("stable_window", stableWindow)
    }

    private func write(_ step: StepLimit, to text: inout SettingsText) {
        text.line("step", "\(step.replicas)")
        text.line("per", step.per)
    }
}

extension Schedule {
    fileprivate func write(to text: inout SettingsText) {
        switch times {
        case .weekly(let days, let from, let to):
            text.line("days", list(days.map { "\($0)" }))
            text.line("from", quoted(MomentText.format(secondOfDay: from)))
            text.line("to", quoted(MomentText.format(secondOfDay: to)))
        case .once(let from, let to):
            text.line("at", MomentText.format(from))
            text.line("until", MomentText.format(to))
        }
        text.line("min", "\(minimum)")
    }
}

extension ForecastSettings {
    fileprivate func write(to text: inout SettingsText) {
        text.line("zone", quoted(calendar.clock.name))
        if calendar.holidays.isEmpty {
            text.line("# holidays", "none")
        } else {
            text.group("holidays") { text in
                for holiday in calendar.holidays {
                    text.item { text in
                        text.line("date", "\(holiday.date)")
                        text.line("like", holiday.like.map { "\($0)" }, otherwise: "no other day")
                    }
                }
            }
        }
        if calendar.events.isEmpty {
            text.line("# events", "none")
        } else {
            text.group("events") { text in
                for event in calendar.events {
                    text.item { text in
                        text.line("from", MomentText.format(event.from))
                        text.line("to", MomentText.format(event.to))
                        text.line("multiplier", NumberText.format(event.multiplier))
                    }
                }
            }
        }
        text.line("quiet_until", calendar.quietUntil.map(MomentText.format), otherwise: "not quiet")
        text.line("quantile", NumberText.format(quantile))
    }
}

extension GatewayConfig {
    fileprivate func write(to text: inout SettingsText) {
        text.group("listen") { text in
            for listener in listeners { text.item { listener.write(to: &$0) } }
        }
        text.line("keys", keyFile.map(quoted), otherwise: "none, everybody may come in")
        text.line(
            "engine_authorization", engineAuthorization.map { quoted($0.description) }, otherwise: "the clients'")
        if let controller {
            text.line("controller", quoted(controller.url))
            text.line("token", controller.token.map { quoted($0.description) }, otherwise: "none")
        }
        text.group("models") { text in
            for (model, pool) in admission.models.sorted(by: { $0.key < $1.key }) {
                text.line(quoted(model), pool.rawValue)
            }
        }
        let standard = admission.pools.values.first ?? PoolLimits()
        text.group("hold") { text in
            text.line("budget", standard.wakeBudget)
            text.line("at_most", standard.maximumHold)
            text.line("requests", "\(standard.maximumHeld)")
            text.line("body_bytes", BytesText.format(standard.maximumHeldBodyBytes))
        }
        text.line("heartbeat", admission.heartbeat)
        text.line("drain", drain)
        text.group("limits") { text in
            text.line("connections", "\(limits.connections)")
            text.line("body_bytes", BytesText.format(limits.bodyBytes))
            text.line("held_body_bytes", BytesText.format(limits.heldBodyBytes))
            text.line("head_time", limits.headTime)
            text.line("idle_time", limits.idleTime)
            text.line("unread_time", limits.unreadTime)
            text.line("silent_time", limits.silentTime)
        }
        text.group("pools") { text in
            for (pool, limits) in admission.pools.sorted(by: { $0.key < $1.key }) {
                text.item { write(pool, limits, to: &$0) }
            }
        }
        guard !admission.keys.isEmpty else { return text.line("# key_limits", "none") }
        text.group("key_limits") { text in
            for (key, limits) in admission.keys.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
                text.item { limits.write(of: key, to: &$0) }
            }
        }
    }

    private func write(_ pool: PoolID, _ limits: PoolLimits, to text: inout SettingsText) {
        text.line("name", pool.rawValue)
        let slots = poolsWithSlots.contains(pool) ? "\(limits.slots)" : nil
        text.line("slots", slots, otherwise: "the pool's capacity, or \(limits.slots)")
        text.line("idle_grace", limits.idleGrace)
        text.line("ladder", limits.ladder.isEmpty ? "off" : list(limits.ladder.map(\.rawValue)))
        text.line("endpoints", endpoints[pool].map(list), otherwise: "as the controller knows them")
    }
}

extension GatewayListener {
    fileprivate func write(to text: inout SettingsText) {
        text.line("address", quoted(shown))
        if let tls {
            text.group("tls") { text in
                text.line("certificate", quoted(tls.certificate))
                text.line("key", quoted(tls.key))
            }
        }
        text.line("allow", allow.isEmpty ? nil : list(allow), otherwise: "everybody")
        text.line("keys", "\(needsKey)")
    }
}

extension KeyLimits {
    fileprivate func write(of key: KeyID, to text: inout SettingsText) {
        text.line("key", quoted(key.rawValue))
        text.line("wake", "\(mayWake)")
        text.line("priority", "\(priority)")
        text.line("models", models.map { list($0.sorted()) }, otherwise: "all")
        text.line("concurrent", maximumConcurrent.map(String.init), otherwise: "no bound")
        text.line("per_minute", maximumPerMinute.map(String.init), otherwise: "no bound")
    }
}

extension DriverConfig {
    fileprivate func write(to text: inout SettingsText) {
        switch self {
        case .awsAutoScalingGroup(let group):
            text.line("kind", "aws_asg")
            text.line("group", quoted(group.group))
            text.line("region", group.region.map(quoted), otherwise: "from the surroundings")
            text.line("endpoint_url", group.endpointURL.map(quoted), otherwise: "the public addresses")
            text.line("timeout", group.timeout)
        case .local(let local):
            text.line("kind", "local")
            text.line("command", list(local.command))
            if !local.environment.isEmpty {
                text.group("environment") { text in
                    for (name, value) in local.environment.sorted(by: { $0.key < $1.key }) {
                        text.line(quoted(name), quoted(value.description))
                    }
                }
            }
            text.line("gpus", list(local.gpus))
            text.line("ports", "\(local.ports.lowerBound)-\(local.ports.upperBound)")
            text.line("graceful_stop", local.gracefulStop)
        }
    }
}
