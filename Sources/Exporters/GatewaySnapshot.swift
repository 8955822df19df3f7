package import Fleet

/// What the gateway of this process has to do, and what it has counted since it began.
package struct GatewaySnapshot: Hashable, Sendable {
    package struct Pool: Hashable, Sendable {
        package var pool: PoolID
        package var held = 0
        package var heldBodyBytes = 0
        package var inFlight = 0
        package var arrivals = 0
        /// `nil` while nothing is held.
        package var oldestWait: Duration?
        package var isWaking = false
        package var ready = 0

        package init(pool: PoolID) { self.pool = pool }
    }

    package struct Answer: Hashable, Sendable {
        /// 0 where the client went away before one.
        package var status: Int
        package var outcome: String

        package init(status: Int, outcome: String) { (self.status, self.outcome) = (status, outcome) }
    }

    /// What requests and wakes took, in seconds.
    package struct Times: Hashable, Sendable {
        package var wait = Histogram()
        package var coldWait = Histogram()
        package var firstByte = Histogram()
        package var interChunk = Histogram()
        package var wake = Histogram()

        package init() {}
    }

    package var pools: [Pool] = []
    package var times = Times()
    package var answers: [Answer: Int] = [:]
    /// By outcome.
    package var wakes: [String: Int] = [:]
    package var connections = 0
    package var refusedConnections = 0
    package var heartbeats = 0
    /// Whether the controller elsewhere answers; `nil` without one.
    package var controllerAnswers: Bool?

    package init() {}
}

/// Observations in buckets.
package struct Histogram: Hashable, Sendable {
    /// Upper bounds, ascending; one more bucket counts what is above.
    package var bounds: [Double] = []
    package var counts = [0]
    package var sum = 0.0

    package init() {}

    package init(bounds: [Double], counts: [Int], sum: Double) {
        (self.bounds, self.counts, self.sum) = (bounds, counts, sum)
    }
}
