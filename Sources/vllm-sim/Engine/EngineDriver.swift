import Synchronization

/// Runs the scheduler in real time and brings its events to the requests that wait for them.
///
/// Work is done in ticks: at most one per `tick` while the engine is busy, none at all while it is idle.
final class EngineDriver: Sendable {
    /// What a waiting request hears. The last one is `failed` or has an ending.
    enum Update: Sendable {
        case progress(tokens: Int, ending: FinishReason?)
        case failed(APIError)
    }

    /// What a scrape or a probe sees.
    struct Snapshot: Sendable {
        var statistics: EngineStatistics
        var gauges: EngineGauges
        var isDead: Bool
        /// Requests inside the server, running and queued alike.
        var inFlight: Int
    }

    private enum Condition { case serving, shuttingDown, dead }

    private struct State {
        var scheduler: EngineScheduler
        var condition = Condition.serving
        var nextID = 0
        var waiters: [EngineScheduler.RequestID: AsyncStream<Update>.Continuation] = [:]
        /// The request that a connection waits for; HTTP/1.1 has one at a time.
        var connections: [ObjectIdentifier: EngineScheduler.RequestID] = [:]

        mutating func deliver(_ events: [EngineScheduler.Event]) {
            for event in events {
                let update = Update.progress(tokens: event.tokens, ending: event.ending)
                if event.ending == nil {
                    waiters[event.id]?.yield(update)
                } else {
                    end(event.id, update)
                }
            }
        }

        mutating func end(_ id: EngineScheduler.RequestID, _ update: Update) {
            guard let waiter = waiters.removeValue(forKey: id) else { return }
            waiter.yield(update)
            waiter.finish()
        }
    }

    private let state: Mutex<State>
    private let tick: Duration
    private let maxQueued: Int
    private let started = ContinuousClock.now
    private let work: AsyncStream<Void>
    private let workArrived: AsyncStream<Void>.Continuation

    /// - Parameters:
    ///   - tick: the finest grain in which tokens are handed out.
    ///   - maxQueued: requests in flight beyond which new ones are refused.
    init(_ settings: EngineScheduler.Settings, tick: Duration, maxQueued: Int) {
        state = Mutex(State(scheduler: EngineScheduler(settings)))
        self.tick = tick
        self.maxQueued = maxQueued
        (work, workArrived) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    private var now: Duration { ContinuousClock.now - started }

    /// Ticks until cancelled.
    func run() async {
        var arrivals = work.makeAsyncIterator()
        while !Task.isCancelled {
            if let next = state.withLock({ $0.condition == .dead ? nil : $0.scheduler.nextEvent }) {
                try? await Task.sleep(for: max(next - now, tick))
                advance()
            } else {
                _ = await arrivals.next()
            }
        }
    }

    private func advance() {
        let now = now
        state.withLock { state in
            guard state.condition != .dead else { return }
            state.deliver(state.scheduler.advance(to: now))
        }
    }

    // MARK: Requests

    /// Queues a request; its stream ends with the last update.
    ///
    /// - Parameter connection: of the client; `disconnected` aborts what it waits for.
    func submit(
        _ work: EngineScheduler.Work, connection: ObjectIdentifier
    ) throws(APIError) -> AsyncStream<Update> {
        let (updates, waiter) = AsyncStream<Update>.makeStream()
        let now = now
        let refusal: APIError? = state.withLock { state in
            switch state.condition {
            case .dead: return .engineDead
            case .shuttingDown: return .shuttingDown
            case .serving: break
            }
            guard state.scheduler.inFlight < maxQueued else {
                state.scheduler.countRejectedAdmission()
                return .queueFull
            }
            let id = state.nextID
            state.nextID += 1
            state.waiters[id] = waiter
            state.connections[connection] = id
            state.deliver(state.scheduler.advance(to: now))
            state.scheduler.submit(id, work, at: now)
            return nil
        }
        if let refusal { throw refusal }
        workArrived.yield()
        return updates
    }

    /// The client of a connection went away.
    func disconnected(_ connection: ObjectIdentifier) {
        let now = now
        state.withLock { state in
            guard let id = state.connections.removeValue(forKey: connection),
                let waiter = state.waiters.removeValue(forKey: id)
            else { return }
            waiter.finish()
            guard state.condition != .dead else { return }
            state.deliver(state.scheduler.advance(to: now))
            state.scheduler.abort(id)
        }
    }

    var snapshot: Snapshot {
        state.withLock { state in
            Snapshot(
                statistics: state.scheduler.statistics, gauges: state.scheduler.gauges,
                isDead: state.condition == .dead, inFlight: state.waiters.count)
        }
    }

    // MARK: Scenarios

    /// Refuses new requests from now on.
    ///
    /// - Parameter abort: end those in flight at once with the finish reason `abort`.
    func shutDown(abort: Bool) {
        let now = now
        state.withLock { state in
            guard state.condition == .serving else { return }
            state.condition = .shuttingDown
            state.deliver(state.scheduler.advance(to: now))
            if abort { state.deliver(state.scheduler.abortAll()) }
        }
    }

    /// The engine process is gone: everything in flight fails, all numbers stay as they are.
    func die() {
        let now = now
        state.withLock { state in
            state.deliver(state.scheduler.advance(to: now))
            state.condition = .dead
            for id in state.waiters.keys.sorted() { state.end(id, .failed(.engineDead)) }
        }
    }
}
