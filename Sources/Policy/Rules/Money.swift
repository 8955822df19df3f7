import Fleet
import Forecast

/// A replica that is paid for stays until shortly before the end of the period.
struct MinimumBilling: Rule {
    let name = RuleName.minimumBilling
    let kind = RuleKind.hold

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        guard tick.settings.minimumBilling != nil else { return nil }
        let left = (tick.supply.serving + tick.supply.booting).map { tick.paidFor($0) }
        guard let next = left.filter({ $0 > .zero }).min() else { return nil }
        return Proposal(tick.current - left.count { $0 == .zero }, .paidFor(remaining: next))
    }
}

extension TickContext {
    /// How long the next replica that may leave is paid for.
    var nextPaidFor: Duration? {
        settings.minimumBilling == nil ? nil : supply.serving.map(paidFor).min()
    }

    /// How long a replica is kept because it is paid for; zero when it may leave.
    ///
    /// It may in the last part of each period, long enough to drain it: the deadline and two decisions, or half of the
    /// period if that is shorter.
    func paidFor(_ id: ReplicaID) -> Duration {
        guard let period = settings.minimumBilling, period > .zero,
            let launched = fleet.launchedAt(id), launched <= now
        else { return .zero }
        let margin = min(settings.drainDeadline + settings.interval * 2, period / 2)
        let age = (now - launched).wholeMilliseconds
        let remaining = Duration.milliseconds(period.wholeMilliseconds - age % period.wholeMilliseconds)
        return max(.zero, remaining - margin)
    }
}

/// No more than the budgets of the hour and the day pay for. A fleet above them shrinks step by step.
///
/// Worked example: 4 dollars a replica and 40 an hour are 10 replicas; of them one is lost and costs all the same, so 9. Of
/// 200 a day, 150 are spent at 20:00 with a minimum of 2: its 4 hours to come cost 32, the rest pays 18 / 4 = 4 more
/// replicas for an hour, so 6.
struct BudgetLimit: Rule {
    let name = RuleName.budget
    let kind = RuleKind.limit

    func propose(_ tick: TickContext, target: Int) -> Proposal? {
        guard let budget = tick.settings.budget else { return nil }
        let configured = tick.settings.usdPerHour
        // The dearest that may be ordered, be it there or not.
        let groups = (tick.fleet.groups ?? []).compactMap(\.usdPerHour).max()
        guard let prices = tick.fleet.pricesPerHour(else: configured),
            let price = (prices + [groups].compactMap { $0 }).max() ?? configured
        else {
            return Proposal(target, .priceUnknown, isNotice: true)
        }
        let bounds = [hourly(budget), daily(budget, tick, price)].compactMap { $0 }
        guard price > 0, let bound = bounds.min(by: { $0.usdPerHour < $1.usdPerHour }) else { return nil }
        // What is there costs what it costs; what is ordered, as much as the dearest. Cordoned replicas cost too, and come
        // back before others are ordered.
        let rest = bound.usdPerHour - prices.reduce(0, +) - price * Double(tick.supply.undelivered)
        let most = tick.current + tick.supply.draining.count + whole(rest / price)
        return tick.capped(at: max(most, tick.settings.minimum), target: target).map { Proposal($0, bound.reason) }
    }

    private typealias Bound = (usdPerHour: Double, reason: Reason)

    private func hourly(_ budget: PolicySettings.Budget) -> Bound? {
        budget.usdPerHour.map { ($0, .hourlyBudget(usd: $0)) }
    }

    /// What the minimum costs until midnight is set aside. The rest must pay for an hour of what comes on top, so the pool
    /// tapers off as the budget ends instead of falling to its minimum at once.
    private func daily(_ budget: PolicySettings.Budget, _ tick: TickContext, _ price: Double) -> Bound? {
        guard let limit = budget.usdPerDay, let spending = tick.memory.spending else { return nil }
        let clock = tick.settings.forecast.calendar.clock
        let now = max(tick.now, spending.upTo ?? tick.now)
        let minimum = Double(tick.settings.minimum) * price
        let rest = limit - spending.usd - minimum * (clock.midnight(after: now) - now).seconds / 3600
        return (minimum + max(0, rest), .dailyBudget(usd: limit, spent: spending.usd))
    }

    /// A hair more, so that 9.999999999999998 is 10.
    private func whole(_ count: Double) -> Int { wholeReplicas((max(count, -1_000_000) + 1e-9).rounded(.down)) }
}
