import Testing

@testable import Policy

struct ShadowEvidenceTests {
    /// Ledgers of three candidates over a day of unit traffic, one unit of work an interval.
    private func ledgers(costs: [Double], late: [Double]) -> ShadowLedgers {
        var ledgers = ShadowLedgers(candidates: costs.count)
        for interval in 0..<5760 {
            _ = ledgers.move(to: 15 * interval, decay: 1)
            ledgers.add(work: 1) { cost, missed in
                for index in costs.indices {
                    cost[index] += costs[index]
                    missed[index] += late[index]
                }
            }
        }
        return ledgers
    }

    struct Case: CustomTestStringConvertible {
        var costs: [Double]
        var late: [Double]
        var current = 0
        var required = 0.99
        var best: Int
        var testDescription: String { "\(costs), \(late), from \(current) at \(required)" }
    }

    @Test(
        "the cheapest that meets what is required is best",
        arguments: [
            Case(costs: [1, 2, 3], late: [0.05, 0.008, 0.001], best: 1),
            Case(costs: [1, 2, 3], late: [0.05, 0.012, 0.001], best: 2),
            Case(costs: [1, 2, 3], late: [0.009, 0.008, 0.001], current: 2, best: 0),
            Case(costs: [1, 2, 3], late: [0.05, 0.008, 0.001], required: 0.995, best: 2),
            // Where none does, lateness is not avoided at any price.
            Case(costs: [1, 2, 30_000], late: [0.5, 0.1, 0.05], best: 1),
            // A change must pay.
            Case(costs: [1, 1.005, 3], late: [0, 0, 0], current: 1, best: 1),
            Case(costs: [1, 1.02, 3], late: [0, 0, 0], current: 1, best: 0),
        ])
    func best(row: Case) {
        let ledgers = ledgers(costs: row.costs, late: row.late)
        for part in 0..<ShadowLedgers.parts {
            let best = ledgers.best(
                part: part, chosen: Array(repeating: row.current, count: ShadowLedgers.parts), required: row.required,
                priceLimit: 200, capacity: 1,
                intervalSeconds: 15)
            #expect(best == row.best)
        }
    }

    @Test("whom the pool follows is excused one miss, and not a second", arguments: [1, 2])
    func accident(misses: Int) {
        var ledgers = ShadowLedgers(candidates: 2)
        for interval in 0..<5760 {
            _ = ledgers.move(to: 15 * interval, decay: 1)
            let hour = interval / 240
            ledgers.add(work: 1) { cost, late in
                (cost[0], cost[1]) = (cost[0] + 1, cost[1] + 2)
                if hour % 8 == 2, hour / 8 < misses { late[0] += 1 }
            }
        }
        let best = (0..<ShadowLedgers.parts).map { part in
            ledgers.best(
                part: part, chosen: Array(repeating: 0, count: ShadowLedgers.parts), required: 0.99, priceLimit: 100,
                capacity: 1, intervalSeconds: 15)
        }
        #expect(best == Array(repeating: misses - 1, count: ShadowLedgers.parts))
    }

    @Test("hours become history without a loss, and fade")
    func fading() {
        var ledgers = ledgers(costs: [2], late: [0.25])
        #expect(ledgers.totalWork == 5760)
        #expect((ledgers.account(of: 0).cost - 11_520).magnitude < 0.01)
        #expect((ledgers.account(of: 0).late - 1440).magnitude < 0.01)
        _ = ledgers.move(to: 90_000, decay: 0.5)
        // All but the last hour counts half.
        #expect((ledgers.totalWork - (240 + 5520 / 2)).magnitude < 0.01)
    }

    @Test("a pool that misses asks for more, one with budget to spend for less, within bounds")
    func budget() {
        func required(late: Double) -> Double {
            var budget = ShadowBudget()
            for _ in 0..<96 {
                for _ in 0..<240 { budget.add(work: 1, late: late) }
                budget.endHour()
            }
            return budget.required(objective: 0.99, meanWork: 1, intervalSeconds: 15)
        }
        let shares = [0, 0.005, 0.01, 0.02, 0.1].map(required)
        #expect(shares == shares.sorted())
        #expect(shares[0] < 0.985)
        #expect(shares[2] > 0.99 && shares[2] < 0.995)
        #expect(shares[4] > 1 && shares[4] < 1.002)
    }

    @Test("young evidence must show more")
    func youth() {
        let fresh = ShadowBudget().required(objective: 0.99, meanWork: 1, intervalSeconds: 15)
        #expect(fresh > 0.9939 && fresh < 0.9941)
    }

    @Test("a choice tells what its neighbours would have done")
    func text() {
        func standing(_ level: Double, _ share: Double, _ replicas: Double) -> ShadowStanding {
            let candidate = ShadowCandidate(
                signal: .quantile(level), delay: .init(base: .seconds(120), boots: 2), band: 0.1)
            return ShadowStanding(candidate: candidate, share: share, meanReplicas: replicas)
        }
        let choice = ShadowChoice(
            desired: 12, followed: standing(0.98, 0.9948, 10), below: standing(0.97, 0.98673, 9.5),
            above: standing(0.995, 0.9962, 11), required: 0.99, share: nil, isLearning: false)
        #expect(
            "\(choice)" == "P98, shrinks by 10 % at least after 120 s and 2 boots: 0.9948 in time; "
                + "P97: 0.9867, costs 5.0 % less; P99.5: 0.9962, costs 10.0 % more")
    }
}
