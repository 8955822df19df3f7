import Fleet
import Testing

@testable import Admission

/// Readiness, cordons and stops.
struct ReplicaTests {
    @Test func `a replica is ready after health, models and one token, in that order`() {
        var gate = Gate { _, limits in limits.ladder = ProbeStep.allCases }
        let id = gate.arrive().id
        var steps: [ProbeStep] = []
        var actions = gate.up(["a": 1])
        while let probe = actions.probes.first {
            #expect(actions.dispatched.isEmpty)
            steps.append(probe.step)
            actions = gate.send(.probed(probe, passed: true))
        }
        #expect(steps == [.health, .models, .token])
        #expect(actions.dispatched == [id] && actions.wakeEnds == [.served])
    }

    @Test func `a failed step begins again from the bottom, quickly while somebody waits`() {
        var gate = Gate { _, limits in limits.ladder = ProbeStep.allCases }
        let health = gate.up(["a": 1]).probes[0]
        let models = gate.send(.probed(health, passed: true)).probes[0]
        #expect(gate.send(.probed(models, passed: false)).probes.isEmpty)
        #expect(gate.pass(.milliseconds(1999)).probes.isEmpty)
        let second = gate.pass(.milliseconds(1)).probes
        #expect(second.map(\.step) == [.health])
        gate.send(.probed(second[0], passed: false))
        // A waiter ends the pause.
        let third = gate.arrive().actions.probes
        #expect(third.map(\.step) == [.health])
        gate.send(.probed(third[0], passed: false))
        #expect(gate.pass(.milliseconds(50)).probes.map(\.step) == [.health])
    }

    @Test func `an answer that never comes is a failure, and one that comes too late counts for nothing`() {
        var gate = Gate { _, limits in limits.ladder = [.health] }
        _ = gate.arrive()
        let first = gate.up(["a": 1]).probes[0]
        let again = gate.pass(.seconds(31)).probes
        #expect(again.count == 1 && again[0] != first)
        #expect(gate.send(.probed(first, passed: true)).isEmpty)
        #expect(gate.send(.probed(again[0], passed: true)).dispatched.count == 1)
    }

    @Test func `connections to a replica that slept are dropped, and it climbs again`() {
        var gate = Gate { _, limits in limits.ladder = [.health] }
        gate.send(.probed(gate.see(["a": .up]).probes[0], passed: true))
        let slept = gate.see(["a": .down])
        #expect(slept.count { if case .dropConnections = $0 { true } else { false } } == 1)
        #expect(gate.see(["a": .down]).isEmpty)
        #expect(gate.see(["a": .up]).probes.map(\.step) == [.health])
        #expect(gate.demand?.ready == 0)
    }

    @Test func `a replica that is gone is forgotten with its last request`() {
        var gate = Gate()
        gate.up(["a": 2, "b": 2])
        let ids = gate.arrive(2)
        gate.up(["b": 2])
        #expect(gate.controller.desks[0].replicas.count == 2)
        #expect(gate.arrive().actions.replicas == ["b"])
        #expect(gate.finish(ids[0]).records.map(\.outcome) == [.served(status: 200)])
        #expect(gate.controller.desks[0].replicas.map(\.id.rawValue) == ["b"])
    }

    @Test func `one that is gone with requests on it is lost, until it is seen again`() {
        func news(_ actions: [AdmissionAction]) -> [Bool] {
            actions.compactMap { action in
                switch action {
                case .lost: true
                case .found: false
                default: nil
                }
            }
        }
        var gate = Gate()
        gate.up(["a": 2])
        let id = gate.arrive().id
        #expect(news(gate.see([:])) == [true])
        #expect(news(gate.see(["a": .down])) == [])
        #expect(news(gate.see(["a": .up])) == [false])
        #expect(news(gate.see(["a": .booting])) == [true])
        gate.finish(id)
        // Nothing is left that it could matter to.
        #expect(news(gate.see(["a": .up])) == [])
        #expect(news(gate.see(["a": .down])) == [])
    }

    // MARK: Drain

    func drained(_ actions: [AdmissionAction]) -> [Int] {
        actions.compactMap { if case .drained(_, let cut) = $0 { cut } else { nil } }
    }

    @Test func `a cordoned replica gets nothing new, finishes, and says so once`() {
        var gate = Gate()
        gate.see(["a": .up])
        let ids = gate.arrive(3)
        let deadline = gate.now + .seconds(60)
        #expect(gate.see(["a": .draining(by: deadline)]).wakes == 1)
        gate.finish(ids[0])
        #expect(gate.arrive().actions.dispatched.isEmpty)
        #expect(drained(gate.finish(ids[1])) == [0])
        #expect(drained(gate.see(["a": .draining(by: deadline)])).isEmpty)
        #expect(drained(gate.pass(.seconds(120))).isEmpty)
    }

    @Test func `what is left at the deadline is cut and counted`() {
        var gate = Gate()
        gate.see(["a": .up])
        let ids = gate.arrive(2)
        gate.send(.responseStarted(ids[0]))
        gate.see(["a": .draining(by: gate.now + .seconds(60))])
        #expect(gate.pass(.seconds(59)).cut.isEmpty)
        let end = gate.pass(.seconds(1))
        #expect(end.cut == ids && drained(end) == [2])
        #expect(end.records.map(\.outcome) == [.drainDeadline, .drainDeadline])
        #expect(gate.finish(ids[0]).isEmpty)
    }

    @Test func `the deadline of a drain may change`() {
        var gate = Gate()
        gate.see(["a": .up])
        let id = gate.arrive().id
        gate.see(["a": .draining(by: gate.now + .seconds(60))])
        gate.see(["a": .draining(by: gate.now + .seconds(5))])
        #expect(gate.pass(.seconds(5)).cut == [id])
    }

    @Test func `one that was cordoned while it climbed climbs again`() {
        var gate = Gate { _, limits in limits.ladder = [.health] }
        gate.see(["a": .up])
        gate.see(["a": .draining(by: gate.now + .seconds(60))])
        #expect(gate.see(["a": .up]).probes.map(\.step) == [.health])
        #expect(gate.demand?.ready == 0)
    }

    @Test func `an idle replica has drained at once; one that is needed again serves at once`() {
        var gate = Gate()
        gate.see(["a": .up, "b": .up])
        #expect(drained(gate.see(["a": .draining(by: gate.now + .seconds(9)), "b": .up])) == [0])
        let ids = gate.arrive(3)
        #expect(gate.see(["a": .up, "b": .up]).dispatched == [ids[2]])
        #expect(gate.pass(.seconds(60)).cut.isEmpty)
    }

    // MARK: Stop

    func isClosed(_ actions: [AdmissionAction]) -> Bool { actions.contains(.closed(Gate.pool)) }

    struct Busy: Sendable {
        var name: String
        var prepare: @Sendable (inout Gate) -> Void
        var isClosed: Bool
    }

    @Test(arguments: [
        Busy(name: "idle", prepare: { $0.pass(.seconds(30)) }, isClosed: true),
        Busy(name: "in its grace", prepare: { $0.pass(.milliseconds(29_999)) }, isClosed: false),
        Busy(
            name: "an hour-long stream",
            prepare: {
                _ = $0.arrive(); $0.pass(.seconds(3600))
            }, isClosed: false),
        Busy(
            name: "its grace after the last request",
            prepare: { gate in
                gate.finish(gate.arrive().id)
                gate.pass(.seconds(29))
            }, isClosed: false),
        Busy(
            name: "refused ones do not count",
            prepare: { gate in
                gate.pass(.seconds(29))
                _ = gate.arrive { $0.model = "unknown" }
                gate.pass(.seconds(1))
            }, isClosed: true),
    ])
    func `a pool is closed only with proof that it is idle`(row: Busy) {
        var gate = Gate()
        gate.see(["a": .up])
        row.prepare(&gate)
        let actions = gate.send(.closeIfIdle(Gate.pool))
        #expect(isClosed(actions) == row.isClosed, "\(row.name)")
        #expect(actions.contains { if case .notIdle = $0 { true } else { false } } == !row.isClosed)
    }

    @Test func `held requests and a wake keep a pool open`() {
        var gate = Gate()
        gate.pass(.seconds(60))
        let id = gate.arrive().id
        #expect(!isClosed(gate.send(.closeIfIdle(Gate.pool))))
        gate.send(.cancelled(id))
        gate.pass(.seconds(60))
        gate.see(["a": .up])
        // Just woken, for nobody: it stays for the grace.
        #expect(!isClosed(gate.send(.closeIfIdle(Gate.pool))))
        gate.pass(.seconds(30))
        #expect(isClosed(gate.send(.closeIfIdle(Gate.pool))))
    }

    @Test func `a request that comes while the pool stops is held and wakes it`() {
        var gate = Gate()
        gate.see(["a": .up])
        gate.pass(.seconds(30))
        gate.send(.closeIfIdle(Gate.pool))
        let arrival = gate.arrive()
        #expect(arrival.actions.dispatched.isEmpty && arrival.actions.wakes == 1)
        // The controller's next list may be older than the stop.
        #expect(gate.see(["a": .up]).dispatched.isEmpty)
        gate.see(["a": .down])
        #expect(gate.see(["a": .up]).dispatched == [arrival.id])
    }

    @Test func `a stop that is called off opens the pool again`() {
        var gate = Gate()
        gate.see(["a": .up])
        gate.pass(.seconds(30))
        gate.send(.closeIfIdle(Gate.pool))
        let id = gate.arrive().id
        #expect(gate.send(.reopen(Gate.pool)).dispatched == [id])
    }

    /// Such as when the controller was lost in between.
    @Test func `a stop that does not come is given up`() {
        var gate = Gate()
        gate.see(["a": .up])
        gate.pass(.seconds(30))
        gate.send(.closeIfIdle(Gate.pool))
        let id = gate.arrive().id
        #expect(gate.pass(.milliseconds(119_999)).dispatched.isEmpty)
        #expect(gate.pass(.milliseconds(1)).dispatched == [id])
    }

    // MARK: The gateway's own end

    func left(_ actions: [AdmissionAction]) -> [Int] {
        actions.compactMap { if case .gatewayDrained(let cut) = $0 { cut } else { nil } }
    }

    @Test func `a gateway that drains takes nothing new, serves what waits for slots, and ends`() {
        var gate = Gate()
        gate.up(["a": 1])
        let ids = gate.arrive(2)
        #expect(left(gate.send(.drain(by: gate.now + .seconds(30)))).isEmpty)
        #expect(gate.arrive().actions.refused == [.draining])
        #expect(gate.finish(ids[0]).dispatched == [ids[1]])
        #expect(left(gate.finish(ids[1])) == [0])
        #expect(gate.pass(.seconds(60)).isEmpty)
    }

    @Test func `what waits for a wake is sent elsewhere at once`() {
        var gate = Gate()
        _ = gate.arrive(2)
        let actions = gate.send(.drain(by: gate.now + .seconds(30)))
        #expect(actions.refused == [.draining, .draining] && left(actions) == [0])
        #expect(actions.wakeEnds == [.abandoned])
    }

    @Test func `what is left at the gateway's deadline is refused or cut, and counted`() {
        var gate = Gate()
        gate.up(["a": 1])
        let ids = gate.arrive(3)
        gate.send(.drain(by: gate.now + .seconds(30)))
        let end = gate.pass(.seconds(30))
        #expect(end.cut == [ids[0]] && end.refused == [.draining, .draining] && left(end) == [1])
    }
}
