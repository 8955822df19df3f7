import Fleet
import TestSupport
import Testing

@testable import Admission

struct RoutingTests {
    struct Choice: Sendable {
        var name: String
        var replicas: [ObservedReplica]
        /// Where requests go, one after the other.
        var expected: [String]
    }

    static func replica(
        _ id: String, slots: Int = 10, requests: Double? = nil, waiting: Double? = nil, kv: Double? = nil
    ) -> ObservedReplica {
        ObservedReplica(
            id: ReplicaID(rawValue: id), state: .up, slots: slots, requests: requests, waiting: waiting,
            kvCacheUsage: kv)
    }

    @Test(arguments: [
        Choice(name: "in turn", replicas: [replica("a"), replica("b")], expected: ["a", "b", "a", "b"]),
        Choice(
            name: "by share of slots", replicas: [replica("a", slots: 2), replica("b", slots: 4)],
            expected: ["a", "b", "b", "a", "b", "b"]),
        Choice(
            name: "what others sent counts", replicas: [replica("a", requests: 3), replica("b")],
            expected: ["b", "b", "b", "a", "b"]),
        Choice(
            name: "equal load: the smaller KV cache", replicas: [replica("a", kv: 0.5), replica("b", kv: 0.2)],
            expected: ["b", "a"]),
        Choice(
            name: "a full KV cache comes last, and is no reason to wait",
            replicas: [replica("a", slots: 2, kv: 0.9), replica("b", slots: 2)],
            expected: ["b", "b", "a"]),
        Choice(
            name: "beyond its soft limit only when all are",
            replicas: [replica("a", slots: 10, waiting: 5), replica("b", slots: 2)], expected: ["b", "b"]),
        Choice(
            name: "an engine that queues comes last",
            replicas: [replica("a", slots: 4, waiting: 5), replica("b", slots: 4)], expected: ["b", "b", "b", "b", "a"]),
        Choice(
            name: "the hard limit holds", replicas: [replica("a", slots: 1), replica("b", slots: 0)], expected: ["a"]),
    ])
    func `requests go where there is most room`(choice: Choice) {
        var gate = Gate()
        gate.send(.replicas(Gate.pool, choice.replicas))
        let went = choice.expected.indices.flatMap { _ in gate.arrive().actions.replicas }
        #expect(went == choice.expected, "\(choice.name)")
    }

    @Test func `our own requests are not counted twice`() {
        var gate = Gate()
        gate.send(.replicas(Gate.pool, [Self.replica("a"), Self.replica("b")]))
        _ = gate.arrive(2)
        gate.send(.replicas(Gate.pool, [Self.replica("a", requests: 1), Self.replica("b")]))
        #expect(gate.arrive().actions.replicas == ["a"])
    }

    @Test func `a session stays where it is; a replica more or less moves its share only`() {
        func homes(_ replicas: [String]) -> [String] {
            var gate = Gate()
            gate.send(.replicas(Gate.pool, replicas.map { Self.replica($0, slots: 1000) }))
            return (0..<200).flatMap { session in
                let sent = gate.arrive { $0.affinity = UInt64(session) }
                gate.finish(sent.id)
                return sent.actions.replicas
            }
        }
        let (four, five) = (homes(["a", "b", "c", "d"]), homes(["a", "b", "c", "d", "e"]))
        #expect(four == homes(["d", "c", "b", "a"]))
        let moved = zip(four, five).filter { $0 != $1 }
        #expect(moved.allSatisfy { $0.1 == "e" } && (20...60).contains(moved.count))
        #expect(["a", "b", "c", "d"].allSatisfy { home in (30...70).contains(four.count { $0 == home }) })
    }

    @Test func `one hot session does not fill a replica: load is bounded at 5/4 of the mean`() {
        var gate = Gate()
        gate.send(.replicas(Gate.pool, ["a", "b", "c", "d"].map { Self.replica($0, slots: 100) }))
        let went = (0..<100).flatMap { _ in gate.arrive { $0.affinity = 7 }.actions.replicas }
        let counts = ["a", "b", "c", "d"].map { home in went.count { $0 == home } }
        #expect(counts.reduce(0, +) == 100)
        #expect(counts.max() ?? 0 <= 32)
        #expect(counts.max() ?? 0 >= 30)
    }

    // MARK: Failures

    struct Failure: Sendable {
        var failure: DispatchFailure
        var isSafe = false
        var isSentAgain: Bool
    }

    @Test(arguments: [
        Failure(failure: .unreachable, isSentAgain: true),
        Failure(failure: .unsent, isSentAgain: true),
        Failure(failure: .turnedAway, isSentAgain: true),
        Failure(failure: .unanswered, isSentAgain: false),
        Failure(failure: .unanswered, isSafe: true, isSentAgain: true),
        Failure(failure: .midway, isSafe: true, isSentAgain: false),
    ])
    func `a request is sent again only where that does no harm`(row: Failure) {
        var gate = Gate()
        gate.up(["a": 1, "b": 1])
        let id = gate.arrive { $0.isSafeToRepeat = row.isSafe }.id
        let actions = gate.send(.failed(id, row.failure))
        #expect(actions.dispatched == (row.isSentAgain ? [id] : []))
        #expect(actions.cut == (row.failure == .midway ? [id] : []))
        #expect(actions.refused == (row.isSentAgain || row.failure == .midway ? [] : [.upstreamFailed]))
        if row.isSentAgain { #expect(gate.finish(id).records.map(\.attempts) == [2]) }
    }

    @Test func `after the first byte nothing is sent again, whatever is said`() {
        var gate = Gate()
        gate.up(["a": 1, "b": 1])
        let id = gate.arrive { $0.isSafeToRepeat = true }.id
        gate.send(.responseStarted(id))
        let actions = gate.send(.failed(id, .unsent))
        #expect(actions.cut == [id] && actions.records.map(\.outcome) == [.brokenOff] && actions.dispatched.isEmpty)
    }

    @Test func `it goes to another replica, waits for that one's slot, and holds nobody up`() {
        var gate = Gate()
        gate.up(["a": 1, "b": 1])
        let ids = gate.arrive(3)  // One on each, and one that waits.
        // Its slot goes to the next in line; it waits for `b`.
        #expect(gate.send(.failed(ids[0], .turnedAway)).dispatched == [ids[2]])
        let again = gate.finish(ids[1])
        #expect(again.dispatched == [ids[0]] && again.replicas == ["b"])
    }

    @Test func `a connection that had gone stale says nothing about the replica`() {
        var gate = Gate()
        gate.up(["a": 1, "b": 1])
        let ids = gate.arrive(2)
        #expect(gate.send(.failed(ids[0], .unsent)).replicas == ["a"])
    }

    @Test func `it goes back to the same one when there is no other, and three times at most`() {
        var gate = Gate()
        gate.up(["a": 1])
        let id = gate.arrive().id
        #expect(gate.send(.failed(id, .turnedAway)).replicas == ["a"])
        #expect(gate.send(.failed(id, .unsent)).replicas == ["a"])
        let last = gate.send(.failed(id, .unsent))
        #expect(last.refused == [.upstreamFailed] && last.records.map(\.attempts) == [3])
    }

    @Test func `where nothing listens, the replica climbs the ladder again and its request wakes the pool`() {
        var gate = Gate { _, limits in limits.ladder = [.health] }
        let probe = gate.up(["a": 2]).probes[0]
        gate.send(.probed(probe, passed: true))
        let ids = gate.arrive(2)
        let failed = gate.send(.failed(ids[0], .unreachable))
        #expect(failed.probes.count == 1 && failed.wakes == 1 && failed.dispatched.isEmpty)
        #expect(failed.contains(.dropConnections(failed.probes[0].destination)))
        #expect(gate.arrive().actions.dispatched.isEmpty)
        #expect(gate.send(.probed(failed.probes[0], passed: true)).dispatched == [ids[0]])
    }

    @Test func `a cut counts against the replica, and five in a row take it out`() {
        var gate = Gate()
        gate.up(["a": 9, "b": 9])
        func fail(_ times: Int) -> [AdmissionAction] {
            var actions: [AdmissionAction] = []
            while times > actions.cut.count {
                let sent = gate.arrive()
                actions += sent.actions.replicas == ["a"] ? gate.send(.failed(sent.id, .midway)) : gate.finish(sent.id)
            }
            return actions
        }
        func ejections(_ actions: [AdmissionAction]) -> [Timestamp] {
            actions.compactMap { if case .ejected(_, let until) = $0 { until } else { nil } }
        }
        #expect(ejections(fail(4)).isEmpty)
        var sent = gate.arrive()
        while sent.actions.replicas != ["a"] {
            gate.finish(sent.id)
            sent = gate.arrive()
        }
        gate.finish(sent.id)
        #expect(ejections(fail(4)).isEmpty, "a success begins the count anew")
        #expect(ejections(fail(1)) == [gate.now + .seconds(10)])
        #expect((0..<9).flatMap { _ in gate.arrive().actions.replicas }.allSatisfy { $0 == "b" })
        // It comes back by the ladder (here: without a step), and is out for twice as long the next time.
        gate.pass(.seconds(10))
        #expect(gate.demand?.ready == 2)
        #expect(ejections(fail(5)) == [gate.now + .seconds(20)])
        gate.pass(.seconds(20))
        sent = gate.arrive()
        while sent.actions.replicas != ["a"] {
            gate.finish(sent.id)
            sent = gate.arrive()
        }
        gate.finish(sent.id)
        #expect(ejections(fail(5)) == [gate.now + .seconds(10)], "a success makes the next one short again")
    }

    @Test(arguments: [(1, 0), (2, 1), (3, 1), (5, 1), (7, 2), (10, 3)])
    func `a bounded share is taken out, and never the last one`(replicas: Int, out: Int) {
        var gate = Gate()
        let all = (0..<replicas).map { Self.replica("r\($0)", slots: 1000) }
        gate.send(.replicas(Gate.pool, all))
        for _ in 0..<20 * replicas {
            let id = gate.arrive().id
            gate.finish(id, status: 500)
        }
        #expect(gate.demand?.ready == replicas - out)
    }
}
