import Fleet

extension AgentConfig {
    /// The root of the file. The value is to be trusted only when the log has stayed empty.
    static func read(_ root: MappingReader, _ secrets: SecretText) -> AgentConfig {
        var config = AgentConfig()
        root.read("listen", .orOff(.listenAddress), into: &config.listen)
        root.read("state", .text("a folder", example: "/var/lib/scale-agent"), into: &config.stateDirectory)
        if !config.stateDirectory.hasPrefix("/") { config.stateDirectory = secrets.folder + config.stateDirectory }
        root.read(
            "retention", .duration(.seconds(3600) ... .seconds(400 * 86_400), example: "14d"), into: &config.retention)
        root.read("mode", .word(), into: &config.mode)
        root.read("log_level", .word(), into: &config.logLevel)
        config.gpu = GPUConfig.read(root.mapping("gpu"))
        config.cloudWatch = root.mappingOrOff("cloudwatch").flatMap { reader in
            let cloudWatch = CloudWatchConfig.read(reader)
            return root.has("cloudwatch") ? cloudWatch : nil
        }
        if !root.has("pools"), !root.has("gateway") { root.missing("pools", "write pools: and below it - name: chat") }
        let readers = root.mappings("pools")
        let pools = readers.map { ($0, PoolConfig.read($0, secrets)) }
        config.gateway = GatewayConfig.read(root, secrets, pools: pools.map(\.1))
        config.gatewayToken = readGatewayToken(root, secrets)
        if let listen = config.listen, listen.port > 0,
            config.gateway?.listeners.contains(where: { $0.address == .tcp(listen) }) == true
        {
            root.problem(at: "listen", "the gateway listens there already", "give each its own port")
        }
        root.finish()
        checkTogether(pools)
        config.pools = pools.compactMap(\.1)
        return config
    }

    private static func readGatewayToken(_ root: MappingReader, _ secrets: SecretText) -> Secret? {
        guard let token = root.read("gateway_token", secrets.kind) else { return nil }
        if token.revealed.utf8.count < 16 {
            root.problem(at: "gateway_token", "it can be guessed", "take 16 characters or more")
        }
        return token
    }

    /// What two pools must not share: names, groups, ports.
    private static func checkTogether(_ pools: [(reader: MappingReader, pool: PoolConfig?)]) {
        var taken: [(pool: PoolID, driver: DriverConfig)] = []
        for (index, (reader, pool)) in pools.enumerated() {
            guard let pool else { continue }
            for case (_, let other?) in pools[..<index] {
                if pool.id == other.id, reader.isSound("name") {
                    reader.problem(
                        at: "name", "another pool is called \(quoted(pool.id.rawValue)) already", "names are unique")
                }
            }
            let key = pool.driver == nil ? "groups" : "driver"
            for mine in pool.drivers {
                for other in taken {
                    switch (mine, other.driver) {
                    case (.awsAutoScalingGroup(let mine), .awsAutoScalingGroup(let theirs))
                    where mine.group == theirs.group && mine.region == theirs.region:
                        reader.problem(
                            at: key, "pool \(other.pool) has the group \(quoted(mine.group)) already",
                            "a group is in one pool, once")
                    case (.local(let mine), .local(let theirs)) where mine.ports.overlaps(theirs.ports):
                        reader.problem(
                            at: key, "pool \(other.pool) has some of these ports already", "give each its own ports")
                    default: break
                    }
                }
                taken.append((pool.id, mine))
            }
        }
    }
}

extension GPUConfig {
    fileprivate static func read(_ gpu: MappingReader) -> GPUConfig {
        var config = GPUConfig()
        gpu.read("source", .word(), into: &config.source)
        gpu.read("command", .text("a program", example: "nvidia-smi"), into: &config.command)
        gpu.read("timeout", .timeout, into: &config.timeout)
        gpu.read("dcgm_names", .yesOrNo, into: &config.dcgmNames)
        gpu.finish()
        return config
    }
}

extension CloudWatchConfig {
    fileprivate static func read(_ reader: MappingReader) -> CloudWatchConfig {
        var config = CloudWatchConfig()
        reader.read("namespace", .text("a namespace", example: config.namespace), into: &config.namespace)
        if config.namespace.hasPrefix("AWS/") || config.namespace.utf8.count > 255 {
            reader.problem(at: "namespace", "AWS/ and more than 255 bytes are refused", "such as Custom/LLMMetrics")
        }
        reader.read("region", .text("a region", example: "us-east-1"), into: &config.region)
        reader.read("endpoint_url", .address(example: "http://127.0.0.1:5000"), into: &config.endpointURL)
        reader.read("interval", .duration(.seconds(1) ... .seconds(3600), example: "60s"), into: &config.interval)
        reader.read("timeout", .timeout, into: &config.timeout)
        if let chosen = reader.list("metrics", ValueKind<PublishedGauge>.word()) {
            config.gauges = PublishedGauge.allCases.filter(chosen.contains)
        }
        reader.finish()
        return config
    }
}

extension ValueKind<Duration> {
    static var timeout: Self { .duration(.seconds(1) ... .seconds(60), example: "10s") }
    static func upToADay(from least: Duration = .zero, example: String) -> Self {
        .duration(least ... .seconds(86_400), example: example)
    }
}
