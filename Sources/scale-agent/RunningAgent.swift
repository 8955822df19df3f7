import Agent
import Collectors
import Config
import Drivers
import Exporters
import Fleet
import Foundation
import Gateway
import Glibc
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import Store
import Synchronization
import Transport
import UnixSignals

/// A configured agent from start to stop: the loops, the admin HTTP, the GPUs, retention and reload.
struct RunningAgent: Sendable {
    private let logger: Logger
    private let path: String?
    private let board: SnapshotBoard
    private let wakes = WakeBoard()
    private let supervisor: PoolSupervisor
    private let assembly: Assembly
    private let current: ReloadState
    /// Held as long as this agent lives.
    private let lock: StateLock?
    private let link: GatewayLink?
    private let client: ControllerClient?
    private let fixed: FixedReplicas?
    private let gateway: GatewayService?
    private let afterTick: @Sendable (PoolTicker) async -> Void

    /// - Parameter path: the file to read again on reload; `nil` without one.
    init(
        config: AgentConfig, path: String?, afterTick: @escaping @Sendable (PoolTicker) async -> Void = { _ in }
    ) throws {
        logger = Surroundings.logger(level: Logger.Level(rawValue: config.logLevel.rawValue) ?? .info)
        self.path = path
        self.afterTick = afterTick
        board = SnapshotBoard(
            version: ScaleAgent.version, startedAt: Surroundings.now(), dcgmNames: config.gpu.dcgmNames,
            countsPublications: config.cloudWatch != nil)
        let transport = HTTPTransport(configuration: .init(userAgent: "scale-agent/\(ScaleAgent.version)"))
        let reader = config.gateway.map { NewsReader(settings: $0.admission, poolsWithSlots: $0.poolsWithSlots) }
        link =
            config.pools.isEmpty
            ? nil : GatewayLink(own: reader, wakes: wakes, logger: logger, now: Surroundings.now)
        client =
            if let address = config.gateway?.controller, let reader {
                ControllerClient(
                    url: address.url, token: address.token?.revealed, name: UUID().uuidString, reader: reader,
                    transport: transport, logger: logger)
            } else { nil }
        fixed =
            if link == nil, client == nil, let gateway = config.gateway {
                FixedReplicas(gateway.endpoints, logger: logger)
            } else { nil }
        let controller: (any GatewayController)? =
            if let link { link } else if let client { client } else { fixed }
        gateway =
            if let gateway = config.gateway, let controller {
                try GatewayService(
                    settings: GatewaySettings(gateway), admission: gateway.admission,
                    controller: controller, logger: logger
                ) { [board, link, client] numbers in
                    link?.update(numbers.demand)
                    client?.update(numbers.demand)
                    board.publish(
                        GatewaySnapshot(numbers, controllerAnswers: client?.isAnswered), at: Surroundings.now())
                }
            } else { nil }
        supervisor = PoolSupervisor(
            board: board, wakes: wakes, link: link, logger: logger, wallClock: Surroundings.now, afterTick: afterTick)
        current = ReloadState(config: config)
        // A gateway alone keeps nothing.
        lock = config.pools.isEmpty ? nil : try StateLock(folder: config.stateDirectory)
        assembly = Assembly(
            stateDirectory: config.stateDirectory, mode: config.mode, environment: Surroundings.environment,
            transport: transport,
            history: try HistoryStore(path: lock == nil ? nil : config.stateDirectory + "/history.sqlite"))
    }

    /// Returns after SIGTERM or SIGINT, at most 5 seconds later; or once the gateway has drained.
    ///
    /// - Throws: `StartError` when the state folder is taken, the address cannot be listened on, or a pool cannot be
    ///   assembled.
    func run(beside services: [any Service] = []) async throws {
        let config = current.config
        var parts: [PoolParts] = []
        for pool in config.pools { parts.append(try await assembly.parts(of: pool)) }
        // Nothing is decided before the address is ours: an agent that cannot start has changed nothing.
        let start: @Sendable () async -> Void = { [supervisor, parts] in await supervisor.start(parts) }

        var all: [any Service] = [supervisor, retention(config), memoryTrimmer, reloadOnHangup()] + services
        if let gpus = gpuReader(config.gpu) { all.append(gpus) }
        if let cloudWatch = config.cloudWatch { all.append(publisher(cloudWatch)) }
        if let listen = config.listen {
            all.append(admin(listen, onceListening: start))
        } else {
            await start()
        }
        // The last one stops first: the others go on while the gateway drains.
        if let client { all.append(client) }
        if let gateway { all.append(gateway) }
        var group = ServiceGroupConfiguration(
            services: all.map { .init(service: $0, successTerminationBehavior: .gracefullyShutdownGroup) },
            gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        group.maximumGracefulShutdownDuration = .seconds(4) + (config.gateway?.drain ?? .zero)
        do {
            try await ServiceGroup(configuration: group).run()
        } catch let error as IOError {
            let reason = String(cString: strerror(error.errnoCode))
            throw StartError("listen: \(config.listen?.description ?? "off"): \(reason)")
        }
        assembly.history.close()
        assembly.transport.shutdown()
    }

    // MARK: Services

    private func admin(_ listen: ListenAddress, onceListening start: @escaping @Sendable () async -> Void)
        -> some Service
    {
        let routes = AdminRoutes(
            board: board, wakes: wakes, link: link, mayChange: listen.isLoopback,
            token: current.config.gatewayToken?.revealed, now: Surroundings.now,
            reload: { await reload() })
        let logger = logger
        return Application(
            router: routes.router(),
            configuration: ApplicationConfiguration(
                address: .hostname(listen.host, port: listen.port), serverName: "scale-agent"),
            onServerRunning: { channel in
                logger.notice(
                    "listening", metadata: ["address": "\(channel.localAddress?.description ?? listen.description)"])
                await start()
            },
            logger: quiet(logger))
    }

    /// Without Hummingbird's line per start and stop.
    private func quiet(_ logger: Logger) -> Logger {
        var logger = logger
        logger.logLevel = max(logger.logLevel, .warning)
        return logger
    }

    private func gpuReader(_ gpu: GPUConfig) -> PeriodicService? {
        guard gpu.source != .off else { return nil }
        let collector = GPUCollector(
            executable: gpu.command, usesNVML: gpu.source == .auto, deadline: gpu.timeout)
        let expected = gpu.source != .auto
        return PeriodicService(every: .seconds(15), atEnd: collector.close) { [board] in
            let now = Surroundings.now()
            let observation = await collector.read(now: now)
            board.publish(observation.absent && !expected ? nil : observation, at: now)
        }
    }

    /// On its own time: what it waits for no pool waits for.
    private func publisher(_ config: CloudWatchConfig) -> PeriodicService {
        let publisher = assembly.cloudWatch(config)
        return PeriodicService(after: .seconds(5), every: config.interval) { [board, logger] in
            let now = Surroundings.now()
            let data = Assembly.published(config.gauges, of: board.current, at: now)
            guard !data.isEmpty else { return }
            do throws(DriverError) {
                try await publisher.publish(data)
                board.note(.success(data.count), at: now)
            } catch {
                guard !Task.isCancelled else { return }
                board.note(.failure(error), at: now)
                logger.warning("CloudWatch takes no values", metadata: ["error": "\(error)"])
            }
        }
    }

    private func retention(_ config: AgentConfig) -> PeriodicService {
        PeriodicService(every: .seconds(3600)) { [assembly, logger] in
            do {
                try await assembly.history.prune(before: Surroundings.now() - config.retention)
            } catch {
                guard !Task.isCancelled else { return }
                logger.error("history cannot be pruned", metadata: ["error": "\(error)"])
            }
        }
    }

    private var memoryTrimmer: PeriodicService {
        PeriodicService(after: .seconds(60), every: .seconds(3600)) { ResidentMemory.releaseCode() }
    }

    private func reloadOnHangup() -> some Service {
        HangupService { _ = await reload() }
    }

    // MARK: Reload

    /// Swaps a validated configuration in between ticks, or keeps the old one and says why.
    private func reload() async -> AdminRoutes.ReloadResult {
        let result = await current.exclusively { old async -> (AgentConfig?, AdminRoutes.ReloadResult) in
            guard let path else { return (nil, .kept(because: "there is no configuration file to read again")) }
            do {
                let new = try AgentConfig.load(
                    path: path, environment: Surroundings.environment, keyNames: Surroundings.keyNames)
                for warning in new.warnings { logger.warning("\(warning)") }
                return (new, .reloaded(try await apply(new, insteadOf: old)))
            } catch {
                return (nil, .kept(because: "\(error)"))
            }
        }
        switch result {
        case .reloaded(let what): logger.notice("reloaded", metadata: ["result": "\(what)"])
        case .kept(let why): logger.error("kept the running configuration", metadata: ["because": "\(why)"])
        }
        return result
    }

    private func apply(_ new: AgentConfig, insteadOf old: AgentConfig) async throws(StartError) -> String {
        guard new.stateDirectory == old.stateDirectory else {
            throw StartError("state: a running agent cannot move its state folder; restart it")
        }
        var assembly = assembly
        assembly.mode = new.mode
        let changed = new.pools.filter { pool in new.mode != old.mode || !old.pools.contains(pool) }
        let gone = Set(old.pools.map(\.id)).subtracting(new.pools.map(\.id))
        // All parts are built before the first loop stops, so that a failure changes nothing.
        var parts: [PoolParts] = []
        for pool in changed { parts.append(try await assembly.parts(of: pool)) }
        guard new.pools.isEmpty == old.pools.isEmpty else {
            throw StartError("pools: a gateway alone cannot become a controller, nor back; restart it")
        }
        try gateway?.reloadKeys()
        await supervisor.retire(gone)
        await supervisor.start(parts)
        var restart: [String] = []
        if let gateway = new.gateway, new.gateway != old.gateway {
            link?.configure(gateway.admission, poolsWithSlots: gateway.poolsWithSlots)
            client?.configure(gateway.admission, poolsWithSlots: gateway.poolsWithSlots)
            fixed?.configure(gateway.admission, gateway.endpoints)
        }
        if !(new.gateway?.isSameServer(as: old.gateway) ?? (old.gateway == nil)) { restart.append("gateway") }
        if new.gatewayToken != old.gatewayToken { restart.append("gateway_token") }
        if new.listen != old.listen { restart.append("listen") }
        if new.gpu != old.gpu { restart.append("gpu") }
        if new.cloudWatch != old.cloudWatch { restart.append("cloudwatch") }
        if new.retention != old.retention { restart.append("retention") }
        if new.logLevel != old.logLevel { restart.append("log_level") }
        return "pools started anew: \(names(changed.map(\.id))); pools gone: \(names(gone.sorted()))"
            + (restart.isEmpty ? "" : "; takes effect at the next start: \(restart.joined(separator: ", "))")
    }

    private func names(_ pools: [PoolID]) -> String {
        pools.isEmpty ? "none" : pools.map(\.rawValue).joined(separator: ", ")
    }
}

/// The configuration in force. One reload at a time: a second waits for the first.
private actor ReloadState {
    nonisolated let initial: AgentConfig
    private var latest: AgentConfig
    private var busy: Task<AdminRoutes.ReloadResult, Never>?

    init(config: AgentConfig) {
        initial = config
        latest = config
    }

    nonisolated var config: AgentConfig { initial }

    func exclusively(
        _ body: @escaping @Sendable (AgentConfig) async -> (AgentConfig?, AdminRoutes.ReloadResult)
    ) async -> AdminRoutes.ReloadResult {
        while let running = busy { _ = await running.value }
        let old = latest
        let work = Task {
            let (new, result) = await body(old)
            if let new { latest = new }
            busy = nil
            return result
        }
        busy = work
        return await work.value
    }
}

/// Calls back on every SIGHUP until shutdown.
private struct HangupService: Service {
    let hangup: @Sendable () async -> Void

    func run() async {
        let signals = await UnixSignalsSequence(trapping: .sighup)
        for await _ in signals.cancelOnGracefulShutdown() { await hangup() }
    }
}
