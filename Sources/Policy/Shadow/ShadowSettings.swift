/// What a pool promises: this share of its requests starts within this wait.
package struct WaitObjective: Hashable, Sendable, Codable {
    /// 0 to 1.
    package var share = 0.99
    package var wait: Duration = .seconds(10)

    package init(share: Double = 0.99, wait: Duration = .seconds(10)) {
        self.share = share
        self.wait = wait
    }
}

/// What is promised, and how candidates are judged. The latter is not about one kind of traffic: costs change by 1 % at
/// most when the price of actions, the half-life or the time to learn is halved or doubled.
package struct ShadowSettings: Hashable, Sendable, Codable {
    package var objective = WaitObjective()
    /// From one step to the next.
    package var interval: Duration = .seconds(15)
    /// No candidate goes below this.
    package var minimum = 1
    /// What one scaling action costs in a candidate's ledger, in time of its whole fleet. It stands for machines that
    /// start and stop, caches that go cold and people who watch; without it the shortest shrink delay would often win.
    package var actionPrice: Duration = .seconds(10)
    /// Evidence of this age counts half.
    package var halfLife: Duration = .seconds(3 * 86_400)
    /// So long after the first step a plain reactive candidate is followed, since nothing else has proved itself.
    package var learning: Duration = .seconds(3 * 3600)

    package init() {}

    /// The most that a late request may cost to avoid, in multiples of what serving it takes: 200 for an objective of
    /// 0.99. Where no candidate meets the objective, this keeps the pool from paying any price for what is late anyway.
    var latePriceLimit: Double { 2 / max(1 - objective.share, 1e-4) }
}
