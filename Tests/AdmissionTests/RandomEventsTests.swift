import Fleet
import TestSupport
import Testing

@testable import Admission

/// What holds after every event, whatever comes in whichever order.
struct RandomEventsTests {
    @Test(arguments: 0..<40)
    func `each request ends once, in order and within bounds`(seed: Int) {
        var world = RandomWorld(seed: UInt64(seed))
        for _ in 0..<1000 where world.problems.isEmpty {
            world.step()
        }
        world.end()
        #expect(world.problems == [], "seed \(seed)")
        #expect(world.reached.isSuperset(of: ["dispatch", "ended"]))
    }

    /// Otherwise the test above could pass for want of anything to check.
    @Test func `the events reach every corner`() {
        var reached: Set<String> = []
        for seed in 0..<15 {
            var world = RandomWorld(seed: UInt64(seed))
            for _ in 0..<1500 { world.step() }
            world.end()
            reached.formUnion(world.reached)
        }
        let corners = [
            "closed", "closedThenArrived", "cut", "dispatch", "dropConnections", "drained", "ejected", "ended",
            "found", "gatewayDrained", "heartbeat", "lost", "notIdle", "probe", "retry", "superseded", "wake",
            "wakeServed",
            "wakeFailed", "wakeAbandoned",
        ]
        let refusals = Refusal.Code.allCases.map(\.rawValue)
        #expect(Set(corners + refusals).subtracting(reached) == [])
    }

    @Test func `equal events give equal actions`() {
        func run() -> [AdmissionAction] {
            var world = RandomWorld(seed: 1)
            for _ in 0..<1000 { world.step() }
            return world.log
        }
        #expect(run() == run())
    }
}

private final class Findings {
    var problems: [String] = []
}

/// Two pools, three models, three keys, and an outside that does anything at any time; it keeps its own books of what the
/// actions mean.
private struct RandomWorld {
    private struct Known {
        var pool: PoolID
        var line: FairQueue.Place
        /// Its number in its line; a repetition inherits it.
        var order: Int
        var identity: UInt64?
        var sentTo: Destination?
        var attempts = 0
        var mayRepeat: Bool
        var isStarted = false
    }

    private static let keys = ["a", "b", "guest"].map(KeyID.init)
    private static let pools = ["one", "two"].map(PoolID.init)

    var problems: [String] { found.problems }
    var reached: Set<String> = []
    var log: [AdmissionAction] = []
    private let found = Findings()
    private var generator: SeededGenerator
    private var controller: AdmissionController
    private var settings: AdmissionSettings
    private var now = Timestamp(millisecondsSince1970: 1_700_000_000_000)
    private var wakeAt: Timestamp?
    private var live: [RequestID: Known] = [:]
    private var ended: Set<RequestID> = []
    private var lastID: UInt64 = 0
    private var inFlight: [Destination: Int] = [:]
    private var slots: [Destination: Int] = [:]
    /// The last number that was released, by pool and line.
    private var released: [String: Int] = [:]
    private var waking: Set<PoolID> = []
    /// Replicas that were given up, and when, until they are seen down or opened again.
    private var closed: [Destination: Timestamp] = [:]
    private var listed: [PoolID: [ObservedReplica]] = [:]
    private var probes: [Probe] = []
    private var isDraining = false

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
        settings = AdmissionSettings(models: ["x": Self.pools[0], "y": Self.pools[0], "z": Self.pools[1]])
        var limits = PoolLimits()
        limits.maximumHeld = 12
        limits.maximumHeldBodyBytes = 300
        limits.idleGrace = .seconds(3)
        settings.pools[Self.pools[0]] = limits
        limits.ladder = []
        limits.wakeBudget = .seconds(60)
        settings.pools[Self.pools[1]] = limits
        settings.maximumHeld = 18
        settings.maximumHeldBodyBytes = 450
        settings.ejectionFailures = 2
        settings.keys[KeyID(rawValue: "guest")] = KeyLimits(maximumConcurrent: 4, mayWake: false)
        settings.keys[KeyID(rawValue: "guest")]?.models = ["x", "z"]
        settings.keys[KeyID(rawValue: "b")] = KeyLimits(maximumPerMinute: 3)
        settings.keys[KeyID(rawValue: "b")]?.priority = 1
        controller = AdmissionController(settings: settings, now: now)
    }

    private mutating func chance(_ share: Double) -> Bool { Double.random(in: 0..<1, using: &generator) < share }
    private mutating func number(_ range: Range<Int>) -> Int { Int.random(in: range, using: &generator) }
    private mutating func pick<T>(_ list: [T]) -> T? { list.randomElement(using: &generator) }

    mutating func step() {
        if chance(0.3) { now = now + .milliseconds(number(0..<3000)) }
        if chance(0.02) { now = now + .seconds(number(0..<120)) }
        if let moment = wakeAt, moment <= now, chance(0.8) { return send(.timePassed) }
        let sent = live.filter { $0.value.sentTo != nil }.keys.sorted()
        switch number(0..<100) {
        case 0..<42: arrive()
        case 42..<46: if let id = pick(live.keys.sorted()) { send(.cancelled(id)) }
        case 46..<50: if let id = pick(sent) { send(.responseStarted(id)) }
        case 50..<68: if let id = pick(sent) { send(.finished(id, status: chance(0.2) ? 500 : 200)) }
        case 68..<75:
            let kinds: [DispatchFailure] = [.unreachable, .unsent, .turnedAway, .unanswered, .midway]
            if let id = pick(sent), let kind = pick(kinds) { send(.failed(id, kind)) }
        case 75..<79: if let id = pick(live.keys.sorted()) { send(.bodyGrew(id, bytes: number(0..<150))) }
        case 79..<87: observe()
        case 87..<94:
            if !probes.isEmpty { send(.probed(probes.remove(at: number(0..<probes.count)), passed: chance(0.8))) }
        case 94: outlook()
        case 95: if let pool = pick(Self.pools), chance(0.4) { send(.wakeFailed(pool, reason: "no capacity")) }
        case 96: if let pool = pick(Self.pools) { send(.closeIfIdle(pool)) }
        case 97: if let pool = pick(Self.pools) { send(.reopen(pool)) }
        case 98: rest()
        default: send(.timePassed)
        }
    }

    private mutating func arrive() {
        lastID += 1
        let id = RequestID(rawValue: lastID)
        let models = ["x", "y", "z", "x", "y", "z", "x", "unknown"]
        var arrival = Arrival(id: id, model: pick(models) ?? "x", key: pick(Self.keys) ?? Self.keys[0])
        arrival.priority = chance(0.3) ? number(-1..<2) : nil
        arrival.bodyBytes = number(0..<60)
        arrival.isStreaming = chance(0.5)
        arrival.isSafeToRepeat = chance(0.3)
        arrival.retryCount = chance(0.3) ? 1 : 0
        arrival.identity = chance(0.3) ? UInt64(number(0..<4)) : nil
        arrival.affinity = chance(0.3) ? UInt64(number(0..<4)) : nil
        arrival.patience = chance(0.1) ? .seconds(number(1..<100)) : nil
        guard let pool = settings.models[arrival.model] else { return send(.arrived(arrival), arrival: id) }
        let most = settings.keys[arrival.key]?.priority ?? 0
        live[id] = Known(
            pool: pool, line: FairQueue.Place(priority: min(arrival.priority ?? most, most), key: arrival.key),
            order: Int(lastID), identity: arrival.identity, mayRepeat: arrival.isSafeToRepeat)
        if controller.desks.contains(where: { desk in desk.id == pool && desk.replicas.contains { $0.phase == .closed }
        }) {
            reached.insert("closedThenArrived")
        }
        send(.arrived(arrival), arrival: id)
    }

    private mutating func observe() {
        guard let pool = pick(Self.pools) else { return }
        var seen: [ObservedReplica] = []
        for name in ["r1", "r2", "r3", "r4"] where chance(0.8) {
            let states: [ObservedReplica.State] = [
                .up, .up, .up, .up, .up, .booting, .draining(by: now + .seconds(number(0..<40))), .down,
            ]
            let id = ReplicaID(rawValue: name)
            // Mostly as it was before.
            if chance(0.8), let before = listed[pool]?.first(where: { $0.id == id }) {
                seen.append(before)
            } else {
                seen.append(
                    ObservedReplica(
                        id: id, state: pick(states) ?? .up, slots: number(0..<5), requests: Double(number(0..<6)),
                        waiting: Double(number(0..<7)), kvCacheUsage: chance(0.5) ? 0.9 : nil))
            }
        }
        list(seen, pool)
    }

    private mutating func list(_ seen: [ObservedReplica], _ pool: PoolID) {
        listed[pool] = seen
        for replica in seen { slots[Destination(pool: pool, replica: replica.id)] = replica.slots }
        let stillUp = seen.filter { if case .up = $0.state { true } else { false } }.map(\.id)
        closed = closed.filter { $0.key.pool != pool || stillUp.contains($0.key.replica) }
        send(.replicas(pool, seen))
    }

    private mutating func outlook() {
        guard let pool = pick(Self.pools) else { return }
        let typical: Duration? = chance(0.7) ? .seconds(number(1..<600)) : nil
        send(.boot(pool, BootOutlook(typical: typical, readyAt: chance(0.3) ? now + .seconds(number(0..<100)) : nil)))
    }

    /// A quiet time, so that pools become idle.
    private mutating func rest() {
        for id in live.keys.sorted() where live[id] != nil { send(.cancelled(id)) }
        now = now + .seconds(5)
        for pool in Self.pools { send(.closeIfIdle(pool)) }
    }

    mutating func end() {
        isDraining = true
        send(.drain(by: now + .seconds(number(0..<20))))
        for _ in 0..<50 { step() }
        now = now + .seconds(30)
        send(.timePassed)
        list([], Self.pools[0])
        list([], Self.pools[1])
        expect(live.isEmpty, "\(live.count) requests never ended")
        expect(controller.requests.isEmpty && controller.identities.isEmpty, "requests are left")
        expect(controller.held == 0 && controller.heldBodyBytes == 0, "held counts are left")
        expect(controller.timers.count == 0, "\(controller.timers.count) timers are left")
        now = now + .seconds(120)
        expect(controller.desks.allSatisfy { $0.replicas.isEmpty && $0.lease == nil }, "replicas or wakes are left")
        expect(reached.contains("gatewayDrained"), "the drain was not reported")
    }

    private func expect(_ condition: Bool, _ problem: @autoclosure () -> String) {
        if !condition { found.problems.append(problem()) }
    }

    // MARK: What actions mean

    private mutating func send(_ event: AdmissionEvent, arrival: RequestID? = nil) {
        switch event {
        case .cancelled(let id), .finished(let id, _):
            // Over for the outside: its slot is free, and it may not be dispatched any more.
            leave(id)
            live[id]?.sentTo = nil
            live[id]?.mayRepeat = false
            live[id]?.attempts = .min
        case .responseStarted(let id):
            live[id]?.isStarted = true
        case .failed(let id, let failure):
            leave(id)
            live[id]?.sentTo = nil
            let isHarmless = failure != .midway && (failure != .unanswered || live[id]?.mayRepeat == true)
            if !isHarmless || live[id]?.isStarted == true { live[id]?.attempts = .min }
        case .reopen(let pool):
            closed = closed.filter { $0.key.pool != pool }
        default: break
        }
        let actions = controller.handle(event, now: now)
        log += actions
        for action in actions { take(action, arrival) }
        checkBooks()
    }

    private mutating func leave(_ id: RequestID) {
        if let destination = live[id]?.sentTo { inFlight[destination, default: 0] -= 1 }
    }

    private mutating func take(_ action: AdmissionAction, _ arrival: RequestID?) {
        switch action {
        case .dispatch(let id, let destination, let attempt):
            dispatched(id, destination, attempt, isArriving: id == arrival)
        case .reject(let id, let refusal):
            reached.insert(refusal.code.rawValue)
            expect(!ended.contains(id), "\(id) refused after its end")
        case .heartbeat(let id, _):
            reached.insert("heartbeat")
            expect(live[id] != nil && live[id]?.isStarted == false, "\(id) got a comment out of time")
        case .cut(let id):
            reached.insert("cut")
            if let arrival, let earlier = live[id], earlier.sentTo == nil {
                live[arrival]?.order = earlier.attempts == 0 ? earlier.order : .max
            }
        case .ended(let record):
            reached.insert("ended")
            if record.outcome == .superseded { reached.insert("superseded") }
            expect(ended.insert(record.id).inserted, "\(record.id) ended twice")
            leave(record.id)
            live[record.id] = nil
        case .wake(let pool):
            reached.insert("wake")
            expect(waking.insert(pool).inserted, "\(pool) woken twice")
        case .wakeEnded(let record):
            waking.remove(record.pool)
            switch record.outcome {
            case .served: reached.insert("wakeServed")
            case .failed: reached.insert("wakeFailed")
            case .abandoned: reached.insert("wakeAbandoned")
            }
        case .probe(let probe):
            reached.insert("probe")
            probes.append(probe)
        case .dropConnections: reached.insert("dropConnections")
        case .lost: reached.insert("lost")
        case .found: reached.insert("found")
        case .ejected: reached.insert("ejected")
        case .drained(let destination, _):
            reached.insert("drained")
            expect(inFlight[destination, default: 0] == 0, "\(destination) drained with requests")
        case .closed(let pool):
            reached.insert("closed")
            expect(!live.values.contains { $0.pool == pool }, "\(pool) closed with requests")
            for replica in listed[pool] ?? [] where replica.state == .up {
                let destination = Destination(pool: pool, replica: replica.id)
                let isGivenUp = closed[destination].map { now < $0 + settings.stopPatience } ?? false
                if !isGivenUp { closed[destination] = now }
            }
        case .notIdle: reached.insert("notIdle")
        case .demand(let demand):
            expect(demand.held >= 0 && demand.inFlight >= 0 && (demand.oldestWait ?? .zero) >= .zero, "bad demand")
        case .wakeAt(let moment): wakeAt = moment
        case .gatewayDrained:
            reached.insert("gatewayDrained")
            expect(isDraining && live.isEmpty, "drained too early")
        }
    }

    private mutating func dispatched(_ id: RequestID, _ to: Destination, _ attempt: Int, isArriving: Bool) {
        reached.insert("dispatch")
        guard let known = live[id], known.attempts >= 0, known.sentTo == nil else {
            return expect(false, "\(id) dispatched after it had ended, left, or while it is in flight")
        }
        expect(to.pool == known.pool, "\(id) sent to another pool")
        let isGivenUp = closed[to].map { now < $0 + settings.stopPatience } ?? false
        expect(!isGivenUp, "\(to) gets \(id) after it was closed")
        expect(attempt == known.attempts + 1 && attempt <= 3, "\(id): attempt \(attempt) after \(known.attempts)")
        inFlight[to, default: 0] += 1
        expect(inFlight[to, default: 0] <= slots[to, default: 0], "\(to) has more requests than slots")
        live[id]?.sentTo = to
        live[id]?.attempts = attempt
        guard attempt == 1 else {
            reached.insert("retry")
            return
        }
        let line = "\(known.pool) \(known.line)"
        expect(known.order > released[line, default: 0], "\(id) overtook an earlier one of its line")
        // One that repeats a call that had been released is before its line.
        if known.order < .max { released[line] = known.order }
        if isArriving {
            let isOvertaking = live.contains { other, waiting in
                other != id && waiting.pool == known.pool && waiting.attempts == 0
                    && waiting.line.priority >= known.line.priority
            }
            expect(!isOvertaking, "\(id) overtook those that wait")
        }
    }

    private mutating func checkBooks() {
        let held = live.filter { $0.value.sentTo == nil }
        expect(held.count == controller.held, "\(controller.held) held by its books, \(held.count) by ours")
        expect(Set(live.keys) == Set(controller.requests.keys), "the requests differ")
        expect(held.count { $0.value.attempts == 0 } <= settings.maximumHeld, "too many held")
        for desk in controller.desks {
            let ours = held.filter { $0.value.pool == desk.id }
            let limits = desk.limits
            expect(ours.count == desk.queue.count, "\(desk.id): the queue differs")
            expect(ours.count { $0.value.attempts == 0 } <= limits.maximumHeld, "too many held by \(desk.id)")
            let bytes = ours.keys.reduce(0) { $0 + (controller.requests[$1]?.bodyBytes ?? 0) }
            let fresh = ours.filter { $0.value.attempts == 0 }.keys
                .reduce(0) { $0 + (controller.requests[$1]?.bodyBytes ?? 0) }
            expect(bytes == desk.heldBodyBytes, "\(desk.id): the body bytes differ")
            expect(fresh <= limits.maximumHeldBodyBytes, "\(desk.id): too many body bytes")
            let flying = live.values.count { $0.pool == desk.id && $0.sentTo != nil }
            expect(flying == desk.inFlight, "\(desk.id): in flight differs")
            expect(
                flying == desk.replicas.reduce(0) { $0 + $1.inFlight.count }, "\(desk.id): its replicas' books differ")
            let wakers = ours.keys.count { controller.requests[$0]?.mayWake == true }
            expect(wakers == desk.heldWakers, "\(desk.id): wakers differ")
            expect(desk.isEmpty == (desk.idleSince != nil), "\(desk.id): idle is wrong")
            expect(desk.queue.isEmpty || desk.isServed || desk.lease != nil, "\(desk.id): held for nothing")
            expect(!desk.isServed || desk.lease == nil, "\(desk.id): wakes though it serves")
            let isFull = desk.replicas.allSatisfy { !$0.isReady || !$0.hasRoom }
            expect(desk.queue.next == nil || isFull, "\(desk.id): somebody waits beside a free slot")
        }
        for id in held.keys {
            guard let request = controller.requests[id],
                let desk = controller.deskIndex[request.arrival.poolIn(settings)]
            else { continue }
            expect(now < request.arrivedAt + controller.desks[desk].limits.maximumHold, "\(id) is held for too long")
            expect(controller.timers[.request(id)] != nil, "\(id) waits without an end")
        }
        if let next = controller.timers.earliest {
            expect(wakeAt.map { $0 <= max(next, now) } ?? false, "nobody was asked to wake for \(next)")
        }
    }
}

extension Arrival {
    fileprivate func poolIn(_ settings: AdmissionSettings) -> PoolID { settings.models[model] ?? PoolID(rawValue: "") }
}
