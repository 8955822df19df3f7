import Fleet
import TestSupport
import Testing

@testable import Policy

private let spot = GroupID(rawValue: "spot")
private let demand = GroupID(rawValue: "demand")

@Suite struct PlacementTests {
    @Test func `growth fills the first group and overflows into the next`() {
        var pool = VirtualGroups(["spot": 1, "demand": 0])
        pool["spot"].settings.maximum = 3
        pool.load = 50
        pool.run(.seconds(120))
        #expect(pool.actions == [.grow(to: 3, in: spot), .grow(to: 2, in: demand)])
        #expect(pool.sizes == [3, 2])
    }

    @Test func `the base of a group comes first, whatever its place`() {
        var pool = VirtualGroups(["spot": 1, "demand": 0])
        pool["demand"].settings.base = 2
        pool.load = 50
        pool.run(.seconds(120))
        #expect(pool.actions == [.grow(to: 2, in: demand), .grow(to: 3, in: spot)])
    }

    @Test func `what shrinks leaves the last group first, and its base last`() {
        var pool = VirtualGroups(["spot": 3, "demand": 3]) { $0.scaleDown.after = .seconds(60) }
        pool["demand"].settings.base = 1
        pool.load = 5
        pool.run(.seconds(7200))
        #expect(pool.sizes == [0, 1])
        let groups = pool.actions.map(\.group)
        #expect(groups == [demand, demand, spot, spot, spot])
    }

    @Test func `a group that refuses for want of capacity is passed over, for longer each time`() {
        var pool = VirtualGroups(["spot": 1, "demand": 1]) { $0.scaleUp.cooldown = .zero }
        (pool["spot"].refuses, pool["spot"].machines) = (true, 1)
        pool.load = 30
        pool.tick()
        pool.tick()
        #expect(
            pool.actions == [.grow(to: 2, in: spot), .grow(to: 2, in: demand)], "the next tick asks the next group")
        pool.run(.seconds(600))
        #expect(pool.sizes == [1, 2], "nothing moves while nothing grows")

        pool.load = 40
        pool.run(.seconds(30))
        #expect(
            pool.actions.suffix(2) == [.grow(to: 2, in: spot), .grow(to: 3, in: demand)], "the preferred one is first")
        pool.load = 50
        pool.tick()
        #expect(pool.actions.last == .grow(to: 4, in: demand), "within the second back-off it is not asked")

        pool["spot"].machines = 100
        pool.run(.seconds(600))
        pool.load = 60
        pool.tick()
        #expect(pool.actions.last == .grow(to: 2, in: spot))
    }

    @Test func `launches that fail are made up for elsewhere within two minutes, and once`() {
        var pool = VirtualGroups(["spot": 1, "demand": 1])
        pool["spot"].machines = 1
        pool.load = 40
        pool.run(.seconds(120))
        #expect(
            pool.actions == [.grow(to: 3, in: spot), .grow(to: 3, in: demand), .withdraw(to: 1, in: spot)],
            "machines that come late would not be wanted any more")
        pool.run(.seconds(60))
        pool["spot"].machines = 100
        pool.run(.seconds(1800))
        #expect(pool.actions.count == 3)
        #expect(pool.sizes == [1, 3])
    }

    @Test func `a group whose launches fail time and again is tried ever more rarely`() {
        var pool = VirtualGroups(["spot": 1, "demand": 1]) { $0.scaleUp.cooldown = .zero }
        pool["spot"].machines = 1
        var tries: [Double] = []
        let start = pool.now
        while pool.now - start < .seconds(2400) {
            pool.load = 20 + ((pool.now - start).seconds / 30).rounded(.down) * 10
            if case .grow(_, spot)? = pool.tick().action?.action { tries.append((pool.now - start).seconds) }
        }
        let waits = zip(tries.dropFirst(), tries).map { $0 - $1 }
        #expect(
            waits == [150, 210, 330, 390, 390, 390, 390], "a minute to find out, and a wait that doubles up to five")
    }

    @Test(arguments: [
        DriverError.unreachable(message: ""), .throttled(retryAfter: nil, message: ""), .unauthorized(message: ""),
        .rejected(message: "no such group"),
    ])
    func `a group that does not answer holds nobody else, is not emptied and not doubled`(_ error: DriverError) {
        var pool = VirtualGroups(["spot": 3, "demand": 1]) { $0.scaleDown.after = .seconds(60) }
        pool.load = 40
        pool.tick()
        pool["spot"].error = error
        pool.run(.seconds(600))
        #expect(pool.actions.isEmpty, "as many as before are taken to be there")
        pool.load = 60
        pool.run(.seconds(60))
        #expect(pool.actions == [.grow(to: 3, in: demand)])
        pool.load = 0
        pool.run(.seconds(3600))
        #expect(pool.sizes[0] == 3 && pool.actions.dropFirst().allSatisfy { $0.group == demand })
        pool["spot"].error = nil
        pool.run(.seconds(3600))
        #expect(pool.sizes == [1, 0])
    }

    @Test func `a group that was never seen and does not answer is waited for`() {
        var pool = VirtualGroups(["spot": 3, "demand": 1]) { $0.minimum = 4 }
        pool["spot"].error = .unreachable(message: "")
        pool.run(.seconds(300))
        #expect(pool.actions.isEmpty && pool.outputs.allSatisfy { $0.decision.target == nil })
    }

    @Test func `the reason names the groups that take no orders`() {
        var pool = VirtualGroups(["spot": 1, "demand": 1])
        pool["demand"].settings.maximum = 1
        pool.tick()
        pool["spot"].error = .unreachable(message: "cut off")
        pool.load = 50
        let output = pool.tick()
        #expect(output.action == nil && output.decision.target == 2)
        #expect(output.decision.binding?.rule == .groupMaximum)
        let reason = output.decision.binding?.reason.description
        #expect(reason == "room for 0 more: spot: unreachable: cut off")
    }

    /// Whatever groups do, orders stay within bounds, and a group with room that works is found.
    @Test(arguments: 0..<300) func `orders go to the first group that can take them`(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let names = (0..<Int.random(in: 1...4, using: &random)).map { GroupID(rawValue: "g\($0)") }
        var replicas: [Replica] = []
        var memory = PoolMemory()
        let now = Timestamp(secondsSince1970: 1_800_000_000)
        let states = names.map { id in
            let count = Int.random(in: 0...5, using: &random)
            for number in 0..<count {
                let state: ReplicaState =
                    [.ready, .booting(phase: .provision), .terminating, .failed("")]
                    .randomElement(using: &random) ?? .ready
                replicas.append(Replica(id: ReplicaID(rawValue: "\(id)-\(number)"), state: state, group: id))
            }
            var remembered = GroupMemory(id: id)
            if Int.random(in: 0..<4, using: &random) == 0 {
                let until = now + .seconds(Int.random(in: -30...30, using: &random))
                remembered.backOff = PoolMemory.BackOff(until: until, failures: 1, error: .rejected(message: ""))
            }
            memory[group: id] = remembered
            return GroupState(
                id: id, desired: [nil, count, count + 2].randomElement(using: &random) ?? nil,
                base: Int.random(in: 0...2, using: &random), maximum: [nil, 3, 6].randomElement(using: &random) ?? nil,
                trouble: Int.random(in: 0..<4, using: &random) == 0 ? .unreachable(message: "") : nil)
        }
        let fleet = FleetState(observedAt: now, groups: states, replicas: replicas)
        let placement = Placement(fleet: fleet, memory: memory, settings: PolicySettings(), now: now)
        let wanted = Int.random(in: 1...8, using: &random)
        func isOpen(_ state: GroupState) -> Bool {
            state.trouble == nil && memory[group: state.id].backOff.map { now >= $0.until } ?? true
        }
        func size(_ state: GroupState) -> Int {
            let mine = fleet.replicas.filter { $0.group == state.id && $0.state != .terminating }
            let working = mine.count { if case .failed = $0.state { false } else { true } }
            return working + max(0, (state.desired ?? 0) - mine.count)
        }
        let candidates = states.filter { isOpen($0) && size($0) < $0.maximum ?? .max }
        let expected = candidates.first { size($0) < min($0.base, $0.maximum ?? .max) } ?? candidates.first
        let order = placement.order(wanted)
        #expect(order?.group.id == expected?.id)
        #expect((placement.room == 0) == (order == nil))
        if let order {
            #expect((1...wanted).contains(order.growth) && order.size == size(order.group) + order.growth)
            #expect(order.size <= order.group.maximum ?? .max)
        }
        #expect(placement.order(0) == nil)
    }
}

@Suite struct SpotReplacementTests {
    private func pool(_ load: Double, _ configure: (inout PolicySettings) -> Void = { _ in }) -> VirtualGroups {
        var pool = VirtualGroups(["spot": 3, "demand": 1], configure)
        pool["spot"].settings.maximum = 3
        pool.load = load
        pool.run(.seconds(90))
        return pool
    }

    @Test func `what the cloud takes away is cordoned and replaced at once, elsewhere if need be`() {
        var pool = pool(40)
        #expect(pool.actions.isEmpty)
        let victim = pool["spot"].replicas[1].id
        pool["spot"].replicas[1].leavesAt = pool.now + .seconds(120)
        let output = pool.tick()
        #expect(output.action?.action == .grow(to: 2, in: demand))
        #expect(output.events == [.cordoned(victim)])
        #expect(output.supply?.draining == [victim] && output.supply?.current == 3)
        #expect(output.decision.steps.contains { $0.rule == .spotReplacement && $0.to == 4 })
        pool.run(.seconds(600))
        #expect(
            pool.actions == [.grow(to: 2, in: demand), .remove([victim], in: spot)], "it leaves before it is taken")
        #expect(pool.sizes == [2, 2])
        #expect(pool["spot"].desired == 2, "its group does not order it anew")
    }

    @Test func `it is replaced although nobody knows the capacity of a replica`() {
        var pool = pool(40) { $0.capacity = nil }
        pool["spot"].replicas[0].leavesAt = pool.now + .seconds(120)
        #expect(pool.tick().action?.action == .grow(to: 2, in: demand))
    }

    @Test func `a replica that would be let go anyway is not replaced`() {
        var pool = pool(20)
        pool.run(.seconds(120))
        pool["spot"].replicas[1].leavesAt = pool.now + .seconds(120)
        pool.run(.seconds(300))
        #expect(pool.actions.allSatisfy { if case .remove = $0 { true } else { false } })
    }

    @Test func `a notice far ahead is not acted on yet`() {
        var pool = pool(40)
        pool["spot"].replicas[1].leavesAt = pool.now + .seconds(3600)
        pool.run(.seconds(1800))
        #expect(pool.actions.isEmpty)
        pool.run(.seconds(1800))
        #expect(pool.actions.first == .grow(to: 2, in: demand))
    }

    @Test func `a pool of one group replaces too, and the last replica`() {
        var pool = ScriptedPool { $0.minimum = 1 }
        pool.set("a", .answering, requests: 5)
        pool.fleet.desired = 1
        for _ in 0..<5 { pool.tick() }
        pool.fleet.replicas[0].leavesAt = pool.now + .seconds(120)
        #expect(pool.tick().action?.action == .grow(to: 2))
    }
}
