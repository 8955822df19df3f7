import Fleet
import FoundationEssentials
import Glibc

/// One line of `/proc/<pid>/stat`, as far as it is needed.
struct ProcessStat: Hashable, Sendable {
    var pid: pid_t
    var state: UInt8
    var group: pid_t
    var session: pid_t
    /// Clock ticks from the boot of the machine to the start of the process: with the pid, its identity.
    var startTicks: UInt64

    /// Dead, and only waits for its parent to ask.
    var isZombie: Bool { state == UInt8(ascii: "Z") || state == UInt8(ascii: "X") }

    /// proc(5): the name in parentheses may itself hold spaces, parentheses and newlines, so fields are counted from
    /// the last parenthesis.
    init?(line: [UInt8]) {
        guard let open = line.firstIndex(of: UInt8(ascii: "(")), let close = line.lastIndex(of: UInt8(ascii: ")")),
            let pid = pid_t(String(decoding: line[..<open].dropLast(), as: UTF8.self))
        else { return nil }
        let fields = line[(close + 1)...].split(whereSeparator: { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") })
        guard fields.count > 19, let state = fields[0].first else { return nil }
        func number<Number: FixedWidthInteger>(_ index: Int) -> Number? {
            Number(String(decoding: fields[index], as: UTF8.self))
        }
        guard let group: pid_t = number(2), let session: pid_t = number(3), let ticks: UInt64 = number(19) else {
            return nil
        }
        self.pid = pid
        self.state = state
        self.group = group
        self.session = session
        self.startTicks = ticks
    }
}

/// A running process that carries a replica's markers.
struct MarkedProcess: Hashable, Sendable {
    var stat: ProcessStat
    var markers: ReplicaMarkers
}

/// Reads `/proc`. A process that vanishes meanwhile is left out, never an error.
enum ProcessTable {
    /// The present entry of a pid, also of a zombie; `nil` when there is no such process.
    ///
    /// Takes no lock of the process's memory, so it never blocks on a process that hangs in a driver.
    static func stat(_ pid: pid_t) -> ProcessStat? {
        read("/proc/\(pid)/stat", limit: 4096).flatMap { ProcessStat(line: $0) }
    }

    /// The living processes of a session.
    static func living(inSession session: pid_t) -> [ProcessStat] {
        pids().compactMap(stat).filter { $0.session == session && !$0.isZombie }
    }

    /// Every living process of this user, outside of the sessions in `skipping`, with markers of this state and pool.
    ///
    /// Reading an environment takes the process's memory lock and can block for as long as a driver holds it: call
    /// this only through `ProcessScanner`. Children of known replicas, which are the ones that hang, are what
    /// `skipping` is for.
    static func marked(state: String, pool: PoolID, skipping: Set<pid_t>) -> [MarkedProcess] {
        pids().compactMap { pid in
            guard pid != getpid(), let before = stat(pid), !before.isZombie, !skipping.contains(before.session),
                let environ = environment(of: before), let markers = ReplicaMarkers(environ: environ),
                markers.state == state,
                markers.pool == pool,
                // The pid still means the process whose environment was read.
                let after = stat(pid), after.startTicks == before.startTicks
            else { return nil }
            return MarkedProcess(stat: after, markers: markers)
        }
    }

    /// Whether `/proc` shows us ourselves; where it does not, an empty scan would mean nothing.
    static var isReadable: Bool { stat(getpid()) != nil }

    /// The environment of a process of this user. While a process replaces itself (exec) it reads as empty for a moment,
    /// and a replica that is missed then would be started twice: so a user's process is asked again.
    private static func environment(of process: ProcessStat) -> [UInt8]? {
        for attempt in 1...4 {
            guard let bytes = read("/proc/\(process.pid)/environ", limit: 1 << 20, ownedBy: geteuid()) else {
                return nil
            }
            // Threads of the kernel have no session, and never an environment.
            if !bytes.isEmpty || process.session == 0 || attempt == 4 { return bytes }
            usleep(1000)
        }
        return nil
    }

    private static func pids() -> [pid_t] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { pid_t($0) }.sorted()
    }

    /// At most `limit` bytes of a file that has no size of its own.
    private static func read(_ path: String, limit: Int, ownedBy owner: uid_t? = nil) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        if let owner {
            var status = Glibc.stat()
            guard fstat(descriptor, &status) == 0, status.st_uid == owner else { return nil }
        }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while bytes.count < limit {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0 { return nil }
            if count == 0 { break }
            bytes += chunk[..<count]
        }
        return bytes
    }
}
