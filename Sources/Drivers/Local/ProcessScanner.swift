import Dispatch
import Fleet
import Glibc

/// Reads the whole process table on a thread of its own, with a deadline.
///
/// One hung process, such as an engine stuck in the GPU driver, can block the reader of its environment for good.
/// Callers then get an error at the deadline, and at once when several wait already: no second thread is started.
actor ProcessScanner {
    private let state: String
    private let pool: PoolID
    private let clock: any Clock<Duration>
    private let limit: Duration = .seconds(5)
    private let thread = DispatchQueue(label: "process-scan")
    private var unanswered = 0

    init(state: String, pool: PoolID, clock: any Clock<Duration>) {
        self.state = state
        self.pool = pool
        self.clock = clock
    }

    /// The living processes with our markers, outside of the sessions in `skipping`.
    ///
    /// - Throws: `unreachable` when `/proc` cannot be read, or not in time.
    func scan(skipping: Set<pid_t>) async throws(DriverError) -> [MarkedProcess] {
        guard ProcessTable.isReadable else { throw .unreachable(message: "/proc is not readable") }
        guard unanswered < 4 else { throw .unreachable(message: "earlier readings of /proc still hang") }
        unanswered += 1
        let (answers, answer) = AsyncStream.makeStream(of: [MarkedProcess].self)
        thread.async { [state, pool] in
            answer.yield(ProcessTable.marked(state: state, pool: pool, skipping: skipping))
            answer.finish()
            Task { await self.answered() }
        }
        let timeout = Task { [clock, limit] in
            try? await clock.sleep(for: limit)
            answer.finish()
        }
        defer { timeout.cancel() }
        for await found in answers { return found }
        throw .unreachable(message: "/proc could not be read within \(limit)")
    }

    private func answered() { unanswered -= 1 }
}
