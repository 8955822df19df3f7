import Fleet
import Testing

@testable import Admission

/// Which requests are let in, in which order they go, and when their waiting ends.
struct HoldTests {
    @Test func `a free slot serves at once, the rest waits and follows as slots become free`() {
        var gate = Gate()
        gate.up(["r1": 2])
        let ids = (0..<5).map { _ in gate.arrive() }
        #expect(ids.map(\.actions.dispatched) == [[ids[0].id], [ids[1].id], [], [], []])
        #expect(gate.finish(ids[1].id).dispatched == [ids[2].id])
        #expect(gate.finish(ids[0].id).dispatched == [ids[3].id])
        #expect(gate.demand?.held == 1 && gate.demand?.inFlight == 2 && gate.demand?.arrivals == 5)
    }

    /// 300 wait for one wake; 8 go when it is over, and then one for each that ends.
    @Test func `waiters are released in order, paced by slots`() {
        var gate = Gate()
        let ids = gate.arrive(300)
        #expect(gate.demand?.held == 300)
        var released = gate.up(["r1": 8]).dispatched
        #expect(released.count == 8)
        for index in 0..<300 {
            let next = gate.finish(ids[index]).dispatched
            #expect(next.count == (index < 292 ? 1 : 0))
            released += next
        }
        #expect(released == ids)
        #expect(gate.demand?.held == 0 && gate.demand?.inFlight == 0)
    }

    @Test func `a new request does not overtake those that wait`() {
        var gate = Gate()
        gate.up(["r1": 1])
        let ids = gate.arrive(3)
        let latecomer = gate.arrive()
        #expect(latecomer.actions.dispatched.isEmpty)
        #expect(gate.finish(ids[0]).dispatched == [ids[1]])
    }

    @Test func `a key may lower its priority, not raise it`() {
        var gate = Gate { settings, _ in
            var limits = KeyLimits()
            limits.priority = 3
            settings.keys[KeyID(rawValue: "vip")] = limits
        }
        let plain = gate.arrive { $0.priority = 9 }.id
        let low = gate.arrive { ($0.key, $0.priority) = (KeyID(rawValue: "vip"), -1) }.id
        let high = gate.arrive { ($0.key, $0.priority) = (KeyID(rawValue: "vip"), 7) }.id
        let own = gate.arrive { $0.key = KeyID(rawValue: "vip") }.id
        #expect(gate.up(["r1": 9]).dispatched == [high, own, plain, low])
    }

    @Test func `who leaves is never dispatched, and its room is free at once`() {
        var gate = Gate { _, limits in limits.maximumHeld = 2 }
        let ids = gate.arrive(2)
        #expect(gate.arrive().actions.refused == [.queueFull])
        #expect(gate.send(.cancelled(ids[0])).records.map(\.outcome) == [.cancelled])
        let third = gate.arrive()
        #expect(third.actions.refused.isEmpty)
        #expect(gate.up(["r1": 9]).dispatched == [ids[1], third.id])
        #expect(gate.send(.cancelled(ids[0])).isEmpty)
    }

    @Test func `a client that leaves in flight frees its slot`() {
        var gate = Gate()
        gate.up(["r1": 1])
        let ids = gate.arrive(2)
        #expect(gate.send(.cancelled(ids[0])).dispatched == [ids[1]])
    }

    struct Bound: Sendable {
        var name: String
        var change: @Sendable (inout AdmissionSettings, inout PoolLimits) -> Void
        var bytes = [10, 10, 10]
        var expected: [Refusal.Code?]
    }

    @Test(arguments: [
        Bound(name: "pool count", change: { $1.maximumHeld = 2 }, expected: [nil, nil, .queueFull]),
        Bound(name: "pool bytes", change: { $1.maximumHeldBodyBytes = 20 }, expected: [nil, nil, .queueFull]),
        Bound(
            name: "pool bytes, small one", change: { $1.maximumHeldBodyBytes = 20 }, bytes: [15, 10, 5],
            expected: [nil, .queueFull, nil]),
        Bound(name: "total count", change: { s, _ in s.maximumHeld = 1 }, expected: [nil, .queueFull, .queueFull]),
        Bound(
            name: "total bytes", change: { s, _ in s.maximumHeldBodyBytes = 15 },
            expected: [nil, .queueFull, .queueFull]),
    ])
    func `the queue is bounded`(bound: Bound) {
        var gate = Gate(bound.change)
        for (bytes, expected) in zip(bound.bytes, bound.expected) {
            let refusal = gate.arrive { $0.bodyBytes = bytes }.actions.refusal
            #expect(refusal?.code == expected, "\(bound.name)")
            #expect(refusal == nil || refusal?.retryAfter == .seconds(5))
        }
    }

    @Test func `a body that outgrows the bound ends its own request`() {
        var gate = Gate { _, limits in limits.maximumHeldBodyBytes = 100 }
        let ids = gate.arrive(2) { $0.bodyBytes = 10 }
        #expect(gate.send(.bodyGrew(ids[0], bytes: 90)).isEmpty)
        #expect(gate.demand?.heldBodyBytes == 100)
        #expect(gate.send(.bodyGrew(ids[1], bytes: 11)).refused == [.queueFull])
        #expect(gate.demand?.heldBodyBytes == 90)
        // In flight it costs no room, but would when it comes back.
        gate.up(["r1": 1])
        gate.send(.bodyGrew(ids[0], bytes: 500))
        #expect(gate.demand?.heldBodyBytes == 0)
        gate.see(["r1": .down])
        gate.send(.failed(ids[0], .unsent))
        #expect(gate.demand?.heldBodyBytes == 500)
    }

    struct Door: Sendable {
        var change: @Sendable (inout Arrival) -> Void
        var expected: Refusal.Code?
        var status: Int?
    }

    @Test(arguments: [
        Door(change: { $0.model = "gpt" }, expected: .modelNotFound, status: 404),
        Door(change: { $0.key = KeyID(rawValue: "other") }, expected: .modelNotAllowed, status: 403),
        Door(change: { $0.key = KeyID(rawValue: "guest") }, expected: .modelAsleep, status: 503),
        Door(change: { _ in }, expected: nil),
    ])
    func `what is refused wakes nothing, counts nowhere and leaves nothing`(door: Door) {
        var gate = Gate { settings, _ in
            var guest = KeyLimits()
            guest.mayWake = false
            settings.keys[KeyID(rawValue: "guest")] = guest
            var other = KeyLimits()
            other.models = ["mistral"]
            settings.keys[KeyID(rawValue: "other")] = other
        }
        let idleSince = gate.demand?.idleSince
        gate.pass(.seconds(60))
        let actions = gate.arrive(door.change).actions
        #expect(actions.refused == [door.expected].compactMap(\.self))
        #expect(actions.refusal?.code.httpStatus == door.status)
        #expect(actions.wakes == (door.expected == nil ? 1 : 0))
        #expect(gate.demand?.arrivals == (door.expected == nil ? 1 : 0))
        #expect(gate.demand?.idleSince == (door.expected == nil ? nil : idleSince))
        #expect(gate.controller.requests.count == (door.expected == nil ? 1 : 0))
        #expect(actions.records.count == (door.expected == nil ? 0 : 1))
    }

    @Test func `a key has a number of requests under way at most`() {
        var gate = Gate { settings, _ in settings.keys[KeyID(rawValue: "k")] = KeyLimits(maximumConcurrent: 2) }
        gate.up(["r1": 1])
        let ids = gate.arrive(2)
        #expect(gate.arrive().actions.refused == [.tooManyRequests])
        #expect(gate.arrive { $0.key = KeyID(rawValue: "b") }.actions.refused.isEmpty)
        gate.finish(ids[0])
        #expect(gate.arrive().actions.refused.isEmpty)
    }

    /// 60 a minute: a minute's worth at once, and then one a second.
    @Test func `a key has a number of requests per minute at most`() {
        var gate = Gate { settings, _ in settings.keys[KeyID(rawValue: "k")] = KeyLimits(maximumPerMinute: 60) }
        gate.up(["r1": 1000])
        #expect((0..<60).allSatisfy { _ in gate.arrive().actions.refused.isEmpty })
        let refusal = gate.arrive().actions.refusal
        #expect(refusal?.code == .rateLimited)
        #expect(abs((refusal?.retryAfter?.seconds ?? 0) - 1) < 0.001)
        gate.pass(.seconds(1))
        #expect(gate.arrive().actions.refused.isEmpty)
        #expect(gate.arrive().actions.refused == [.rateLimited])
    }

    @Test func `a stream is kept alive by comments from 10 s on, until its first byte`() {
        var gate = Gate()
        let stream = gate.arrive { $0.isStreaming = true }.id
        _ = gate.arrive()
        #expect(gate.pass(.milliseconds(9900)).beats.isEmpty)
        #expect(gate.pass(.milliseconds(100)).beats == [stream])
        #expect(gate.pass(.seconds(30)).beats == [stream, stream, stream])
        // The engine reads the prompt: the stream is as silent as before.
        gate.up(["r1": 8])
        #expect(gate.pass(.seconds(20)).beats == [stream, stream])
        gate.send(.responseStarted(stream))
        #expect(gate.pass(.seconds(60)).beats.isEmpty)
    }

    @Test func `comments carry the time that is left of the boot`() {
        var gate = Gate()
        gate.send(.boot(Gate.pool, BootOutlook(typical: .seconds(100))))
        let id = gate.arrive { $0.isStreaming = true }.id
        #expect(gate.pass(.seconds(10)).contains(.heartbeat(id, eta: .seconds(90))))
        gate.send(.boot(Gate.pool, BootOutlook(typical: .seconds(100), readyAt: gate.now + .seconds(40))))
        #expect(gate.pass(.seconds(10)).contains(.heartbeat(id, eta: .seconds(30))))
        // Overdue is unknown, not zero.
        #expect(gate.pass(.seconds(30)).contains(.heartbeat(id, eta: nil)))
    }

    @Test func `many waiters share few wake-ups`() {
        var gate = Gate()
        for _ in 0..<1000 {
            _ = gate.arrive { $0.isStreaming = true }
            gate.pass(.milliseconds(1))
        }
        var wakeUps = 0
        let end = gate.now + .seconds(60)
        while let moment = gate.wakeAt, moment < end {
            (gate.now, gate.wakeAt) = (max(gate.now, moment), nil)
            gate.send(.timePassed)
            wakeUps += 1
        }
        #expect(wakeUps < 90)
    }

    struct Wait: Sendable {
        var isServed: Bool
        var patience: Duration?
        var expected: (Duration, Refusal.Code)
    }

    @Test(arguments: [
        Wait(isServed: false, expected: (.seconds(480), .wakeTimeout)),
        Wait(isServed: true, expected: (.seconds(590), .queueTimeout)),
        Wait(isServed: false, patience: .seconds(60), expected: (.seconds(60), .wakeTimeout)),
        Wait(isServed: true, patience: .seconds(60), expected: (.seconds(60), .queueTimeout)),
        Wait(isServed: true, patience: .seconds(6000), expected: (.seconds(590), .queueTimeout)),
    ])
    func `a wait has an end`(wait: Wait) {
        var gate = Gate()
        if wait.isServed { gate.up(["r1": 0]) }
        _ = gate.arrive { $0.patience = wait.patience }
        #expect(gate.pass(wait.expected.0 - .milliseconds(1)).refused.isEmpty)
        #expect(gate.pass(.milliseconds(1)).refused == [wait.expected.1])
    }

    @Test func `who was woken for has until 590 s to get a slot`() {
        var gate = Gate()
        let ids = gate.arrive(2)
        gate.pass(.seconds(470))
        #expect(gate.up(["r1": 1]).dispatched == [ids[0]])
        #expect(gate.pass(.seconds(119)).refused.isEmpty)
        #expect(gate.pass(.seconds(1)).refused == [.queueTimeout])
    }

    @Test func `the record of a request has its moments`() {
        var gate = Gate()
        let id = gate.arrive { $0.priority = -2 }.id
        let start = gate.now
        gate.pass(.seconds(3))
        gate.up(["r1": 1])
        gate.pass(.seconds(2))
        gate.send(.responseStarted(id))
        gate.pass(.seconds(5))
        #expect(
            gate.finish(id).records == [
                RequestRecord(
                    id: id, model: Gate.model, key: KeyID(rawValue: "k"), pool: Gate.pool, priority: -2,
                    outcome: .served(status: 200), arrivedAt: start, dispatchedAt: start + .seconds(3),
                    firstByteAt: start + .seconds(5), endedAt: start + .seconds(10),
                    replica: ReplicaID(rawValue: "r1"), attempts: 1, isCold: true)
            ])
        let warm = gate.arrive().id
        #expect(gate.finish(warm).records.map(\.isCold) == [false])
    }

    @Test func `the controller hears at once when work begins, waits, grows and ends`() {
        var gate = Gate()
        gate.up(["r1": 10])
        func heard(_ actions: [AdmissionAction]) -> [Int] {
            actions.compactMap { if case .demand(let demand) = $0 { demand.held + demand.inFlight } else { nil } }
        }
        var told = (0..<12).map { _ in heard(gate.arrive().actions) }
        // From 10 on requests wait, and that is news.
        #expect(told == [[1], [], [3], [], [5], [], [7], [], [9], [], [11], []])
        told = (1...12).map { heard(gate.finish(RequestID(rawValue: $0))) }
        #expect(told == [[], [10], [], [], [], [], [], [4], [], [], [1], [0]])
    }

    @Test func `a new configuration counts from then on; a pool that it leaves out refuses what it holds`() {
        var gate = Gate()
        let held = gate.arrive(2)
        var settings = gate.controller.settings
        settings.pools[Gate.pool]?.maximumHeld = 2
        #expect(gate.send(.configured(settings)).isEmpty)
        #expect(gate.arrive().actions.refused == [.queueFull])
        #expect(gate.up(["r1": 1]).dispatched == [held[0]])
        settings.models = ["other": PoolID(rawValue: "other")]
        settings.pools = [:]
        #expect(gate.send(.configured(settings)).refused == [.modelNotFound])
        #expect(gate.arrive().actions.refused == [.modelNotFound])
        #expect(gate.arrive { $0.model = "other" }.actions.wakes == 1)
        #expect(gate.finish(held[0]).records.map(\.outcome) == [.served(status: 200)])
        #expect(gate.up(["r1": 1]).isEmpty && gate.demand?.ready == 0)
    }
}

extension KeyLimits {
    init(maximumConcurrent: Int? = nil, maximumPerMinute: Int? = nil, mayWake: Bool = true) {
        self.init()
        self.maximumConcurrent = maximumConcurrent
        self.maximumPerMinute = maximumPerMinute
        self.mayWake = mayWake
    }
}
