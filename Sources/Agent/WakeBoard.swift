package import Fleet
import Synchronization

/// Where somebody outside asks for pools that may be at zero, until their loops take note.
///
/// It keeps nothing across a restart: whoever needs a pool asks until it serves.
package final class WakeBoard: Sendable {
    private struct State {
        var asked: [PoolID: Timestamp] = [:]
        var waiting: [PoolID: AsyncStream<Void>.Continuation] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    package func ask(for pool: PoolID, at now: Timestamp) {
        state.withLock { state in
            state.asked[pool] = now
            state.waiting[pool]?.yield()
        }
    }

    /// When it was last asked for since the last call.
    package func take(_ pool: PoolID) -> Timestamp? { state.withLock { $0.asked.removeValue(forKey: pool) } }

    /// Returns once the pool is asked for, at once if it is already, or when the task is cancelled. One loop a pool waits.
    func waitForCall(of pool: PoolID) async {
        let (calls, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        state.withLock { state in
            state.waiting[pool] = continuation
            if state.asked[pool] != nil { continuation.yield() }
        }
        for await _ in calls { return }
    }
}
