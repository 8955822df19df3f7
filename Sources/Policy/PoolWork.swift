import Fleet

/// What one tick tells of the traffic and of those who serve it, as forecasts and shadow fleets learn from it.
package struct PoolWork: Hashable, Sendable, Codable {
    /// Requests at once that came, in the mean of the interval: what a pool without a queue would have had running.
    /// `nil` when unknown.
    package var arrivals: Double?
    /// What waits, in intervals of one request's work.
    package var backlog: Double?
    /// Requests that one replica serves at once.
    package var capacity: Double?
    /// Replicas; `nil` when the control plane does not answer.
    package var ready: Int?
    /// Replicas that were ordered and do not serve yet.
    package var booting: Int?
    /// From an order to the first request, on the long side of what is usual.
    package var boot: Duration

    package init(
        arrivals: Double?, backlog: Double? = nil, capacity: Double? = nil, ready: Int? = nil, booting: Int? = nil,
        boot: Duration
    ) {
        (self.arrivals, self.backlog, self.capacity) = (arrivals, backlog, capacity)
        (self.ready, self.booting, self.boot) = (ready, booting, boot)
    }
}

/// Turns requests that are there at once into work that comes.
///
/// Engines tell how many requests run and how many wait. What came is what runs, and by how much the queue grew: each
/// request in it will keep a place busy for as long as requests run. That time is measured by Little's law, the requests
/// that run over those that finish in a second.
///
/// Worked example: 40 run, 2 finish in a second, so a request runs for 20 s. In 15 s the queue grew from 3 to 6: 3 × 20 s of
/// work in 15 s are 4 requests at once, so 44 came. The 6 that wait are 6 × 20 / 15 = 8 intervals of work.
package struct WorkMeter: Hashable, Sendable, Codable {
    /// Requests times seconds, and requests that finished, lately.
    private var (running, finished) = (0.0, 0.0)
    private var waiting: Double?
    private var last: Timestamp?
    /// Whether the latest arrivals tell by how much the queue grew; optional, as meters that were stored earlier lack it.
    private(set) var knowsGrowth: Bool?
    /// Requests at once by which the queue grew, in the mean of an interval.
    private var growth: Double?

    /// Until something is known, a request runs this long; it weighs as much as five requests.
    private static let (usualSeconds, weight) = (30.0, 5.0)
    /// What is older counts for less than a third, in seconds.
    private static let memory = 600.0
    /// Growth is told over this many seconds at least: of a single request that comes half a second after the last tick
    /// nobody can say that two come in every second.
    private static let shortest = 15.0

    package init() {}

    /// How long a request runs.
    package var serviceSeconds: Double {
        min(max((running + Self.usualSeconds * Self.weight) / (finished + Self.weight), 0.05), 3600)
    }

    /// - Returns: arrivals and backlog as in `PoolWork`; `nil` while too few engines tell.
    mutating func measure(
        _ demand: Demand, _ observation: PoolObservation, interval: Duration, now: Timestamp
    ) -> (arrivals: Double?, backlog: Double?) {
        let elapsed = last.map { (now - $0).seconds } ?? 0
        last = now
        guard demand.sample != nil else {
            (waiting, knowsGrowth, growth) = (nil, false, nil)
            return (nil, nil)
        }
        let isNext = elapsed > 0 && elapsed <= interval.seconds * 4
        if isNext { learn(observation, elapsed) }
        let before = isNext ? waiting : nil
        let queue = (demand.waiting ?? 0) + (demand.held ?? 0)
        (waiting, knowsGrowth) = (queue, before != nil)
        growth = before.map { before in
            let latest = (queue - before) * serviceSeconds / elapsed
            let period = max(interval.seconds, Self.shortest)
            guard elapsed < period else { return latest }
            let mean = growth ?? 0
            return mean + (latest - mean) * elapsed / period
        }
        return (max(0, (demand.running ?? 0) + (growth ?? 0)), queue * serviceSeconds / interval.seconds)
    }

    private mutating func learn(_ observation: PoolObservation, _ elapsed: Double) {
        let kept = max(0, 1 - elapsed / Self.memory)
        (running, finished) = (running * kept, finished * kept)
        for engine in observation.engines where engine.condition == .answering {
            guard let rate = engine.finishedPerSecond, let load = engine.running else { continue }
            running += load * elapsed
            finished += rate * elapsed
        }
    }
}
