import Fleet
import Policy

extension PoolConfig {
    /// `nil` when a part without which there is no pool is absent or wrong; the log then says so.
    static func read(_ pool: MappingReader, _ secrets: SecretText) -> PoolConfig? {
        let name = pool.required("name", .poolName)
        let driverReader = pool.mapping("driver")
        let driver = pool.has("driver") ? DriverConfig.read(driverReader, secrets) : nil
        let groups = GroupConfig.readAll(pool, secrets)
        let drivers = driver.map { [$0] } ?? groups.map(\.driver)
        let hasDriver = pool.has("driver") || pool.has("groups")
        if !pool.has("engine") {
            pool.missing("engine", "say at least where it is: endpoints: [\"http://127.0.0.1:8000\"]")
        }
        let engineReader = pool.mapping("engine")
        let engine = EngineConfig.read(engineReader, drivers: drivers, hasDriver: hasDriver, secrets)
        var settings = PolicySettings.read(
            pool, ZoneFiles(environment: secrets.environment, readFile: secrets.readFile))
        if let engine, engine.timeout > settings.interval {
            engineReader.warning(
                at: "timeout", "longer than interval, so decisions wait for an engine that hangs",
                "write at most what interval is")
        }
        readBounds(pool, &settings, engine, driver, groups, hasDriver: hasDriver)
        pool.read("usd_per_hour", .number(0...100_000, example: "3.90"), into: &settings.usdPerHour)
        pool.finish()
        guard let name, let engine, hasDriver == !drivers.isEmpty else { return nil }
        return PoolConfig(
            id: PoolID(rawValue: name), engine: engine, settings: settings, driver: driver, groups: groups)
    }

    private static func readBounds(
        _ pool: MappingReader, _ settings: inout PolicySettings, _ engine: EngineConfig?, _ driver: DriverConfig?,
        _ groups: [GroupConfig], hasDriver: Bool
    ) {
        readScaleToZero(pool, &settings)
        let base = groups.reduce(0) { $0 + $1.settings.base }
        settings.minimum = max(settings.minimum, base)
        pool.read("min", .integer(0...10_000, example: 1), into: &settings.minimum)
        if settings.minimum == 0, settings.scaleToZero == nil, pool.isSound("scale_to_zero") {
            pool.problem(
                at: "min", "at 0 nothing says when the last replica may leave",
                "write 1, or add scale_to_zero: {after: auto}")
        } else if settings.minimum < base {
            pool.problem(at: "min", "\(settings.minimum) is less than the base of its groups, \(base)", "raise min")
        }
        let maximum: Int?
        if hasDriver {
            maximum = pool.required("max", .integer(1...10_000))
        } else {
            var fixed: Int?
            if case .fixed(let addresses) = engine?.location { fixed = addresses.count }
            maximum = pool.read("max", .integer(1...10_000)) ?? fixed
        }
        guard let maximum, pool.isSound("min", "max") else { return }
        settings.maximum = maximum
        if settings.minimum > 0, settings.scaleToZero != nil {
            pool.problem(at: "min", "\(settings.minimum) keeps the pool from zero", "write 0, or scale_to_zero: off")
        }
        if settings.minimum > maximum {
            pool.problem(at: "min", "\(settings.minimum) is more than max, \(maximum)", "write min <= max")
        }
        if let most = settings.schedules.map(\.minimum).max(), most > maximum {
            pool.problem(at: "max", "\(maximum) is less than the min of a schedule, \(most)", "raise max")
        }
        let rooms = groups.compactMap(\.room)
        let room = rooms.reduce(0, +)
        if !groups.isEmpty, rooms.count == groups.count, room < maximum {
            pool.problem(
                at: "max", "\(maximum) replicas do not fit into groups for \(room)",
                "lower max, or raise that of a group")
        }
        if case .local(let local) = driver, local.gpus.count < maximum {
            pool.problem(
                at: "max", "\(maximum) replicas do not fit into \(local.gpus.count) slots",
                "lower max, or raise driver.slots")
        }
    }
}

extension PoolConfig {
    private static func readScaleToZero(_ pool: MappingReader, _ settings: inout PolicySettings) {
        guard let reader = pool.mappingOrOff("scale_to_zero") else { return }
        var zero = PolicySettings.ScaleToZero()
        let after = ValueKind.duration(.seconds(1) ... .seconds(7 * 86_400), example: "30m")
        reader.read("after", .orOff(after, word: "auto"), into: &zero.after)
        reader.finish()
        if pool.has("scale_to_zero") { (settings.scaleToZero, settings.minimum) = (zero, 0) }
    }
}

// MARK: - Engine

extension EngineConfig {
    fileprivate static func read(
        _ engine: MappingReader, drivers: [DriverConfig], hasDriver: Bool, _ secrets: SecretText
    ) -> EngineConfig? {
        var config = EngineConfig(location: .fromDriver)
        engine.read("kind", .word(), into: &config.kind)
        let location = EngineLocation.read(engine, drivers: drivers, hasDriver: hasDriver)
        engine.read("metrics_path", .urlPath(example: "/metrics"), into: &config.metricsPath)
        engine.read("health_path", .orOff(.urlPath(example: "/health")), into: &config.healthPath)
        engine.read("timeout", .timeout, into: &config.timeout)
        let headers = engine.mapping("headers")
        for name in headers.names.sorted() {
            guard let value = headers.read(name, secrets.kind) else { continue }
            if !name.isHeaderName { headers.problem(at: name, "this is no name of a header", "such as Authorization") }
            config.headers.append(EngineHeader(name: name, value: value))
        }
        engine.finish()
        guard let location else { return nil }
        config.location = location
        return config
    }
}

extension EngineLocation {
    fileprivate static let placeholder = "{private_ip}"

    fileprivate static func read(_ engine: MappingReader, drivers: [DriverConfig], hasDriver: Bool) -> EngineLocation? {
        let one = engine.read("endpoint", .address(example: "\"http://{private_ip}:8000\""))
        let many = engine.list("endpoints", .address(example: "\"http://127.0.0.1:8000\""))
        if !drivers.isEmpty, drivers.allSatisfy({ if case .local = $0 { true } else { false } }) {
            for key in ["endpoint", "endpoints"] where engine.has(key) {
                engine.problem(at: key, "the local driver knows where its replicas listen", "leave this key out")
            }
            return .fromDriver
        }
        if engine.has("endpoint"), engine.has("endpoints") {
            engine.problem(at: "endpoints", "both endpoint and endpoints are given", "keep one of them")
            return nil
        }
        if let many {
            if Set(many).count < many.count {
                engine.problem(at: "endpoints", "an address is there twice", "each would count twice; keep one")
            }
            if many.contains(where: { $0.contains("{") }) {
                engine.problem(
                    at: "endpoints", "these addresses are taken as they are", "only endpoint knows {private_ip}")
            }
            return .fixed(many)
        }
        if let one {
            if !hasDriver, one.contains("{") {
                engine.problem(
                    at: "endpoint", "without a driver nothing fills \(quoted(one))", "write the address itself")
            } else if !drivers.isEmpty,
                one.replacing(placeholder, with: "").contains("{") || !one.contains(placeholder)
            {
                engine.problem(
                    at: "endpoint",
                    "expected {private_ip} where the address of each replica goes, found \(quoted(one))",
                    "write for example \"http://{private_ip}:8000\", or endpoints for engines read as a whole")
            }
            return hasDriver ? .perReplica(template: one) : .fixed([one])
        }
        if !engine.has("endpoint"), !engine.has("endpoints"), !drivers.isEmpty || !hasDriver {
            let example =
                hasDriver ? "endpoint: \"http://{private_ip}:8000\"" : "endpoints: [\"http://127.0.0.1:8000\"]"
            engine.missing(hasDriver ? "endpoint" : "endpoints", "write for example \(example)")
        }
        return nil
    }
}

extension String {
    /// RFC 9110, 5.6.2: a token.
    fileprivate var isHeaderName: Bool {
        !isEmpty && utf8.allSatisfy { (0x21...0x7E).contains($0) && !"\"(),/:;<=>?@[\\]{}".utf8.contains($0) }
    }
}

// MARK: - Groups

private enum MarketWord: String, CaseIterable {
    case onDemand = "on_demand"
    case spot
}

extension GroupConfig {
    /// Those that can be read; problems of the others are in the log.
    fileprivate static func readAll(_ pool: MappingReader, _ secrets: SecretText) -> [GroupConfig] {
        guard pool.has("groups") else { return [] }
        if pool.has("driver") {
            pool.problem(at: "groups", "both driver and groups are given", "keep one of them")
        }
        var names: Set<String> = []
        return pool.mappings("groups").compactMap { group in
            let name = group.required("name", .poolName)
            if let name, !names.insert(name).inserted {
                group.problem(at: "name", "another group is called \(quoted(name)) already", "names are unique")
            }
            var settings = GroupSettings(id: GroupID(rawValue: name ?? ""))
            let market: MarketWord? = group.read("market", .word())
            settings.market = market.map { $0 == .spot ? .spot : .onDemand }
            group.read("zone", .text("a zone or a region", example: "us-east-1a"), into: &settings.zone)
            group.read("usd_per_hour", .number(0...100_000, example: "3.90"), into: &settings.usdPerHour)
            group.read("base", .integer(0...10_000), into: &settings.base)
            group.read("max", .integer(1...10_000), into: &settings.maximum)
            if !group.has("driver") { group.missing("driver", "write below it kind: aws_asg or kind: local") }
            let driver = group.has("driver") ? DriverConfig.read(group.mapping("driver"), secrets) : nil
            group.finish()
            guard name != nil, let driver else { return nil }
            let config = GroupConfig(settings: settings, driver: driver)
            if let room = config.room, settings.base > room {
                group.problem(at: "base", "\(settings.base) is more than fit here, \(room)", "write base <= max")
            }
            return config
        }
    }

    /// How many replicas it can have; `nil` when only its control plane knows.
    fileprivate var room: Int? {
        guard case .local(let local) = driver else { return settings.maximum }
        return min(settings.maximum ?? .max, local.gpus.count)
    }
}

// MARK: - Driver

private enum DriverKind: String, CaseIterable {
    case awsAutoScalingGroup = "aws_asg"
    case local
}

extension DriverConfig {
    fileprivate static func read(_ driver: MappingReader, _ secrets: SecretText) -> DriverConfig? {
        // Without its kind nobody can say which keys belong here.
        guard let kind: DriverKind = driver.required("kind", .word()) else { return nil }
        defer { driver.finish() }
        switch kind {
        case .awsAutoScalingGroup: return AutoScalingGroupConfig.read(driver).map { .awsAutoScalingGroup($0) }
        case .local: return LocalConfig.read(driver, secrets).map { .local($0) }
        }
    }
}

extension AutoScalingGroupConfig {
    fileprivate static func read(_ driver: MappingReader) -> AutoScalingGroupConfig? {
        let group = driver.required("group", .text("the name of a group", example: "llm-chat"))
        var config = AutoScalingGroupConfig(group: group ?? "")
        driver.read("region", .text("a region", example: "us-east-1"), into: &config.region)
        driver.read("endpoint_url", .address(example: "http://127.0.0.1:5000"), into: &config.endpointURL)
        driver.read("timeout", .timeout, into: &config.timeout)
        return group == nil ? nil : config
    }
}

extension LocalConfig {
    fileprivate static func read(_ driver: MappingReader, _ secrets: SecretText) -> LocalConfig? {
        let command = driver.list("command", ValueKind.text("a program or an argument", example: "vllm"))
        if !driver.has("command") {
            driver.missing("command", "write for example command: [\"vllm\", \"serve\", \"MODEL\"]")
        }
        let environment = driver.mapping("environment")
        var values: [String: Secret] = [:]
        for name in environment.names {
            if let value = environment.read(name, secrets.kind) { values[name] = value }
            if name.isEmpty || name.contains("=") {
                environment.problem(at: name, "this is no name of a variable", "such as CUDA_VISIBLE_DEVICES")
            }
        }
        let slots = driver.read("slots", .integer(1...1024))
        let listed = driver.list("gpus", .text("a GPU", example: "0"))
        if driver.has("slots") == driver.has("gpus") {
            if driver.has("slots") {
                driver.problem(at: "slots", "both slots and gpus are given", "keep one of them")
            } else {
                driver.missing("slots", "write for example slots: 4, or gpus: [0, 1, 2, 3]")
            }
        }
        let gpus = listed ?? slots.map { (0..<$0).map(String.init) }
        let ports = driver.required("ports", .ports)
        let stop = driver.read("graceful_stop", .upToADay(example: "30s"))
        if let gpus, let ports, ports.count < gpus.count, driver.isSound("slots", "gpus") {
            driver.problem(
                at: "ports", "\(gpus.count) slots need as many ports, found \(ports.count)",
                "write for example \(ports.lowerBound)-\(ports.lowerBound + gpus.count - 1)")
        }
        guard let command, let gpus, let ports else { return nil }
        var config = LocalConfig(command: command, environment: values, gpus: gpus, ports: ports)
        if let stop { config.gracefulStop = stop }
        return config
    }
}
