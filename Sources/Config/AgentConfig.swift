package import Fleet

/// What `scale-agent.yaml` says, with every default filled in; valid as a whole.
///
/// A reload compares two of these: pools that are equal keep running as they are.
package struct AgentConfig: Hashable, Sendable {
    /// Where the agent's own HTTP listens; `nil` when it is off.
    package var listen: ListenAddress? = ListenAddress(host: "127.0.0.1", port: 9839)
    /// The folder of the history and of the logs of local replicas; a relative one has been taken from the folder of
    /// the configuration file.
    package var stateDirectory = "scale-agent-state"
    /// How long history is kept.
    package var retention: Duration = .seconds(14 * 86_400)
    package var mode = OperatingMode.act
    package var logLevel = LogLevel.info
    package var gpu = GPUConfig()
    /// `nil` when nothing is published there.
    package var cloudWatch: CloudWatchConfig?
    /// With unique names, in the order of the file; at least one, unless there is only a gateway.
    package var pools: [PoolConfig] = []
    /// `nil`: clients have a gateway of their own, or none.
    package var gateway: GatewayConfig?
    /// What gateways on other hosts have to show.
    package var gatewayToken: Secret?
    /// What is allowed and probably not meant.
    package var warnings: [ConfigProblem] = []

    init() {}
}

/// Host and port of a listening socket.
package struct ListenAddress: Hashable, Sendable, CustomStringConvertible {
    /// A name or an address; an IPv6 address without its brackets.
    package var host: String
    /// 0 takes any free port.
    package var port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// Whether only this host can connect.
    package var isLoopback: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }
}

/// What the agent may do with its decisions.
package enum OperatingMode: String, Hashable, Sendable, CaseIterable {
    case act
    /// Decide and say so; nothing that can write to a control plane is even constructed.
    case dryRun = "dry_run"
    /// Decide, and leave the fleet alone until somebody resumes.
    case paused
}

package enum LogLevel: String, Hashable, Sendable, CaseIterable {
    case trace, debug, info, notice, warning, error, critical
}

/// What is published to CloudWatch of every pool, and where.
package struct CloudWatchConfig: Hashable, Sendable {
    package var namespace = "Custom/LLMMetrics"
    /// `nil`: the region of the surroundings.
    package var region: String?
    /// Where AWS is called instead of at its public addresses.
    package var endpointURL: String?
    package var interval: Duration = .seconds(60)
    package var timeout: Duration = .seconds(10)
    package var gauges = PublishedGauge.allCases
}

/// How this host's GPUs are read.
package struct GPUConfig: Hashable, Sendable {
    package var source = GPUSource.auto
    /// A name to look up in `PATH`, or a path.
    package var command = "nvidia-smi"
    package var timeout: Duration = .seconds(10)
    /// Exports the GPUs under the names of dcgm-exporter too.
    package var dcgmNames = false
}

package enum GPUSource: String, Hashable, Sendable, CaseIterable {
    /// Through NVML, else the files of AMD's driver, else nvidia-smi, silently not at all where none is.
    case auto
    /// With nvidia-smi alone; its absence is an error to show.
    case nvidiaSMI = "nvidia_smi"
    case off
}
