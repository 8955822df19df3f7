import Agent
import Collectors
import Config
import Drivers
import Exporters
import Fleet
import Policy
import Store
import Transport

/// The only place that knows every concrete type: configuration in, running parts out.
struct Assembly: Sendable {
    var stateDirectory: String
    var mode: OperatingMode
    var environment: [String: String]
    var transport: HTTPTransport
    var history: HistoryStore

    /// - Throws: `StartError` for what only shows when it is built, such as a region that nobody knows.
    func parts(of pool: PoolConfig) async throws(StartError) -> PoolParts {
        let fleet: (inventory: any FleetInventory, actuator: (any FleetActuator)?)
        do {
            fleet = try await control(pool)
        } catch {
            throw StartError("pool \(pool.id): \(error)")
        }
        return PoolParts(
            pool: pool.id, settings: pool.settings, driver: driverNames(pool), authority: authority(pool),
            inventory: fleet.inventory, actuator: mode == .act ? fleet.actuator : nil,
            collector: EngineCollector(transport: transport, settings: collector(pool.engine)),
            pooledEngines: pooledEngines(pool), history: history)
    }

    private func authority(_ pool: PoolConfig) -> Authority {
        switch mode {
        case .act: pool.drivers.isEmpty ? .advise("no driver is configured") : .act
        case .dryRun: .advise("dry run")
        case .paused: .paused
        }
    }

    private func control(
        _ pool: PoolConfig
    ) async throws(DriverError) -> (inventory: any FleetInventory, actuator: (any FleetActuator)?) {
        if let config = pool.driver {
            let driver = try await driver(config, pool)
            return (driver, driver)
        }
        guard !pool.groups.isEmpty else {
            var endpoints: [String] = []
            if case .fixed(let fixed) = pool.engine.location { endpoints = fixed }
            return (FixedFleet(endpoints: endpoints, usdPerHour: pool.usdPerHour, now: Surroundings.now), nil)
        }
        var members: [GroupedFleet.Member] = []
        for group in pool.groups {
            var settings = group.settings
            settings.usdPerHour = settings.usdPerHour ?? pool.usdPerHour
            // Its replicas are told from those of other groups by a name that no pool can have.
            var ofGroup = pool
            (ofGroup.id, ofGroup.settings.usdPerHour) = (PoolID(rawValue: "\(pool.id).\(settings.id)"), nil)
            members.append(GroupedFleet.Member(settings: settings, driver: try await driver(group.driver, ofGroup)))
        }
        // Without it, groups that do not answer at first are waited for.
        let last = try? await history.lastFleet(of: pool.id)
        let fleet = GroupedFleet(members: members, last: last)
        return (fleet, fleet)
    }

    private func driver(
        _ config: DriverConfig, _ pool: PoolConfig
    ) async throws(DriverError) -> any FleetInventory & FleetActuator {
        switch config {
        case .awsAutoScalingGroup(let group): try await autoScalingGroup(group, pool)
        case .local(let local): try localProcesses(local, pool)
        }
    }

    /// Each kind once, in fail-over order.
    private func driverNames(_ pool: PoolConfig) -> String {
        var names: [String] = []
        for driver in pool.drivers where !names.contains(driver.name) { names.append(driver.name) }
        return names.isEmpty ? "none" : names.joined(separator: "+")
    }

    private var aws: AWSSurroundings {
        AWSSurroundings.process(environment: environment) { [transport] request throws(HTTPFailure) in
            try await transport.send(request)
        }
    }

    func cloudWatch(_ config: CloudWatchConfig) -> CloudWatchPublisher {
        CloudWatchPublisher(
            settings: CloudWatchSettings(
                namespace: config.namespace, region: config.region, serviceEndpoint: config.endpointURL,
                interval: config.interval, deadline: config.timeout),
            surroundings: aws)
    }

    /// What is known of the pools, but for those that are to be left alone or are led by another agent. Advice counts:
    /// a policy of the cloud is there to carry it out.
    static func published(
        _ gauges: [PublishedGauge], of agent: AgentSnapshot, at now: Timestamp
    ) -> [CloudWatchDatum] {
        agent.pools.filter { $0.authority != .paused && $0.authority != .notLeader }.flatMap { pool in
            gauges.compactMap { gauge in
                gauge.value(of: pool, at: now).map {
                    CloudWatchDatum(metric: gauge.metric, pool: pool.pool, value: $0.value, at: $0.at)
                }
            }
        }
    }

    private func autoScalingGroup(
        _ group: AutoScalingGroupConfig, _ pool: PoolConfig
    ) async throws(DriverError) -> AutoScalingGroupDriver {
        let surroundings = aws
        let region = try await AWSRegion.resolve(group.region, surroundings: surroundings)
        var template: String?
        if case .perReplica(let text) = pool.engine.location { template = text }
        let settings = AutoScalingGroupSettings(
            group: group.group, region: region, endpointTemplate: template, serviceEndpoint: group.endpointURL,
            onDemandUSDPerHour: pool.usdPerHour, deadline: group.timeout)
        let credentials = AWSCredentialsProvider(
            region: region, serviceEndpoint: group.endpointURL, surroundings: surroundings)
        return AutoScalingGroupDriver(settings: settings, credentials: credentials, surroundings: surroundings)
    }

    private func localProcesses(_ local: LocalConfig, _ pool: PoolConfig) throws(DriverError) -> LocalProcessDriver {
        var settings = LocalPoolSettings(
            pool: pool.id, command: local.command, environment: local.environment.mapValues(\.revealed),
            gpus: local.gpus, ports: local.ports, logDirectory: stateDirectory + "/logs")
        settings.gracefulStop = local.gracefulStop
        settings.usdPerHour = pool.usdPerHour
        return try LocalProcessDriver(
            settings: settings, stateDirectory: stateDirectory, inheritedEnvironment: environment,
            onlyLooks: mode != .act, now: Surroundings.now
        )
    }

    private func collector(_ engine: EngineConfig) -> EngineCollectorSettings {
        var settings = EngineCollectorSettings()
        if engine.kind != .auto {
            settings.profiles = EngineProfile.all.filter { $0.engine == engine.kind.rawValue }
        }
        settings.metricsPath = engine.metricsPath
        settings.healthPath = engine.healthPath
        settings.timeout = engine.timeout
        settings.headers = engine.headers.map { HTTPField($0.name, $0.value.revealed) }
        return settings
    }

    /// With a driver, fixed endpoints say nothing about single replicas.
    private func pooledEngines(_ pool: PoolConfig) -> [EngineTarget]? {
        guard !pool.drivers.isEmpty, case .fixed(let endpoints) = pool.engine.location else { return nil }
        return endpoints.map { EngineTarget(id: ReplicaID(rawValue: $0), endpoint: $0) }
    }
}

extension DriverConfig {
    /// As the configuration names it.
    var name: String {
        switch self {
        case .awsAutoScalingGroup: "aws_asg"
        case .local: "local"
        }
    }
}
