import Glibc

/// The first process of a replica: the leader of a session and of a process group of its own.
struct LeaderProcess: Hashable, Sendable {
    let pid: pid_t
    let startTicks: UInt64

    enum Status: Hashable, Sendable {
        case running
        case ended(ProcessEnd)
    }

    /// Whether it still runs; reaps it when it is a dead child of ours. Ask no more once it has ended: the pid may
    /// from then on be anybody's.
    func poll() -> Status {
        guard let stat = ProcessTable.stat(pid), stat.startTicks == startTicks else { return .ended(.unknown) }
        guard stat.isZombie else { return .running }
        var status: CInt = 0
        // Not our child when an earlier agent started it: then its new parent gets the status.
        guard waitpid(pid, &status, WNOHANG) == pid else { return .ended(.unknown) }
        let signal = status & 0x7f
        return .ended(signal == 0 ? .exited(status: status >> 8 & 0xff) : .killed(signal: signal))
    }

    /// Asks it to leave. Only the leader gets the signal: an engine's workers must not die under requests that the
    /// leader still finishes, and telling them is its business.
    func terminate() {
        guard poll() == .running else { return }
        kill(pid, SIGTERM)
    }

    /// Ends its whole process group, if it is still the one that was started.
    func killGroup() {
        guard poll() == .running else { return }
        kill(-pid, SIGKILL)
    }
}

/// How a process ended.
enum ProcessEnd: Hashable, Sendable, CustomStringConvertible {
    case exited(status: CInt)
    case killed(signal: CInt)
    /// Somebody else's child, or nobody could ask in time.
    case unknown

    var description: String {
        switch self {
        case .exited(let status): "exited with status \(status)"
        case .killed(let signal): "killed by signal \(signal)"
        case .unknown: "ended; an earlier agent had started it, so its exit status is unknown"
        }
    }
}

extension MarkedProcess {
    /// Ends this straggler, and with it the rest of its replica's process group.
    ///
    /// The start time is compared right before. A pid that is the number of a group or session with living members is
    /// not given out again, and everything in a group that one of our replicas leads descends from that replica.
    func killWithGroup() {
        guard let present = ProcessTable.stat(stat.pid), present.startTicks == stat.startTicks else { return }
        if present.group == present.session { kill(-present.group, SIGKILL) }
        kill(present.pid, SIGKILL)
    }
}
