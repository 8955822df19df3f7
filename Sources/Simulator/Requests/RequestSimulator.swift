import Fleet

/// A pool of engines under single requests, in virtual time: what the fluid model leaves out, such as the time to the
/// first token and the gauges.
///
/// The policy is the same, asked once a bin. Work is in seconds of an engine (`EngineModel.workSeconds`), of which a
/// replica does one a second; backlog is the work of requests that no engine has started. A request goes to the ready
/// engine with the fewest, or is held until there is one. Replicas change at the ends of bins; one that is taken away
/// finishes what it has, and costs until then. The requests of one that the provider takes back start anew elsewhere.
package struct RequestSimulator: Sendable {
    /// Sorted by arrival.
    package let requests: [TrafficArrival]
    package let model: EngineModel
    package let scenario: FleetScenario

    /// - Parameter scenario: its capacity is not used; a replica does one second of work a second.
    package init(requests: [TrafficArrival], model: EngineModel, scenario: FleetScenario) {
        self.requests = requests
        self.model = model
        var scenario = scenario
        scenario.capacityPerSecond = 1
        self.scenario = scenario
    }

    /// Plays all requests to their end, or to four hours after the last arrival.
    package func run(_ policy: some ScalingPolicy) -> RequestReport {
        var policy = policy
        var pool = Pool(self)
        var desired = scenario.startReplicas
        let last = requests.last?.at.seconds ?? 0
        var (refused, bin) = (0, 0)
        while pool.isBusy && Double(bin) * scenario.binSeconds <= last + 4 * 3600 {
            let now = Double(bin + 1) * scenario.binSeconds
            bin += 1
            let booted = pool.play(until: now)
            if let deadline = policy.bootDeadlineSeconds { _ = pool.fleet.giveUpBoots(orderedBefore: now - deadline) }
            let answer = policy.desired(
                FleetView(
                    second: now, binSeconds: scenario.binSeconds, load: pool.takeLoad(), ready: pool.fleet.ready,
                    bootingSinceSeconds: pool.fleet.bootingSince, bootedAfterSeconds: booted, refused: refused,
                    desired: desired, capacityPerSecond: 1, bootSeconds: scenario.bootSeconds, engines: pool.loads))
            let wanted = max(scenario.minimumReplicas, min(scenario.maximumReplicas, answer))
            if wanted > desired { pool.report.scaleUps += 1 }
            if wanted < desired { pool.report.scaleDowns += 1 }
            desired = wanted
            refused = pool.resize(to: desired, at: now)
        }
        return pool.finished()
    }
}

/// What requests met.
package struct RequestReport: Hashable, Sendable {
    /// Seconds from arrival to first token, ascending.
    package fileprivate(set) var timesToFirstToken: [Double] = []
    /// Requests without a first token at the end.
    package fileprivate(set) var unanswered = 0
    /// Seconds between two tokens of a request, averaged over all tokens; `nil` when no request has two.
    package fileprivate(set) var meanInterTokenSeconds: Double?
    package fileprivate(set) var replicaHours = 0.0
    package fileprivate(set) var scaleUps = 0
    package fileprivate(set) var scaleDowns = 0

    package var meanTimeToFirstToken: Double? {
        timesToFirstToken.isEmpty ? nil : timesToFirstToken.reduce(0, +) / Double(timesToFirstToken.count)
    }

    /// The time to the first token that a share `q` of the requests does not exceed.
    package func timeToFirstToken(quantile q: Double) -> Double? {
        timesToFirstToken.isEmpty
            ? nil : timesToFirstToken[min(timesToFirstToken.count - 1, Int(q * Double(timesToFirstToken.count)))]
    }
}

/// The state of a run.
private struct Pool {
    let simulator: RequestSimulator
    var fleet: VirtualFleet
    var report = RequestReport()
    private var engines: [ReplicaEngine] = []
    private var draining: [ReplicaEngine] = []
    private var held: [Int] = []
    private var next = 0
    private var now = 0.0
    private var firstTokens: [Double?]
    private var finishes: [Double?]
    private var arrived = 0.0
    private var backlogBefore = 0.0
    private var drainingSeconds = 0.0

    init(_ simulator: RequestSimulator) {
        self.simulator = simulator
        fleet = VirtualFleet(simulator.scenario)
        firstTokens = [Double?](repeating: nil, count: simulator.requests.count)
        finishes = firstTokens
        engines = (0..<fleet.ready).map { _ in ReplicaEngine(simulator.model, at: 0) }
    }

    var isBusy: Bool {
        next < simulator.requests.count || !held.isEmpty || (engines + draining).contains { $0.inFlight > 0 }
    }

    var loads: [EngineLoad] { engines.map(\.load) }

    /// - Returns: how long the boots took that ended.
    mutating func play(until end: Double) -> [Double] {
        let booted = fleet.advance(to: now)
        let lost = engines.count + booted.count - fleet.ready
        for _ in 0..<lost { held += engines.removeLast().unfinished }
        engines += booted.map { _ in ReplicaEngine(simulator.model, at: now) }
        let waiting = held.sorted()
        held = []
        for id in waiting { route(id) }
        while next < simulator.requests.count, simulator.requests[next].at.seconds < end {
            advance(to: max(now, simulator.requests[next].at.seconds))
            arrived += simulator.model.workSeconds(simulator.requests[next])
            route(next)
            next += 1
        }
        fleet.bill(simulator.scenario.binSeconds)
        drainingSeconds += Double(draining.count) * simulator.scenario.binSeconds
        advance(to: end)
        draining.removeAll { $0.inFlight == 0 }
        return booted
    }

    mutating func takeLoad() -> FleetView.Load {
        let backlog =
            engines.reduce(0) { $0 + $1.waitingWork }
            + held.reduce(0) { $0 + simulator.model.workSeconds(simulator.requests[$1]) }
        defer { (backlogBefore, arrived) = (backlog, 0) }
        return FleetView.Load(
            arrivals: arrived, backlog: backlog, served: max(0, backlogBefore + arrived - backlog))
    }

    /// - Returns: how many replicas the provider did not have.
    mutating func resize(to desired: Int, at second: Double) -> Int {
        if desired > fleet.count { return fleet.grow(by: desired - fleet.count, at: second) }
        fleet.shrink(by: fleet.count - desired, drainSeconds: 0)
        while engines.count > fleet.ready, let idlest = engines.indices.min(by: isLessLoaded) {
            draining.append(engines.remove(at: idlest))
        }
        return 0
    }

    mutating func finished() -> RequestReport {
        var (spans, tokens) = (0.0, 0)
        for (index, request) in simulator.requests.enumerated() {
            guard let first = firstTokens[index] else {
                report.unanswered += 1
                continue
            }
            report.timesToFirstToken.append(first - request.at.seconds)
            if let finish = finishes[index], request.outputTokens > 1 {
                spans += finish - first
                tokens += request.outputTokens - 1
            }
        }
        report.timesToFirstToken.sort()
        report.meanInterTokenSeconds = tokens > 0 ? spans / Double(tokens) : nil
        report.replicaHours = (fleet.onDemandSeconds + fleet.spotSeconds + drainingSeconds) / 3600
        return report
    }

    private func isLessLoaded(_ a: Int, _ b: Int) -> Bool { engines[a].inFlight < engines[b].inFlight }

    private mutating func route(_ id: Int) {
        guard let idlest = engines.indices.min(by: isLessLoaded) else { return held.append(id) }
        engines[idlest].submit(id, simulator.requests[id])
    }

    private mutating func advance(to second: Double) {
        now = second
        for index in engines.indices { note(engines[index].advance(to: second)) }
        for index in draining.indices { note(draining[index].advance(to: second)) }
    }

    private mutating func note(_ events: [ReplicaEngine.Event]) {
        for event in events {
            switch event {
            // A request that starts anew has given its first token already.
            case .firstToken(let id, let second): firstTokens[id] = firstTokens[id] ?? second
            case .finished(let id, let second): finishes[id] = second
            }
        }
    }
}
