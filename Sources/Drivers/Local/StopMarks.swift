import Fleet
import FoundationEssentials

/// Remembers across restarts of the agent which replicas were asked to stop and until when they may take: a file each,
/// named by the replica, that holds the moment of the SIGKILL in milliseconds since 1970.
///
/// Nothing depends on it while the agent lives, so a full disk hinders no stop; it then only means that an agent which
/// restarts before the replica is gone takes it for a running one.
struct StopMarks: Sendable {
    private let directory: String

    init(stateDirectory: String, pool: PoolID) {
        directory = "\(stateDirectory)/local/\(pool)/stopping"
    }

    func write(_ id: ReplicaID, deadline: Timestamp) {
        try? FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try? Data(String(deadline.millisecondsSince1970).utf8).write(to: URL(filePath: path(id)), options: .atomic)
    }

    /// The deadline of a replica that was asked to stop, else `nil`.
    func deadline(_ id: ReplicaID) -> Timestamp? {
        guard let bytes = try? Data(contentsOf: URL(filePath: path(id))) else { return nil }
        return Int64(String(decoding: bytes, as: UTF8.self)).map { Timestamp(millisecondsSince1970: $0) }
    }

    func remove(_ id: ReplicaID) {
        try? FileManager.default.removeItem(atPath: path(id))
    }

    /// Forgets all replicas but these.
    func keepOnly(_ ids: some Collection<ReplicaID>) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        for name in names where !ids.contains(ReplicaID(rawValue: name)) { remove(ReplicaID(rawValue: name)) }
    }

    private func path(_ id: ReplicaID) -> String { "\(directory)/\(id)" }
}
