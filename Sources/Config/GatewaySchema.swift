import Admission
import Fleet

extension GatewayConfig {
    /// - Parameter pools: of this process; `nil` entries are pools that could not be read.
    static func read(_ root: MappingReader, _ secrets: SecretText, pools: [PoolConfig?]) -> GatewayConfig? {
        guard let gateway = root.mappingOrOff("gateway"), root.has("gateway") else { return nil }
        var config = GatewayConfig()
        config.listeners = GatewayListener.readAll(gateway, secrets)
        gateway.read("keys", .path(secrets, example: "gateway-keys.txt"), into: &config.keyFile)
        gateway.read("engine_authorization", secrets.kind, into: &config.engineAuthorization)
        gateway.read("drain", .upToADay(example: "60s"), into: &config.drain)
        config.readController(gateway, secrets, hasPools: !pools.isEmpty)
        config.readLimits(gateway.mapping("limits"))
        let heartbeat = ValueKind.duration(.seconds(1) ... .seconds(60), example: "10s")
        gateway.read("heartbeat", heartbeat, into: &config.admission.heartbeat)
        config.admission.firstHeartbeat = config.admission.heartbeat
        let standard = config.readHold(gateway.mapping("hold"))
        config.readPools(gateway, standard, fixed: pools.isEmpty && !gateway.has("controller"))
        config.readModels(gateway, standard, known: pools.compactMap(\.?.id), areAllKnown: !pools.contains(nil))
        config.readKeyLimits(gateway)
        config.speaksPlainly(gateway, pools.compactMap(\.self))
        config.knowsKeys(gateway, secrets)
        gateway.finish()
        if config.keyFile == nil {
            for listener in config.listeners where listener.isOpen {
                gateway.warning(
                    at: "listen", "whoever reaches \(listener.shown) may wake machines and use them",
                    "name a file of keys, or whom to allow")
            }
        }
        return config
    }

    private mutating func readController(_ gateway: MappingReader, _ secrets: SecretText, hasPools: Bool) {
        let url = gateway.read("controller", .address(example: "http://10.0.0.5:9839"))
        let token = gateway.read("token", secrets.kind)
        if gateway.has("controller"), hasPools {
            gateway.problem(
                at: "controller", "the pools of this file are controlled by this process",
                "leave out either pools or controller")
        } else if gateway.has("token"), !gateway.has("controller") {
            gateway.problem(at: "token", "it is for a controller, and none is named", "write controller: URL")
        }
        controller = url.map { GatewayControllerAddress(url: $0, token: token) }
    }

    private mutating func readLimits(_ reader: MappingReader) {
        let time = ValueKind.duration(.seconds(1) ... .seconds(3600), example: "15s")
        reader.read("connections", .integer(1...1_000_000, example: 10_000), into: &limits.connections)
        reader.read("body_bytes", .bytes(1 << 10...1 << 30, example: "64MiB"), into: &limits.bodyBytes)
        reader.read("held_body_bytes", .bytes(1 << 10...1 << 30, example: "1MiB"), into: &limits.heldBodyBytes)
        reader.read("head_time", time, into: &limits.headTime)
        reader.read("idle_time", time, into: &limits.idleTime)
        reader.read("unread_time", time, into: &limits.unreadTime)
        reader.read("silent_time", time, into: &limits.silentTime)
        if limits.heldBodyBytes > limits.bodyBytes, reader.isSound("body_bytes", "held_body_bytes") {
            reader.problem(at: "held_body_bytes", "it is more than body_bytes", "write held_body_bytes <= body_bytes")
        }
        reader.finish()
    }

    private mutating func readHold(_ hold: MappingReader) -> PoolLimits {
        var limits = PoolLimits()
        let time = ValueKind.duration(.seconds(1) ... .seconds(3600), example: "8m")
        hold.read("budget", time, into: &limits.wakeBudget)
        hold.read("at_most", time, into: &limits.maximumHold)
        hold.read("requests", .integer(0...1_000_000, example: 5000), into: &limits.maximumHeld)
        hold.read("body_bytes", .bytes(1 << 10...1 << 40, example: "256MiB"), into: &limits.maximumHeldBodyBytes)
        (admission.maximumHeld, admission.maximumHeldBodyBytes) =
            (2 * limits.maximumHeld, 2 * limits.maximumHeldBodyBytes)
        if hold.has("budget"), limits.wakeBudget > limits.maximumHold, hold.isSound("budget", "at_most") {
            hold.problem(
                at: "budget",
                "a wake may take longer than a request is held, "
                    + DurationText.format(limits.maximumHold), "write budget <= at_most")
        }
        limits.wakeBudget = min(limits.wakeBudget, limits.maximumHold)
        hold.finish()
        return limits
    }

    /// - Parameter fixed: whether nobody but this file knows the replicas.
    private mutating func readPools(_ gateway: MappingReader, _ standard: PoolLimits, fixed: Bool) {
        for reader in gateway.mappings("pools") {
            let name = reader.required("name", .poolName)
            var limits = standard
            let slots = reader.read("slots", .integer(1...1_000_000, example: 64))
            if let slots { limits.slots = slots }
            reader.read("idle_grace", .upToADay(example: "30s"), into: &limits.idleGrace)
            if let ladder: [ProbeStep] = reader.listOrOff("ladder", .word()) { limits.ladder = ladder }
            let endpoints = reader.list("endpoints", .address(example: "\"http://127.0.0.1:8000\""))
            if let endpoints, endpoints.contains(where: \.isOverTLS) {
                reader.problem(at: "endpoints", Self.engineOverTLS, Self.engineRemedy)
            }
            if fixed, !reader.has("endpoints") {
                reader.missing("endpoints", "without pools and without a controller, say where its replicas are")
            } else if !fixed, reader.has("endpoints") {
                reader.problem(at: "endpoints", "the controller knows its replicas", "leave this key out")
            }
            reader.finish()
            guard let name else { continue }
            let pool = PoolID(rawValue: name)
            if admission.pools.updateValue(limits, forKey: pool) != nil {
                reader.problem(at: "name", "\(quoted(name)) is there already", "names are unique")
            }
            if slots != nil { poolsWithSlots.insert(pool) }
            if let endpoints { self.endpoints[pool] = endpoints }
        }
    }

    private mutating func readModels(
        _ gateway: MappingReader, _ standard: PoolLimits, known: [PoolID], areAllKnown: Bool
    ) {
        let models = gateway.mapping("models")
        if models.names.isEmpty {
            gateway.missing("models", "say which pool serves which model: models: {NAME: chat}")
        }
        for model in models.names {
            guard let pool = models.read(model, .poolName).map({ PoolID(rawValue: $0) }) else { continue }
            admission.models[model] = pool
            let isElsewhere = controller != nil || gateway.has("controller")
            let pools = known.isEmpty ? endpoints.keys.sorted() : known
            if !isElsewhere, areAllKnown, !pools.contains(pool) {
                let names = pools.map(\.rawValue).joined(separator: ", ")
                models.problem(
                    at: model, "there is no pool \(quoted(pool.rawValue))",
                    names.isEmpty ? "add it below gateway.pools, with endpoints" : "pools are \(names)")
            }
        }
        for pool in admission.pools.keys.sorted() where !admission.models.values.contains(pool) {
            gateway.problem(at: "pools", "no model is served by \(quoted(pool.rawValue))", "add it to models")
        }
        for pool in Set(admission.models.values) where admission.pools[pool] == nil { admission.pools[pool] = standard }
    }

    private static let engineOverTLS = "the gateway speaks plain HTTP to engines"
    private static let engineRemedy = "write http:// and the port that the engine itself listens on"

    /// - Parameter pools: of this process.
    private func speaksPlainly(_ gateway: MappingReader, _ pools: [PoolConfig]) {
        for pool in pools where admission.models.values.contains(pool.id) {
            let isOverTLS =
                switch pool.engine.location {
                case .fixed(let endpoints): endpoints.contains(where: \.isOverTLS)
                case .perReplica(let template): template.isOverTLS
                case .fromDriver: false
                }
            guard isOverTLS else { continue }
            gateway.problem(
                at: "models", "\(quoted(pool.id.rawValue)) has engines at https://, and " + Self.engineOverTLS,
                Self.engineRemedy)
        }
    }

    private func knowsKeys(_ gateway: MappingReader, _ secrets: SecretText) {
        guard let keyNames = secrets.keyNames else { return }
        var names: Set<String> = []
        if let keyFile {
            do throws(UnreadableFile) { names = try keyNames(keyFile) } catch {
                gateway.problem(
                    at: "keys", error.reason, "a line has the SHA-256 of a key in hexadecimal, a blank, and its name")
                return
            }
        }
        for key in admission.keys.keys.map(\.rawValue).sorted() where !names.contains(key) {
            gateway.warning(
                at: "key_limits", "there is no key \(quoted(key)), so its limits hold for nobody",
                keyFile == nil ? "name a file of keys" : "name one of \(names.sorted().joined(separator: ", "))")
        }
    }

    private mutating func readKeyLimits(_ gateway: MappingReader) {
        for reader in gateway.mappings("key_limits") {
            let name = reader.required("key", .text("the name of a key", example: "team-a"))
            var limits = KeyLimits()
            reader.read("wake", .yesOrNo, into: &limits.mayWake)
            reader.read("priority", .integer(-100...100), into: &limits.priority)
            limits.models = reader.list("models", .text("the name of a model", example: "llama")).map(Set.init)
            reader.read("concurrent", .integer(1...1_000_000, example: 20), into: &limits.maximumConcurrent)
            reader.read("per_minute", .integer(1...1_000_000, example: 60), into: &limits.maximumPerMinute)
            for model in (limits.models ?? []).sorted() where admission.models[model] == nil {
                reader.problem(at: "models", "there is no model \(quoted(model))", "name one of gateway.models")
            }
            reader.finish()
            if let name, admission.keys.updateValue(limits, forKey: KeyID(rawValue: name)) != nil {
                reader.problem(at: "key", "\(quoted(name)) is there already", "names are unique")
            }
        }
    }
}

extension String {
    fileprivate var isOverTLS: Bool { hasPrefix("https://") }
}

extension GatewayListener {
    fileprivate static func readAll(_ gateway: MappingReader, _ secrets: SecretText) -> [GatewayListener] {
        if !gateway.has("listen") { gateway.missing("listen", "write for example listen: 127.0.0.1:8080") }
        return gateway.mappings("listen", shorthand: "address", orOne: true).compactMap { reader in
            let address = reader.required("address", .gatewayAddress)
            let tls = reader.mapping("tls")
            var files: (certificate: String?, key: String?)
            if reader.has("tls") {
                files.certificate = tls.required("certificate", .path(secrets, example: "tls.crt"))
                files.key = tls.required("key", .path(secrets, example: "tls.key"))
                for (key, path) in [("certificate", files.certificate), ("key", files.key)] {
                    guard secrets.keyNames != nil, let path else { continue }
                    do throws(UnreadableFile) { _ = try secrets.readFile(path) } catch {
                        tls.problem(
                            at: key, "\(quoted(path)) cannot be read: \(error.reason)", "name a readable PEM file")
                    }
                }
            }
            tls.finish()
            let allow = reader.list("allow", .addressBlock) ?? []
            var needsKey = true
            reader.read("keys", .yesOrNo, into: &needsKey)
            reader.finish()
            guard let address else { return nil }
            var listener = GatewayListener(address: address, allow: allow, needsKey: needsKey)
            if let certificate = files.certificate, let key = files.key {
                listener.tls = TLSFiles(certificate: certificate, key: key)
            }
            if case .unix = address, reader.has("allow") {
                reader.problem(at: "allow", "a socket of this host has no addresses", "its folder says who may connect")
            }
            return listener
        }
    }

    /// Whether any host can connect.
    fileprivate var isOpen: Bool {
        guard case .tcp(let address) = address else { return false }
        return allow.isEmpty && !address.isLoopback
    }

    package var shown: String {
        switch address {
        case .tcp(let address): address.description
        case .unix(let path): "unix:\(path)"
        }
    }
}
