import Fleet
import Policy
import Testing

@Suite struct BrokenReplicaTests {
    private let start = Timestamp(millisecondsSince1970: 1_000_000_000)

    private func settings() -> PolicySettings {
        var settings = PolicySettings()
        (settings.maximum, settings.capacity, settings.tolerance) = (10, 10, 0)
        settings.boot.deadline = .seconds(300)
        return settings
    }

    private func replica(_ name: String, launched: Timestamp? = nil) -> Replica {
        Replica(id: ReplicaID(rawValue: name), state: .ready, launchedAt: launched)
    }

    private func engine(_ name: String, _ condition: EngineCondition, requests: Double? = 0) -> EngineObservation {
        var row = EngineObservation(
            id: ReplicaID(rawValue: name), condition: condition, running: requests, waiting: requests.map { _ in 0 })
        row.age = .zero
        return row
    }

    @Test("a boot past its deadline is no longer credited, and is cancelled once another is ordered")
    func stuckBoot() {
        var controller = PoolController(pool: PoolID(rawValue: "p"), settings: settings())
        let fleet = FleetState(observedAt: start, desired: 2, replicas: [replica("a"), replica("b", launched: start)])
        let engines = [engine("a", .answering, requests: 15), engine("b", .starting, requests: nil)]
        var outputs: [TickOutput] = []
        for second in stride(from: 0, through: 330, by: 15) {
            let now = start + .seconds(second)
            outputs.append(
                controller.step(
                    TickInput(now: now, observation: PoolObservation(at: now, engines: engines), fleet: fleet)))
        }
        #expect(outputs.prefix(21).allSatisfy { $0.action == nil })
        #expect(outputs[21].supply?.stuck == [ReplicaID(rawValue: "b")])
        #expect(outputs[21].action?.action == .grow(to: 3))
        #expect(outputs.flatMap(\.events).filter { $0 == .bootTimedOut(ReplicaID(rawValue: "b")) }.count == 1)
        controller.forgetPending()
        let now = start + .seconds(345)
        var grown = fleet
        grown.desired = 3
        let output = controller.step(
            TickInput(now: now, observation: PoolObservation(at: now, engines: engines), fleet: grown))
        #expect(output.action?.action == .remove([ReplicaID(rawValue: "b")]))
    }

    @Test("a dead engine is replaced first and removed then")
    func deadEngine() {
        var controller = PoolController(pool: PoolID(rawValue: "p"), settings: settings())
        let engines = [engine("a", .answering, requests: 15), engine("b", .dead("503"), requests: 4)]
        var fleet = FleetState(observedAt: start, desired: 2, replicas: [replica("a"), replica("b")])
        let hiccup = controller.step(
            TickInput(now: start, observation: PoolObservation(at: start, engines: engines), fleet: fleet))
        #expect(hiccup.events.isEmpty && hiccup.action == nil)
        let second = start + .seconds(15)
        let failure = controller.step(
            TickInput(now: second, observation: PoolObservation(at: second, engines: engines), fleet: fleet))
        #expect(failure.events == [.died(ReplicaID(rawValue: "b"))])
        #expect(failure.demand.requests == 15, "a dead engine's gauges are left over")
        #expect(failure.action?.action == .grow(to: 3))
        controller.forgetPending()
        (fleet.desired, fleet.replicas) = (3, fleet.replicas + [replica("c", launched: start)])
        for second in stride(from: 30, through: 60, by: 15) {
            let now = start + .seconds(second)
            let observation = PoolObservation(at: now, engines: engines + [engine("c", .starting, requests: nil)])
            let output = controller.step(TickInput(now: now, observation: observation, fleet: fleet))
            #expect(output.action?.action == (second < 60 ? nil : .remove([ReplicaID(rawValue: "b")])))
        }
    }

    @Test("replicas that break as they start are started ever more rarely, until one boots")
    func crashLoop() {
        var controller = PoolController(pool: PoolID(rawValue: "p"), settings: settings())
        var broken: [Replica] = []
        var outcome: ActionOutcome?
        var orders: [Int] = []
        for second in stride(from: 0, to: 600, by: 15) {
            let now = start + .seconds(second)
            let input = TickInput(
                now: now, observation: PoolObservation(at: now, engines: []),
                fleet: FleetState(observedAt: now, replicas: broken), outcome: outcome)
            outcome = controller.step(input).action.map {
                orders.append(second)
                broken.append(Replica(id: ReplicaID(rawValue: "r\(second)"), state: .failed("exit status 1")))
                return ActionOutcome(id: $0.id, result: .accepted(Receipt()))
            }
        }
        #expect(orders == [0, 15, 45, 90, 165, 300, 555])
        let now = start + .seconds(600)
        let fine = Replica(id: ReplicaID(rawValue: "fine"), state: .ready, launchedAt: now - .seconds(30))
        for (second, condition) in [(0, EngineCondition.starting), (15, .answering)] {
            let moment = now + .seconds(second)
            let observation = PoolObservation(at: moment, engines: [engine("fine", condition)])
            _ = controller.step(
                TickInput(
                    now: moment, observation: observation,
                    fleet: FleetState(observedAt: moment, replicas: broken + [fine])))
        }
        #expect(controller.memory.crashes == 0)
    }

    @Test("one engine silent for long is lost; all of them silent are not")
    func lost() {
        var controller = PoolController(pool: PoolID(rawValue: "p"), settings: settings())
        let fleet = FleetState(observedAt: start, replicas: ["a", "b", "c"].map { replica($0) })
        func silent(_ name: String, for age: Duration) -> EngineObservation {
            var row = engine(name, .silent("timed out"), requests: 8)
            row.age = age
            return row
        }
        var other = controller
        for second in stride(from: 60, through: 375, by: 15) {
            let now = start + .seconds(second)
            let one = [engine("a", .answering, requests: 8), engine("b", .answering, requests: 8)]
            let output = controller.step(
                TickInput(
                    now: now,
                    observation: PoolObservation(at: now, engines: one + [silent("c", for: .seconds(second))]),
                    fleet: fleet))
            #expect(output.supply?.lost == (second > 360 ? [ReplicaID(rawValue: "c")] : []))
            #expect(output.action?.action == nil)
            let all = PoolObservation(at: now, engines: ["a", "b", "c"].map { silent($0, for: .seconds(second)) })
            let held = other.step(TickInput(now: now, observation: all, fleet: fleet))
            #expect(held.supply?.serving.count == 3)
            #expect(held.decision.target == 3)
        }
    }

    @Test("a sleeping engine hides demand: nothing shrinks on its account")
    func sleeping() {
        var controller = PoolController(pool: PoolID(rawValue: "p"), settings: settings())
        let engines = [engine("a", .answering), engine("b", .answering), engine("c", .sleeping)]
        let observation = PoolObservation(at: start, engines: engines)
        let output = controller.step(
            TickInput(
                now: start, observation: observation,
                fleet: FleetState(observedAt: start, replicas: ["a", "b", "c"].map { replica($0) })))
        #expect(output.supply?.sleeping == [ReplicaID(rawValue: "c")])
        #expect(output.demand.missing == 1)
        #expect(output.demand.requestsAtMost == 10)
    }

    @Test("what others order in the control plane is seen and respected")
    func resizedFromOutside() {
        var controller = PoolController(pool: PoolID(rawValue: "p"), settings: settings())
        for (index, desired) in [2, 2, 2, 2, 2, 5].enumerated() {
            let now = start + .seconds(15 * index)
            let fleet = FleetState(observedAt: now, desired: desired, replicas: [replica("a"), replica("b")])
            let observation = PoolObservation(at: now, engines: [engine("a", .answering), engine("b", .answering)])
            let output = controller.step(TickInput(now: now, observation: observation, fleet: fleet))
            #expect(output.events.contains(.resizedFromOutside(from: 2, to: 5)) == (desired == 5))
            #expect(output.decision.current == desired)
        }
        #expect(controller.memory.lastScaleUp == start + .seconds(75))
    }
}
