import CCurl
import Synchronization

/// What tasks hand to the transport's thread.
///
/// Bounded: a request takes a slot when it is posted and the thread gives the slot back when the request ends.
final class Inbox: Sendable {
    typealias Outcome = Result<HTTPResponse, HTTPFailure>

    struct Job: Sendable {
        var id: UInt64
        var request: HTTPRequest
        var expires: ContinuousClock.Instant
        var continuation: CheckedContinuation<Outcome, Never>
    }

    struct Batch: Sendable {
        var arrivals: [Job] = []
        var cancelled: Set<UInt64> = []
        /// Why the thread must end, once it must.
        var closed: String?
    }

    private struct State {
        var batch = Batch()
        var slotsTaken = 0
        /// Nil once the thread has freed the handle or is about to.
        var wakes: MultiHandle?
    }

    private let capacity: Int
    private let lastID = Atomic<UInt64>(0)
    private let state: Mutex<State>

    init(capacity: Int, wakes multi: MultiHandle?) {
        self.capacity = capacity
        state = Mutex(State(wakes: multi))
    }

    func nextID() -> UInt64 {
        lastID.add(1, ordering: .relaxed).newValue
    }

    /// Takes the job over, or fails it at once where there is no room.
    func post(_ job: Job) {
        let refusal: String? = state.withLock { state in
            if let closed = state.batch.closed { return closed }
            guard state.slotsTaken < capacity else { return "too many requests in flight, the limit is \(capacity)" }
            state.slotsTaken += 1
            state.batch.arrivals.append(job)
            state.wakes?.wakeUp()
            return nil
        }
        if let refusal { job.continuation.resume(returning: .failure(.notSent("\(job.request.place): \(refusal)"))) }
    }

    /// Ends the request of that number if it is still there.
    func cancel(_ id: UInt64) {
        state.withLock { state in
            guard state.slotsTaken > 0, state.batch.closed == nil else { return }
            state.batch.cancelled.insert(id)
            state.wakes?.wakeUp()
        }
    }

    func close(because reason: String) {
        state.withLock { state in
            guard state.batch.closed == nil else { return }
            state.batch.closed = reason
            state.wakes?.wakeUp()
        }
    }

    // MARK: The thread's side

    /// Everything posted since the last call.
    func take() -> Batch {
        state.withLock { state in
            let batch = state.batch
            state.batch = Batch(closed: batch.closed)
            return batch
        }
    }

    func freeSlot() {
        state.withLock { $0.slotsTaken -= 1 }
    }

    /// Frees the multi handle: after this nobody can wake it.
    func finish() {
        state.withLock { state in
            state.wakes?.free()
            state.wakes = nil
        }
    }
}
