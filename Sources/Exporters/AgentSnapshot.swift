package import Fleet
package import Policy

/// Everything that the exporters show: one immutable value, published by the control loop after each tick.
package struct AgentSnapshot: Hashable, Sendable {
    package var at: Timestamp
    package var version: String
    package var startedAt: Timestamp
    package var pools: [PoolSnapshot]
    /// `nil` when GPU reading is switched off.
    package var gpus: GPUObservation?
    /// Whether the GPUs are exported a second time, as dcgm-exporter would.
    package var dcgmNames = false
    package var process: ProcessSnapshot?
    /// `nil` until there is a gateway in this process.
    package var gateway: GatewaySnapshot?
    /// `nil` when nothing is published to CloudWatch.
    package var cloudWatch: PublicationCounters?

    package init(
        at: Timestamp, version: String, startedAt: Timestamp, pools: [PoolSnapshot] = [], gpus: GPUObservation? = nil,
        process: ProcessSnapshot? = nil
    ) {
        self.at = at
        self.version = version
        self.startedAt = startedAt
        self.pools = pools
        self.gpus = gpus
        self.process = process
    }
}

/// One pool after its latest tick.
package struct PoolSnapshot: Hashable, Sendable {
    package var pool: PoolID
    /// The driver as the configuration names it, such as `aws_asg`; `none` when the agent only advises.
    package var driver: String
    package var settings: PolicySettings
    package var authority: Authority
    /// `nil` until the first tick is done.
    package var input: TickInput?
    package var output: TickOutput?
    package var memory: PoolMemory
    /// The latest reading of every engine, for the table and for reading metrics.
    package var readings: [EngineReading] = [] {
        didSet { latency = PoolLatency(from: oldValue, to: readings) }
    }
    /// Between the latest readings and those before.
    package private(set) var latency = PoolLatency()
    package var counters = PoolCounters()
    /// The latest decisions that changed something or wanted to, newest first; at most `recentDecisionsKept`.
    package var recent: [RecentDecision] = []
    /// One point per tick, oldest first; at most `historyKept`.
    package var history: [HistoryPoint] = []
    /// How long the latest tick took, from waking to publishing.
    package var tickDuration: Duration?

    package static let recentDecisionsKept = 20
    /// An hour of 15-second ticks.
    package static let historyKept = 240

    package init(
        pool: PoolID, driver: String, settings: PolicySettings, authority: Authority, memory: PoolMemory = PoolMemory()
    ) {
        self.pool = pool
        self.driver = driver
        self.settings = settings
        self.authority = authority
        self.memory = memory
    }
}

/// What one tick comes down to, for a small chart.
package struct HistoryPoint: Hashable, Sendable {
    package var at: Timestamp
    package var current: Int?
    package var target: Int?
    package var serving: Int?
    package var requests: Double?
    /// What demand was then expected to stay under until a replica ordered would serve.
    package var expected: Double?

    package init(
        at: Timestamp, current: Int?, target: Int?, serving: Int?, requests: Double?, expected: Double? = nil
    ) {
        self.at = at
        self.current = current
        self.target = target
        self.serving = serving
        self.requests = requests
        self.expected = expected
    }
}

/// A decision worth a line: its count differs from the present one.
package struct RecentDecision: Hashable, Sendable {
    package var at: Timestamp
    package var decision: Decision
    package var action: ScalingAction?
    /// What the control plane answered; `nil` while it is not known or when nothing was asked.
    package var result: String?

    package init(at: Timestamp, decision: Decision, action: ScalingAction?, result: String? = nil) {
        self.at = at
        self.decision = decision
        self.action = action
        self.result = result
    }
}

/// Counters since the process started.
package struct PoolCounters: Hashable, Sendable {
    package var ticks = 0
    /// Ticks bound by each rule.
    package var binding: [RuleName: Int] = [:]
    /// For how long, and what they added or denied.
    package var rules = RuleLedger()
    /// Replicas ordered, un-cordoned, cordoned, removed.
    package var ordered = 0
    package var cordoned = 0
    package var uncordoned = 0
    package var removed = 0
    /// Actions accepted by the control plane, by kind: `grow`, `remove`.
    package var accepted: [String: Int] = [:]
    /// Actions and descriptions that failed, by `DriverError.kind`.
    package var driverErrors: [String: Int] = [:]
    /// Engine readings that failed.
    package var readingErrors = 0
    package var booted = 0
    package var bootsTimedOut = 0
    package var died = 0
    /// Wakes by cause: those that ended in a serving replica, how long they took together, and the others.
    package var woken: [WakeCall.Cause: Int] = [:]
    package var wakeSeconds = 0.0
    package var wakesFailed: [WakeCall.Cause: Int] = [:]
    /// Requests that were still on a replica when it was removed.
    package var cutRequests = 0.0
    /// Ticks whose record could not be written to history.
    package var historyErrors = 0

    package init() {}
}

/// The process itself, as `/proc` shows it; absent where it does not.
package struct ProcessSnapshot: Hashable, Sendable {
    package var cpuSeconds: Double?
    package var residentBytes: Double?
    package var openFiles: Double?
    package var startTime: Timestamp?

    package init(
        cpuSeconds: Double? = nil, residentBytes: Double? = nil, openFiles: Double? = nil, startTime: Timestamp? = nil
    ) {
        self.cpuSeconds = cpuSeconds
        self.residentBytes = residentBytes
        self.openFiles = openFiles
        self.startTime = startTime
    }
}
