package import Fleet
package import Policy

/// The product itself as a policy of the simulator: the very same `PoolController.step`, once a bin.
///
/// The controller thinks in requests at once, the simulator in work. In between:
/// - A replica works on `slots` requests at once, each for `serviceSeconds`. It finishes `slots / serviceSeconds` of
///   them a second, which is its capacity in work; so a request is `capacity × serviceSeconds / slots` of work.
/// - Running requests are the slots that the served work kept busy, in the mean of the bin.
/// - Waiting requests are the backlog. With the default of 15 s, that is the backlog to be served within 15 s.
/// - Requests spread evenly. A cordoned replica gets none, and its own are done within `serviceSeconds`. While nothing
///   is ready, requests are held in front of the pool.
///
/// The virtual group keeps the size that it was asked for by itself, as an Auto Scaling group does, with one exception:
/// growth that the provider refuses is taken back, and the controller told so. Calls are answered by the next tick.
package struct ProductPolicy: ScalingPolicy {
    package private(set) var controller: PoolController
    /// The boots that the controller removes are given up in the next bin: the simulator takes the newest otherwise.
    package private(set) var bootDeadlineSeconds: Double?

    private let startsAt: Timestamp
    private let slots: Double
    private let serviceSeconds: Double
    private var book = ReplicaBook()
    /// The book as a control plane tells it; `nil` when the book has changed since.
    private var replicas: [Replica]?
    private var reading: Reading?
    private var planned: PlannedAction?
    /// Replicas that were ordered in the last bin, and boots that are given up in the next one.
    private var (ordered, givenUp) = (0, 0)

    /// - Parameters:
    ///   - controller: with its settings, memory and all; one interval should be one bin.
    ///   - startsAt: the moment at which the trace begins.
    ///   - slots: requests that a replica serves at once; `nil` takes the capacity of the settings, else 16, which the
    ///     controller then has to learn.
    package init(
        _ controller: PoolController, startsAt: Timestamp = Timestamp(millisecondsSince1970: 0), slots: Double? = nil,
        serviceSeconds: Double = 15
    ) {
        self.controller = controller
        self.startsAt = startsAt
        self.slots = slots ?? controller.settings.capacity ?? 16
        self.serviceSeconds = serviceSeconds
    }

    package mutating func desired(_ view: FleetView) -> Int {
        if book.update(view) { replicas = nil }
        if let load = view.load { reading = reading(of: load, view) }
        var size = view.desired - givenUp
        // Only what this policy ordered; what the group misses on its own it goes on ordering.
        if ordered > 0, view.refused > 0 { size = min(size, view.ready + view.booting) }
        let outcome = outcome(view)
        (bootDeadlineSeconds, givenUp, ordered, planned) = (nil, 0, 0, nil)

        let now = moment(view.second)
        let output = controller.step(
            TickInput(now: now, observation: observation(view, now), fleet: fleet(size, now), outcome: outcome))
        planned = output.action
        switch output.action?.action {
        case .grow(let wanted, _):
            ordered = max(0, wanted - size)
            return wanted
        case .remove(let ids, _): return size - remove(ids, stuck: output.supply?.stuck ?? [], view)
        // The group has no minimum of its own, and nothing that it owes for longer than a boot may take.
        case .replace, .withdraw, nil: return size
        }
    }

    // MARK: Actions

    /// - Returns: by how many the count falls right now.
    private mutating func remove(_ ids: [ReplicaID], stuck: [ReplicaID], _ view: FleetView) -> Int {
        let lost = book.entries.filter { !$0.isReady && ids.contains($0.id) && stuck.contains($0.id) }
        if let youngest = lost.compactMap(\.orderedAtSecond).max() {
            givenUp = lost.count
            // By the end of the next bin, everything ordered up to half a bin after it.
            bootDeadlineSeconds = view.second + view.binSeconds / 2 - youngest
        }
        book.strike(ids)
        replicas = nil
        return ids.count - lost.count
    }

    private mutating func outcome(_ view: FleetView) -> ActionOutcome? {
        guard let planned else { return nil }
        guard ordered > 0, view.refused >= ordered else {
            return ActionOutcome(id: planned.id, result: .accepted(Receipt()))
        }
        let error = DriverError.noCapacity(market: .onDemand, zone: nil, message: "the provider has no replica to give")
        return ActionOutcome(id: planned.id, result: .failed(error))
    }

    // MARK: Inputs
    // Some mutate nothing and are said to, since the controller would be copied for them otherwise.

    private struct Reading {
        var second: Double
        var running: Double
        var waiting: Double
        /// Requests that finished in a second.
        var finished: Double
        /// Of each engine, where the simulator has engines.
        var kvCacheUsage: [Double]
    }

    private func moment(_ second: Double) -> Timestamp {
        Timestamp(millisecondsSince1970: startsAt.millisecondsSince1970 + Int64((second * 1000).rounded()))
    }

    private mutating func reading(of load: FleetView.Load, _ view: FleetView) -> Reading {
        let capacity = view.capacityPerSecond
        var reading = Reading(
            second: view.second - load.ageSeconds, running: load.served / (capacity * view.binSeconds) * slots,
            waiting: load.backlog / (capacity * serviceSeconds) * slots,
            finished: load.served / view.binSeconds / capacity / serviceSeconds * slots, kvCacheUsage: [])
        if let engines = view.engines, !engines.isEmpty {
            reading.running = Double(engines.reduce(0) { $0 + $1.running })
            reading.waiting = Double(engines.reduce(0) { $0 + $1.waiting })
            reading.kvCacheUsage = engines.map(\.kvCacheUsage)
        } else if view.ready > 0 {
            // A fluid has no engines, so nothing keeps it from running more than there are slots for.
            let excess = max(0, reading.running - Double(view.ready) * slots)
            (reading.running, reading.waiting) = (reading.running - excess, reading.waiting + excess)
        }
        return reading
    }

    private mutating func fleet(_ size: Int, _ now: Timestamp) -> FleetState {
        let known =
            replicas
            ?? book.entries.map { entry in
                Replica(
                    id: entry.id, state: entry.isReady ? .ready : .booting(phase: .provision),
                    launchedAt: entry.orderedAtSecond.map(moment))
            }
        replicas = known
        return FleetState(observedAt: now, desired: size, replicas: known)
    }

    private mutating func observation(_ view: FleetView, _ now: Timestamp) -> PoolObservation {
        let (draining, maximumAge) = (controller.memory.draining, controller.settings.maximumAge)
        /// How much of an even share of the requests a replica has.
        func weight(_ id: ReplicaID) -> Double {
            guard !draining.isEmpty, let since = draining.since(id) else { return 1 }
            return max(0, 1 - (now - since).seconds / serviceSeconds)
        }
        let weights = book.entries.reduce(0) { $1.isReady ? $0 + weight($1.id) : $0 }
        let age = reading.map { Duration.milliseconds(Int64(((view.second - $0.second) * 1000).rounded())) }
        var ready = 0
        let engines = book.entries.map { entry -> EngineObservation in
            guard let reading, let age, let since = entry.answeringSinceSecond, since <= reading.second else {
                return EngineObservation(id: entry.id, condition: .starting)
            }
            // When all are cordoned, somebody must have the requests.
            let share = weights > 0 ? weight(entry.id) / weights : 1 / Double(book.ready)
            var engine = EngineObservation(
                id: entry.id, condition: .answering, running: reading.running * share, waiting: reading.waiting * share)
            if age > maximumAge { engine.condition = .silent("no reading for \(age.seconds) s") }
            engine.finishedPerSecond = reading.finished * share
            if ready < reading.kvCacheUsage.count { engine.kvCacheUsage = reading.kvCacheUsage[ready] }
            (engine.age, engine.answeringSince) = (age, moment(since))
            ready += 1
            return engine
        }
        return PoolObservation(at: now, engines: engines, held: view.ready == 0 ? reading?.waiting : nil)
    }
}
