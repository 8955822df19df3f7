import Admission
import Fleet
import Glibc
import NIOCore
import Synchronization

/// Owns the one `AdmissionController` and hands its actions to those who carry them out.
///
/// A lock, not an event loop: a step takes about a microsecond, and going to another thread and back for each request
/// would cost more than all the rest. Actions leave under the lock, so each loop gets its own in the order decided.
final class Gatekeeper: Sendable {
    private struct State {
        var core: AdmissionController
        var endpoints: [Destination: Endpoint] = [:]
        /// Why replicas do not get up their ladder, as far as it was told.
        var faults: [Destination: (step: ProbeStep, text: String)] = [:]
        var workers: [BoundWorker] = []
        /// What changed about pools where nobody waits: told at the next tick, not at every request.
        var demand: [PoolID: PoolDemand] = [:]
        var watch: ControllerWatch
        var armed: Timestamp?
        var wish: Timestamp?
    }

    let loops: [any EventLoop]
    /// Of bodies that admission does not know of.
    let bodies: BodyBudget
    private let clock: SteadyClock
    private let state: Mutex<State>
    private let notices: AsyncStream<GatewayNotice>.Continuation
    private let drained: AsyncStream<Int>.Continuation

    init(
        _ settings: AdmissionSettings, controllerPatience: Duration, loops: [any EventLoop],
        notices: AsyncStream<GatewayNotice>.Continuation, drained: AsyncStream<Int>.Continuation
    ) {
        self.loops = loops
        bodies = BodyBudget(settings.maximumHeldBodyBytes)
        self.notices = notices
        self.drained = drained
        let clock = SteadyClock()
        self.clock = clock
        state = Mutex(
            State(
                core: AdmissionController(settings: settings, now: clock.now),
                watch: ControllerWatch(patience: controllerPatience)))
    }

    func attach(_ workers: [BoundWorker]) { state.withLock { $0.workers = workers } }

    /// Returns what the asking loop has to do itself.
    func tell(_ event: AdmissionEvent, from asking: Int?) -> [Order] {
        state.withLock { state in step(&state, event, from: asking) }
    }

    func tell(_ news: FleetNews) {
        state.withLock { state in
            let event: AdmissionEvent
            switch news {
            case .replicas(let pool, let replicas, let theirs):
                state.endpoints = state.endpoints.filter { $0.key.pool != pool }
                for replica in replicas {
                    let destination = Destination(pool: pool, replica: replica.observed.id)
                    state.endpoints[destination] = replica.endpoint.flatMap { Endpoint($0) }
                }
                let observed = replicas.map { replica in
                    guard case .draining(let deadline) = replica.observed.state else { return replica.observed }
                    var observed = replica.observed
                    observed.state = .draining(by: clock.moment(deadline, by: theirs))
                    return observed
                }
                let listed = Set(observed.map(\.id))
                state.faults = state.faults.filter { $0.key.pool != pool || listed.contains($0.key.replica) }
                state.watch.heard(of: pool, replicas: observed, now: clock.now)
                event = .replicas(pool, observed)
            case .boot(let pool, var outlook, let theirs):
                outlook.readyAt = outlook.readyAt.map { clock.moment($0, by: theirs) }
                state.watch.heard(of: pool, replicas: nil, now: clock.now)
                event = .boot(pool, outlook)
            case .wakeFailed(let pool, let reason): event = .wakeFailed(pool, reason: reason)
            case .closeIfIdle(let pool): event = .closeIfIdle(pool)
            case .reopen(let pool): event = .reopen(pool)
            case .configured(let settings):
                event = .configured(settings)
                bodies.limit(to: settings.maximumHeldBodyBytes)
                for index in state.workers.indices { send([.models(settings.models)], to: index, state) }
            }
            _ = step(&state, event, from: nil)
        }
    }

    /// Whether a step fails otherwise than before, or again after it had passed.
    func isNews(_ fault: String?, of probe: Probe) -> Bool {
        state.withLock { state in
            let known = state.faults[probe.destination]
            if let fault {
                state.faults[probe.destination] = (probe.step, fault)
            } else if known?.step == probe.step {
                state.faults[probe.destination] = nil
            }
            return fault != nil && known?.text != fault
        }
    }

    func drain(within time: Duration) {
        state.withLock { state in _ = step(&state, .drain(by: clock.now + time), from: nil) }
    }

    /// What is not done at once: small changes of demand, and what the controller's silence calls for.
    func tick() {
        state.withLock { state in
            for demand in state.demand.values { notices.yield(.demand(demand)) }
            state.demand.removeAll(keepingCapacity: true)
            let due = state.watch.due(clock.now)
            for pool in due.again { notices.yield(.wake(pool)) }
            // A replica that is on its way needs no controller.
            for pool in due.givenUp where !state.core.isComing(pool) {
                _ = step(&state, .wakeFailed(pool, reason: "nobody answers who could start a replica"), from: nil)
            }
            for (pool, replicas) in due.outdated { _ = step(&state, .replicas(pool, replicas), from: nil) }
        }
    }

    func demand() -> [PoolDemand] {
        state.withLock { state in
            Set(state.core.settings.models.values).sorted().compactMap { state.core.demand(of: $0, now: clock.now) }
        }
    }

    private func step(_ state: inout State, _ event: AdmissionEvent, from asking: Int?) -> [Order] {
        let actions = state.core.handle(event, now: clock.now)
        var own: [Order] = []
        var others: [Int: [Order]] = [:]
        func give(_ order: Order, to worker: Int) {
            if worker == asking { own.append(order) } else { others[worker, default: []].append(order) }
        }
        for action in actions {
            switch action {
            case .dispatch(let id, let destination, let attempt):
                give(.dispatch(id, destination, state.endpoints[destination], attempt: attempt), to: worker(of: id))
            case .reject(let id, let refusal): give(.reject(id, refusal), to: worker(of: id))
            case .heartbeat(let id, let eta): give(.heartbeat(id, eta: eta), to: worker(of: id))
            case .cut(let id): give(.cut(id), to: worker(of: id))
            case .ended(let record): give(.ended(record), to: worker(of: record.id))
            case .probe(let probe): give(.probe(probe, state.endpoints[probe.destination]), to: asking ?? 0)
            case .dropConnections(let destination):
                for index in loops.indices { give(.drop(destination), to: index) }
            case .lost(let destination):
                for index in loops.indices { give(.lost(destination, true), to: index) }
            case .found(let destination):
                for index in loops.indices { give(.lost(destination, false), to: index) }
            case .wakeAt(let time): wish(time, &state)
            case .wake(let pool):
                state.watch.asked(for: pool, now: clock.now)
                notices.yield(.wake(pool))
            case .wakeEnded(let record):
                state.watch.wakeEnded(record.pool)
                give(.wakeEnded(record), to: asking ?? 0)
                notices.yield(.wakeEnded(record))
            case .ejected(let destination, let until): notices.yield(.ejected(destination, until: until))
            case .drained(let destination, let cut): notices.yield(.drained(destination, cut: cut))
            case .closed(let pool): notices.yield(.closed(pool))
            case .notIdle(let demand): notices.yield(.notIdle(demand))
            case .demand(let demand):
                let isUrgent = demand.held > 0 || demand.isWaking
                state.demand[demand.pool] = isUrgent ? nil : demand
                if isUrgent { notices.yield(.demand(demand)) }
            case .gatewayDrained(let cut): drained.yield(cut)
            }
        }
        for (index, orders) in others { send(orders, to: index, state) }
        return own
    }

    private func worker(of id: RequestID) -> Int { Int(id.rawValue % UInt64(loops.count)) }

    private func send(_ orders: [Order], to index: Int, _ state: State) {
        guard state.workers.indices.contains(index) else { return }
        let worker = state.workers[index]
        worker.eventLoop.execute { worker.bound.value.perform(orders) }
    }

    /// A timer that is armed for too early a moment asks again then; only one that is too late is armed anew.
    private func wish(_ time: Timestamp, _ state: inout State) {
        state.wish = time
        if let armed = state.armed, armed <= time { return }
        state.armed = time
        // A moment may be so far off that no timer reaches it.
        let delay = min(max(.zero, time - clock.now), .seconds(3600))
        let loop = loops[0]
        // From another thread a task is scheduled faster by the loop itself.
        loop.execute {
            loop.assumeIsolated().scheduleTask(in: TimeAmount(delay)) { self.timePassed(armedFor: time) }
        }
    }

    private func timePassed(armedFor time: Timestamp) {
        let (orders, worker) = state.withLock { state -> ([Order], BoundWorker?) in
            if state.armed == time { state.armed = nil }
            guard let wanted = state.wish else { return ([], nil) }
            if wanted > clock.now {
                wish(wanted, &state)
                return ([], nil)
            }
            state.wish = nil
            return (step(&state, .timePassed, from: 0), state.workers.first)
        }
        worker?.bound.value.perform(orders)
    }
}

/// What is kept of bodies whose requests nobody has let in yet, or that are read on to see whether their clients stay.
final class BodyBudget: Sendable {
    private let most: Atomic<Int>
    private let used = Atomic(0)

    init(_ most: Int) { self.most = Atomic(most) }

    func limit(to most: Int) { self.most.store(most, ordering: .relaxed) }

    /// Bytes that were taken, or with a negative number given back.
    func add(_ bytes: Int) { used.add(bytes, ordering: .relaxed) }

    var isFull: Bool { used.load(ordering: .relaxed) > most.load(ordering: .relaxed) }
}

/// A worker as other threads know it.
struct BoundWorker: Sendable {
    var bound: NIOLoopBound<Worker>
    var eventLoop: any EventLoop
}

/// What one event loop has to do.
enum Order: Sendable {
    case dispatch(RequestID, Destination, Endpoint?, attempt: Int)
    case reject(RequestID, Refusal)
    case heartbeat(RequestID, eta: Duration?)
    case cut(RequestID)
    case ended(RequestRecord)
    case probe(Probe, Endpoint?)
    case drop(Destination)
    /// Whether it is.
    case lost(Destination, Bool)
    case wakeEnded(WakeRecord)
    case models([String: PoolID])
}

/// The wall clock's time at the start, and what has passed since: steps of the wall clock neither end waits nor stretch
/// them.
struct SteadyClock: Sendable {
    private let start: Timestamp
    private let startedAt = NIODeadline.now()

    init() {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        start = Timestamp(millisecondsSince1970: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    var now: Timestamp { start + .nanoseconds((NIODeadline.now() - startedAt).nanoseconds) }

    /// A moment by another clock, which shows `theirs` now; a year away at most.
    func moment(_ moment: Timestamp, by theirs: Timestamp?) -> Timestamp {
        guard let theirs else { return moment }
        let year: Int64 = 365 * 86_400_000
        let (left, isFar) = moment.millisecondsSince1970.subtractingReportingOverflow(theirs.millisecondsSince1970)
        return now + .milliseconds(isFar ? year : min(max(left, -year), year))
    }
}
