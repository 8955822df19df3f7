package import Fleet
package import Policy

/// One pool: where its engines are, how it is sized, and who carries that out.
package struct PoolConfig: Hashable, Sendable {
    package var id: PoolID
    package var engine: EngineConfig
    package var settings: PolicySettings
    /// `nil` in a pool of several groups, and in one that is only advised about.
    package var driver: DriverConfig?
    /// In fail-over order; empty: the pool is one group.
    package var groups: [GroupConfig] = []
    /// The price of one replica; `nil` when unknown.
    package var usdPerHour: Double? { settings.usdPerHour }
}

extension PoolConfig {
    /// Of all groups; empty: the agent only advises.
    package var drivers: [DriverConfig] { driver.map { [$0] } ?? groups.map(\.driver) }
}

/// One of the groups of a pool.
package struct GroupConfig: Hashable, Sendable {
    package var settings: GroupSettings
    package var driver: DriverConfig
}

/// How the engines of a pool are asked.
package struct EngineConfig: Hashable, Sendable {
    package var kind = EngineKind.auto
    package var location: EngineLocation
    /// Starts with a slash, like `healthPath`; `nil` is where that kind of engine has them.
    package var metricsPath: String?
    /// `nil` when health is not asked.
    package var healthPath: String? = "/health"
    package var timeout: Duration = .seconds(10)
    /// Sent with every request, sorted by name.
    package var headers: [EngineHeader] = []
}

package enum EngineKind: String, Hashable, Sendable, CaseIterable {
    /// Found out by asking.
    case auto
    case vllm, sglang, tgi
    case llamaCpp = "llama_cpp"
    case triton
    case tensorRTLLM = "tensorrt_llm"
    case ollama
}

/// Where engines listen. Every address is scheme, host and perhaps port, without a path or a slash at its end.
package enum EngineLocation: Hashable, Sendable {
    /// One engine a replica, at this address with the replica's own in place of `{private_ip}`.
    case perReplica(template: String)
    /// Without a driver, each one is a fixed replica. With one they are read as a whole, and only the control plane
    /// knows the replicas.
    case fixed([String])
    /// The driver says of each replica where it listens.
    case fromDriver
}

package struct EngineHeader: Hashable, Sendable {
    package var name: String
    package var value: Secret
}

/// The control plane of a pool.
package enum DriverConfig: Hashable, Sendable {
    case awsAutoScalingGroup(AutoScalingGroupConfig)
    case local(LocalConfig)
}

package struct AutoScalingGroupConfig: Hashable, Sendable {
    package var group: String
    /// `nil`: the region of the surroundings.
    package var region: String?
    /// Where all AWS services are called instead of at their public addresses.
    package var endpointURL: String?
    /// Bounds one look at the group and one change of it.
    package var timeout: Duration = .seconds(10)
}

/// Replicas that are processes of this host.
package struct LocalConfig: Hashable, Sendable {
    /// The program and its arguments, with `{port}`, `{slot}`, `{gpu}` and `{id}` still in them.
    package var command: [String]
    /// Added to the agent's own environment; with the same placeholders.
    package var environment: [String: Secret] = [:]
    /// One slot an entry: what `{gpu}` stands for there.
    package var gpus: [String]
    /// At least as many as slots.
    package var ports: ClosedRange<Int>
    /// From SIGTERM to SIGKILL.
    package var gracefulStop: Duration = .seconds(30)
}
