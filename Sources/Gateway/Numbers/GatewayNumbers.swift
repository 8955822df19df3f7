package import Admission
import Fleet

/// What happened to one group of requests, in counts that only grow.
package struct Tally: Sendable {
    /// Upper bounds in seconds; one more bucket counts what is above.
    package let bounds: [Double]
    package private(set) var counts: [Int]
    package private(set) var sum = 0.0

    init(_ bounds: [Double]) {
        self.bounds = bounds
        counts = Array(repeating: 0, count: bounds.count + 1)
    }

    mutating func add(_ seconds: Double) {
        var index = 0
        while index < bounds.count, seconds > bounds[index] { index += 1 }
        counts[index] += 1
        sum += seconds
    }

    mutating func add(_ other: Tally) {
        for index in counts.indices { counts[index] += other.counts[index] }
        sum += other.sum
    }
}

/// What the gateway has counted since it began, added up over its event loops.
package struct GatewayNumbers: Sendable {
    private static let waits = [0.001, 0.01, 0.1, 0.5, 1, 5, 10, 30, 60, 120, 180, 240, 300, 360, 480, 600]

    /// From a request's head to its dispatch.
    package var wait = Tally(waits)
    /// The same of requests that waited for a wake.
    package var coldWait = Tally(waits)
    /// From a request's head to the first byte of the answer's body.
    package var firstByte = Tally([0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600])
    /// Between two reads from the replica of one streamed answer.
    package var interChunk = Tally([0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10])
    /// From the first request that needed a wake to a ready replica.
    package var wake = Tally(waits)
    /// By outcome: `served`, `failed`, `abandoned`.
    package var wakes: [String: Int] = [:]
    /// By status and outcome, such as `200 served`.
    package var requests: [String: Int] = [:]
    /// As of now, by pool.
    package var demand: [PoolDemand] = []
    package var clientConnections = 0
    package var refusedConnections = 0
    package var heartbeats = 0

    mutating func add(_ wake: WakeRecord) {
        switch wake.outcome {
        case .served:
            self.wake.add((wake.endedAt - wake.startedAt).seconds)
            wakes["served", default: 0] += 1
        case .failed: wakes["failed", default: 0] += 1
        case .abandoned: wakes["abandoned", default: 0] += 1
        }
    }

    mutating func add(_ other: GatewayNumbers) {
        wait.add(other.wait)
        coldWait.add(other.coldWait)
        firstByte.add(other.firstByte)
        interChunk.add(other.interChunk)
        wake.add(other.wake)
        wakes.merge(other.wakes, uniquingKeysWith: +)
        requests.merge(other.requests, uniquingKeysWith: +)
        clientConnections += other.clientConnections
        refusedConnections += other.refusedConnections
        heartbeats += other.heartbeats
    }
}
