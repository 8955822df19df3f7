import Fleet
import Glibc

/// One replica of a local pool, as the driver remembers it.
struct LocalReplica: Hashable, Sendable {
    enum Phase: Hashable, Sendable {
        case running
        /// Was asked to leave, and is killed at a deadline.
        case stopping
        /// Ended without having been asked to.
        case failed(String, at: Timestamp)
    }

    var launch: LocalLaunch
    /// `nil` once it has ended.
    var leader: LeaderProcess?
    /// The session that it leads or led; its pid.
    var session: pid_t
    var phase: Phase
    /// Whether processes of the session outlive the leader, such as vLLM's `EngineCore` with the GPU's memory.
    var hasStragglers = false

    var isRunning: Bool { phase == .running }

    /// Whether something of it still runs; its slot is then not free.
    var holdsSlot: Bool { leader != nil || hasStragglers }

    var state: ReplicaState {
        switch phase {
        case .running: .ready
        case .stopping: .terminating
        case .failed(let reason, _): .failed(reason)
        }
    }

    /// Looks whether the leader and its session still live.
    mutating func refresh(at now: Timestamp) {
        if let leader, case .ended(let end) = leader.poll() {
            self.leader = nil
            hasStragglers = true
            if phase == .running { phase = .failed(end.description, at: now) }
        }
        // Once empty it stays empty: from then on the number may name anybody's session.
        if leader == nil && hasStragglers { hasStragglers = !ProcessTable.living(inSession: session).isEmpty }
    }
}
