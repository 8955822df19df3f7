/// Does one thing at a time and never waits for it beyond a deadline.
///
/// What talks to a wedged driver can hang where neither a cancellation nor SIGKILL ends it. The caller is answered at the
/// deadline all the same, and as long as that one is not back no other is started: at most one is ever stuck.
actor SingleFlight<Request: Sendable, Answer: Sendable> {
    typealias Launch = @Sendable (Request) async -> Answer

    private let launch: Launch
    private let overdue: Answer
    private let stuck: Answer
    /// Exists until the work is over, which may be long after its caller was answered.
    private var flight: Task<Void, Never>?
    private var caller: CheckedContinuation<Answer, Never>?
    /// Tells a late timer or flight of an earlier run from the present one.
    private var run = 0

    /// - Parameters:
    ///   - overdue: the answer at the deadline; the work was cancelled, which may or may not have ended it.
    ///   - stuck: the answer when nothing was started because earlier work, already cancelled, is not over.
    ///   - launch: does the work and gives up when cancelled; may take for ever to do so.
    init(overdue: Answer, stuck: Answer, launch: @escaping Launch) {
        self.overdue = overdue
        self.stuck = stuck
        self.launch = launch
    }

    /// Starts the work and answers when it is done, or at the deadline if that is earlier. A cancelled caller's work is
    /// cancelled at once, and that caller waits a second at most.
    ///
    /// Calls must not overlap; one that does is told `stuck`.
    func run(_ request: Request, until deadline: ContinuousClock.Instant) async -> Answer {
        guard flight == nil else { return stuck }
        run += 1
        let run = run
        // Unstructured, because a task group would wait for what cannot be ended.
        let flight = Task {
            let outcome = await launch(request)
            if run == self.run {
                self.flight = nil
                answer(outcome, of: run)
            }
        }
        self.flight = flight
        let timer = Task {
            guard (try? await Task.sleep(until: deadline, clock: .continuous)) != nil else { return }
            flight.cancel()
            answer(overdue, of: run)
        }
        defer { timer.cancel() }
        return await withTaskCancellationHandler {
            // Both tasks need this actor to answer, so neither can before the continuation is in place.
            await withCheckedContinuation { caller = $0 }
        } onCancel: {
            flight.cancel()
            // What can be ended gets a moment to end.
            Task {
                try? await Task.sleep(for: .seconds(1))
                await self.answer(overdue, of: run)
            }
        }
    }

    /// Between two calls: the earlier work is not over.
    var isStuck: Bool { flight != nil }

    private func answer(_ answer: Answer, of run: Int) {
        guard run == self.run else { return }
        caller?.resume(returning: answer)
        caller = nil
    }
}
