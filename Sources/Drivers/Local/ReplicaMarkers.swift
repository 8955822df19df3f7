import Fleet

/// The variables that every process of a replica inherits, and by which an agent that knows nothing yet finds the
/// replicas of its pool again in `/proc`.
struct ReplicaMarkers: Hashable, Sendable {
    /// The state directory of the agent that started it: two agents on one host never touch each other's replicas.
    var state: String
    var pool: PoolID
    var launch: LocalLaunch

    private static let prefix = "SCALE_AGENT_"
    private static let names = (
        state: prefix + "STATE", pool: prefix + "POOL", replica: prefix + "REPLICA", slot: prefix + "SLOT",
        port: prefix + "PORT", started: prefix + "STARTED_MS"
    )
    /// What the service manager says to the agent and to nobody else.
    private static let serviceManagerNames = [
        "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES",
    ]

    init(state: String, pool: PoolID, launch: LocalLaunch) {
        self.state = state
        self.pool = pool
        self.launch = launch
    }

    /// The markers in the bytes of `/proc/<pid>/environ`; `nil` unless all are there and whole.
    ///
    /// Entries end with NUL and may hold any other byte; only those that begin with our prefix are decoded.
    init?(environ bytes: [UInt8]) {
        var values: [String: String] = [:]
        for entry in bytes.split(separator: 0) where entry.starts(with: Self.prefix.utf8) {
            guard let equals = entry.firstIndex(of: UInt8(ascii: "=")) else { continue }
            let name = String(decoding: entry[..<equals], as: UTF8.self)
            // The first of two equal names is the one that getenv answers with.
            if values[name] == nil { values[name] = String(decoding: entry[(equals + 1)...], as: UTF8.self) }
        }
        guard let state = values[Self.names.state], let pool = values[Self.names.pool],
            let replica = values[Self.names.replica],
            let slot = values[Self.names.slot].flatMap({ Int($0) }),
            let port = values[Self.names.port].flatMap({ Int($0) }),
            let started = values[Self.names.started].flatMap({ Int64($0) })
        else { return nil }
        self.init(
            state: state, pool: PoolID(rawValue: pool),
            launch: LocalLaunch(
                id: ReplicaID(rawValue: replica), slot: slot, port: port,
                startedAt: Timestamp(millisecondsSince1970: started)))
    }

    /// The environment to start the replica with, as `NAME=value` lines.
    ///
    /// Markers come last in strength: neither the agent's environment nor the settings can forge them. `SPT_NOENV`
    /// keeps Python's setproctitle, which vLLM calls in every process, from overwriting `/proc/<pid>/environ`.
    func environment(inherited: [String: String], configured: [String: String]) -> [String] {
        var merged = inherited.filter { !$0.key.hasPrefix(Self.prefix) && !Self.serviceManagerNames.contains($0.key) }
        merged["SPT_NOENV"] = "1"
        merged.merge(configured) { $1 }
        merged[Self.names.state] = state
        merged[Self.names.pool] = pool.rawValue
        merged[Self.names.replica] = launch.id.rawValue
        merged[Self.names.slot] = String(launch.slot)
        merged[Self.names.port] = String(launch.port)
        merged[Self.names.started] = String(launch.startedAt.millisecondsSince1970)
        return merged.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    }
}
