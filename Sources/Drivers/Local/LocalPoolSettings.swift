package import Fleet

/// What the replicas of a local pool run, and where.
///
/// `command` and `environment` may hold `{port}`, `{slot}`, `{gpu}` and `{id}`; any other brace is left as it is, so
/// that JSON in an argument survives.
package struct LocalPoolSettings: Hashable, Sendable {
    package var pool: PoolID
    /// The program, looked up in `PATH`, and its arguments. It must stay in the foreground: a replica lives as long as
    /// its first process.
    package var command: [String]
    /// Added to the agent's own environment, and stronger than it.
    package var environment: [String: String]
    /// One slot an entry: what `{gpu}` stands for there, such as `0`, a UUID, or `0,1` for an engine on two GPUs.
    package var gpus: [String]
    /// The replica of slot n listens on the n-th port.
    package var ports: ClosedRange<Int>
    /// The host in the endpoints.
    package var host = "127.0.0.1"
    /// From SIGTERM to SIGKILL. vLLM 0.8 and 0.10 never exit on SIGTERM while a request runs.
    package var gracefulStop: Duration = .seconds(30)
    /// What children of a crashed replica get to leave by themselves before they are killed.
    package var stragglerGrace: Duration = .seconds(10)
    /// Output of the replica of slot n goes to `<pool>-<n>.log`; that of the one before is kept as `<pool>-<n>.log.1`.
    package var logDirectory: String
    /// The price of one replica; `nil` when unknown.
    package var usdPerHour: Double?

    package init(
        pool: PoolID, command: [String], environment: [String: String] = [:], gpus: [String], ports: ClosedRange<Int>,
        logDirectory: String
    ) {
        self.pool = pool
        self.command = command
        self.environment = environment
        self.gpus = gpus
        self.ports = ports
        self.logDirectory = logDirectory
    }

    /// The `gpus` of `count` slots that are numbers and no more: "0", "1" and so on.
    package static func numberedSlots(_ count: Int) -> [String] { (0..<max(0, count)).map(String.init) }

    /// How many replicas fit at most.
    package var slotCount: Int { gpus.count }

    /// What makes these settings unusable, in sentences; empty when nothing does.
    package var problems: [String] {
        var problems: [String] = []
        if pool.rawValue.isEmpty || pool.rawValue.hasPrefix(".")
            || pool.rawValue.contains(where: { "/\0".contains($0) })
        {
            problems.append("the pool's name \"\(pool)\" cannot be a file name")
        }
        if command.first?.isEmpty ?? true { problems.append("the command is empty") }
        if (command + environment.keys + environment.values).contains(where: { $0.utf8.contains(0) }) {
            problems.append("the command or the environment holds a NUL byte")
        }
        if gpus.isEmpty { problems.append("there is no slot") }
        if ports.count < gpus.count { problems.append("\(gpus.count) slots need as many ports, found \(ports.count)") }
        if ports.lowerBound < 1 || ports.upperBound > 65_535 {
            problems.append("ports run from 1 to 65535, found \(ports)")
        }
        if gracefulStop < .zero || stragglerGrace < .zero { problems.append("a grace time is negative") }
        return problems
    }
}

/// The place and name of one launch, and what the placeholders stand for in it.
struct LocalLaunch: Hashable, Sendable {
    var id: ReplicaID
    var slot: Int
    var port: Int
    var startedAt: Timestamp

    /// `text` with this launch's values in place of the placeholders; what is put in is not looked at again.
    func filling(_ text: String, gpu: String) -> String {
        let values = ["{port}": String(port), "{slot}": String(slot), "{gpu}": gpu, "{id}": id.rawValue]
        var result = ""
        var rest = text[...]
        while let brace = rest.firstIndex(of: "{") {
            result += rest[..<brace]
            rest = rest[brace...]
            if let (name, value) = values.first(where: { rest.hasPrefix($0.key) }) {
                result += value
                rest = rest.dropFirst(name.count)
            } else {
                result.append(rest.removeFirst())
            }
        }
        return result + rest
    }
}
