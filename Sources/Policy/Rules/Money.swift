import Fleet
import Forecast

/// A replica that is paid for stays until shortly before the end of the period.
struct MinimumBilling: Rule {
    let name = RuleName.minimumBilling
    let kind = RuleKind.hold

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        let left = (tick.supply.serving + tick.supply.booting).map { tick.paidFor($0) }
        guard let next = left.filter({ $0 > .zero }).min() else { return nil }
        return Proposal(tick.current - left.count { $0 == .zero }, .paidFor(remaining: next))
    }
}

extension TickContext {
    /// How long a replica is kept because it is paid for; zero when it may leave.
    ///
    /// It may in the last part of each period, long enough to drain it: the deadline and two decisions, or half of the
    /// period if that is shorter.
    func paidFor(_ id: ReplicaID) -> Duration {
        guard let period = settings.minimumBilling, period > .zero,
            let launched = fleet.replicas.first(where: { $0.id == id })?.launchedAt, launched <= now
        else { return .zero }
        let margin = min(settings.drainDeadline + settings.interval * 2, period / 2)
        let age = (now - launched).wholeMilliseconds
        let remaining = Duration.milliseconds(period.wholeMilliseconds - age % period.wholeMilliseconds)
        return max(.zero, remaining - margin)
    }
}

/// No more than the budgets of the hour and the day pay for. A fleet above them shrinks step by step, on full data only.
///
/// Worked example: 4 dollars a replica and 40 an hour are 10 replicas. Of 200 a day, 150 are spent at 20:00 with a minimum
/// of 2: its 4 hours to come cost 32, the rest pays 18 / 4 = 4 more replicas for an hour, so 6.
struct BudgetLimit: Rule {
    let name = RuleName.budget
    let kind = RuleKind.limit

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        guard let budget = tick.settings.budget else { return nil }
        guard let prices = tick.fleet.pricesPerHour, let price = prices.values.max() else {
            return Proposal(target, .priceUnknown, isNotice: true)
        }
        guard price > 0 else { return nil }
        let limits = [hourly(budget, tick, prices, price), daily(budget, tick, price)].compactMap { $0 }
        guard let least = limits.min(by: { $0.target < $1.target }) else { return nil }
        return tick.capped(at: max(least.target, tick.settings.minimum), target: target).map {
            Proposal($0, least.reason)
        }
    }

    /// What is there costs what it costs; what is ordered, as much as the dearest.
    private func hourly(
        _ budget: PolicySettings.Budget, _ tick: TickContext, _ prices: [ReplicaID: Double], _ price: Double
    ) -> Proposal? {
        guard let limit = budget.usdPerHour else { return nil }
        let known = (tick.supply.serving + tick.supply.booting).compactMap { prices[$0] }
        let cost = known.reduce(0, +) + price * Double(tick.current - known.count)
        return Proposal(tick.current + whole((limit - cost) / price), .hourlyBudget(usd: limit))
    }

    /// What the minimum costs until midnight is set aside. The rest must pay for an hour of what comes on top, so the pool
    /// tapers off as the budget ends instead of falling to its minimum at once.
    private func daily(_ budget: PolicySettings.Budget, _ tick: TickContext, _ price: Double) -> Proposal? {
        guard let limit = budget.usdPerDay, let spent = tick.memory.spending?.usd else { return nil }
        let clock = tick.settings.forecast.calendar.clock
        let hours = (clock.midnight(after: tick.now) - tick.now).seconds / 3600
        let minimum = tick.settings.minimum
        let rest = limit - spent - Double(minimum) * price * hours
        return Proposal(minimum + max(0, whole(rest / price)), .dailyBudget(usd: limit, spent: spent))
    }

    /// A hair more, so that 9.999999999999998 is 10.
    private func whole(_ count: Double) -> Int { wholeReplicas((max(count, -1_000_000) + 1e-9).rounded(.down)) }
}
