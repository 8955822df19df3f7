import Drivers
import Fleet
import FoundationEssentials
import Glibc
import Synchronization
import TestSupport

@testable import Drivers

/// A state directory, a range of ports and a wall clock of a test's own, for drivers that start real processes.
final class LocalHost: Sendable {
    let directory: String
    let firstPort: Int
    /// What the drivers take for the time.
    let moment = Mutex(Timestamp(secondsSince1970: 1_700_000_000))

    private static let nextPort = Mutex(15_000 + Int(getpid()) % 500 * 20)

    private init() {
        firstPort = Self.nextPort.withLock { next in
            repeat { next += 4 } while !(next..<next + 4).allSatisfy(isPortFree)
            return next
        }
        directory = "\(FileManager.default.temporaryDirectory.path())/local-\(getpid())-\(firstPort)"
    }

    /// Runs the test, and then ends every process that carries this host's markers.
    static func with(_ body: (LocalHost) async throws -> Void) async throws {
        let host = LocalHost()
        try FileManager.default.createDirectory(atPath: host.state, withIntermediateDirectories: true)
        defer {
            for pool in ["p", "q"] {
                for process in host.marked(pool: pool) { process.killWithGroup() }
            }
            try? FileManager.default.removeItem(atPath: host.directory)
        }
        try await body(host)
    }

    var state: String { directory + "/state" }

    func settings(
        pool: String = "p", _ script: String, slots: Int = 2, gracefulStop: Duration = .seconds(60),
        stragglerGrace: Duration = .seconds(60)
    ) -> LocalPoolSettings {
        var settings = LocalPoolSettings(
            pool: PoolID(rawValue: pool), command: ["/bin/sh", "-c", script],
            gpus: LocalPoolSettings.numberedSlots(slots), ports: firstPort...(firstPort + 3),
            logDirectory: directory + "/logs")
        settings.gracefulStop = gracefulStop
        settings.stragglerGrace = stragglerGrace
        return settings
    }

    func driver(
        _ settings: LocalPoolSettings, state: String? = nil, environment: [String: String] = [:],
        onlyLooks: Bool = false
    ) throws -> LocalProcessDriver {
        let inherited = ["PATH": "/usr/bin:/bin"].merging(environment) { $1 }
        return try LocalProcessDriver(
            settings: settings, stateDirectory: state ?? self.state, inheritedEnvironment: inherited,
            onlyLooks: onlyLooks, now: { self.moment.withLock { $0 } })
    }

    func advance(by span: Duration) { moment.withLock { $0 = $0 + span } }

    func marked(pool: String = "p") -> [MarkedProcess] {
        ProcessTable.marked(state: realPath, pool: PoolID(rawValue: pool), skipping: [])
    }

    func log(_ name: String) -> String {
        (try? String(contentsOfFile: "\(directory)/logs/\(name)", encoding: .utf8)) ?? ""
    }

    private var realPath: String {
        guard let resolved = realpath(state, nil) else { return state }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}

extension LocalProcessDriver {
    @discardableResult
    func grow(to size: Int) async throws(DriverError) -> Receipt {
        try await submit(.grow(to: size), id: ActionID(rawValue: "a"))
    }

    @discardableResult
    func remove(_ ids: [ReplicaID]) async throws(DriverError) -> Receipt {
        try await submit(.remove(ids), id: ActionID(rawValue: "a"))
    }

    func states() async throws(DriverError) -> [ReplicaState] { try await describe().replicas.map(\.state) }

    /// The first processes of the living replicas, by replica.
    var leaders: [pid_t] { replicas.keys.sorted().compactMap { replicas[$0]?.leader?.pid } }
}

/// Whether the pid names a process that is not a zombie.
func isAlive(_ pid: pid_t) -> Bool { ProcessTable.stat(pid).map { !$0.isZombie } ?? false }
