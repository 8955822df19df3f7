import Fleet
import Testing

@testable import Policy

@Suite struct CounterfactualTests {
    /// What these rules make of a tick, as the controller asks them.
    private func decide(_ tick: TickContext, _ rules: [any Rule] = PoolController.rules) -> Decision {
        var decision = Decision(current: tick.current, target: 0, steps: [])
        for rule in rules {
            guard let target = decision.target, let proposal = rule.propose(tick, target: target) else { continue }
            let to = rule.kind.bound(proposal.target, target: target, current: tick.current)
            decision.steps.append(DecisionStep(rule: rule.name, from: target, to: to, reason: proposal.reason))
            decision.target = to
        }
        return decision
    }

    private func weighed(_ tick: TickContext) -> [RuleName: Int] {
        var decision = decide(tick)
        decision.weigh(PoolController.rules, tick)
        return decision.steps.reduce(into: [:]) { $0[$1.rule] = $1.without }
    }

    @Test("each rule that moved the count has the count without it, and no other")
    func examples() {
        // 60 requests on replicas of 10 at 80 % need 8; one spare makes 9, of which 8 are allowed.
        let grown = context(requests: 60, serving: 4) {
            $0.headroom = .replicas(1)
            $0.maximum = 8
        }
        #expect(weighed(grown) == [.observedDemand: 4, .headroom: 8, .maximum: 9])

        // 6 requests need one replica, calm has not lasted, and a cooldown would hold as well: neither is missed alone.
        var calm = context(requests: 6, serving: 4)
        calm.memory.watchingSince = calm.now - .seconds(9000)
        calm.memory.lastScaleUp = calm.now - .seconds(20)
        #expect(weighed(calm) == [.observedDemand: 4, .dwell: 4])
        calm.memory.lastScaleUp = nil
        calm.settings.scaleDown.step = StepLimit(replicas: 8, per: .zero)
        #expect(weighed(calm) == [.observedDemand: 4, .dwell: 1])

        // Without the demand there is nothing to add headroom to.
        let idle = context(requests: 6, serving: 1) {
            $0.headroom = .replicas(2)
            $0.minimum = 2
        }
        #expect(weighed(idle) == [.observedDemand: 2, .headroom: 2])
    }

    @Test("it is what the rules decide when this one is not among them", arguments: 0..<400)
    func bruteForce(seed: Int) {
        func pick<Value>(_ values: [Value], _ place: Int) -> Value { values[(seed / place + seed * 7) % values.count] }
        var tick = context(requests: Double(seed * 13 % 90), serving: 1 + seed % 7, booting: pick([0, 0, 2], 3)) {
            $0.minimum = pick([0, 1, 3], 1)
            $0.maximum = pick([4, 6, 100], 2)
            $0.headroom = pick([.replicas(0), .replicas(2), .ratio(0.5)], 5)
            $0.scaleUp.step = pick([nil, StepLimit(replicas: 1, per: .zero)], 7)
            $0.scaleDown.after = pick([nil, .zero], 11)
        }
        tick.fleet.maximum = pick([nil, 5], 13)
        tick.memory.lastScaleUp = pick([nil, tick.now - .seconds(10)], 17)
        tick.memory.watchingSince = pick([tick.now, tick.now - .seconds(9000)], 19)
        let decision = decide(tick)
        let without = weighed(tick)
        let moved = decision.steps.filter { $0.from != $0.to }.map(\.rule)
        #expect(Set(without.keys) == Set(moved))
        for rule in moved {
            #expect(without[rule] == decide(tick, PoolController.rules.filter { $0.name != rule }).target, "\(rule)")
        }
    }

    @Test("a controller tells it only when asked to")
    func asked() {
        var pool = ScriptedPool()
        pool.set("a", .answering, requests: 30)
        #expect(pool.tick().decision.steps.allSatisfy { $0.without == nil })
        pool.controller.weighsRules = true
        let steps = pool.tick().decision.steps
        #expect(steps.contains { $0.without != nil })
        #expect(steps.allSatisfy { ($0.without != nil) == ($0.from != $0.to) })
    }
}

@Suite struct RuleLedgerTests {
    private let start = Timestamp(millisecondsSince1970: 0)

    private func decision(_ target: Int, _ steps: [(RuleName, from: Int, to: Int, without: Int?)]) -> Decision {
        Decision(
            current: 1, target: target,
            steps: steps.map { DecisionStep(rule: $0.0, from: $0.from, to: $0.to, reason: .gap, without: $0.without) })
    }

    @Test("time goes to the rule that settled the count, replicas to each that made a difference, money to its price")
    func amounts() {
        var ledger = RuleLedger()
        let grown = decision(8, [(.observedDemand, 0, 10, 4), (.headroom, 10, 11, 8), (.maximum, 11, 8, 11)])
        ledger.add(grown, at: start, nextTick: start + .seconds(15), next: start + .seconds(16), usdPerHour: 3.6)
        // After a gap of an hour, four intervals count; nobody knows a price.
        ledger.add(
            decision(4, [(.queue, 0, 1, 4), (.dwell, 1, 4, 1)]), at: start, nextTick: start + .seconds(15),
            next: start + .seconds(3600), usdPerHour: nil)
        // The clock was set back, and the fleet unknown: nothing to tell.
        ledger.add(grown, at: start, nextTick: start + .seconds(15), next: start - .seconds(9), usdPerHour: 1)
        ledger.add(
            Decision(current: nil, target: nil, steps: []), at: start, nextTick: start + .seconds(15),
            next: start + .seconds(15), usdPerHour: 1)

        #expect(ledger.seconds == 76)
        #expect(Set(ledger.entries.keys) == [.observedDemand, .maximum, .dwell])
        #expect(ledger[.maximum].boundSeconds == 16 && ledger[.dwell].boundSeconds == 60)
        #expect(ledger[.maximum].denied.replicaSeconds == 48 && ledger[.maximum].added.replicaSeconds == 0)
        #expect(abs(ledger[.maximum].denied.usd - 0.048) < 1e-12)
        #expect(ledger[.observedDemand].added.replicaSeconds == 64 && ledger[.observedDemand].boundSeconds == 0)
        #expect(
            ledger[.dwell].added
                == {
                    var amount = RuleLedger.Amount(); amount.replicaSeconds = 180; return amount
                }())
    }

    @Test("a replica costs the mean of what is known, or what is configured")
    func price() {
        func fleet(_ prices: [Double?]) -> FleetState {
            FleetState(
                observedAt: start,
                replicas: prices.enumerated().map { index, price in
                    var replica = Replica(id: ReplicaID(rawValue: "\(index)"), state: .ready)
                    replica.usdPerHour = price
                    return replica
                })
        }
        #expect(fleet([2, 4]).usdPerReplicaHour(else: nil) == 3)
        #expect(fleet([2, nil]).usdPerReplicaHour(else: 4) == 3)
        #expect(fleet([2, nil]).usdPerReplicaHour(else: nil) == nil)
        #expect(fleet([]).usdPerReplicaHour(else: 4) == 4)
    }
}
