package import Fleet

/// What one tick decided, and how it came to it.
package struct Decision: Hashable, Sendable, Codable {
    /// Replicas that serve, boot on schedule or are ordered; `nil` when the fleet is unknown.
    package var current: Int?
    /// Replicas that there should be; `nil` when the fleet is unknown.
    package var target: Int?
    /// The rules that had a say, in order.
    package var steps: [DecisionStep]

    package init(current: Int?, target: Int?, steps: [DecisionStep]) {
        self.current = current
        self.target = target
        self.steps = steps
    }

    /// The last rule that moved the count, or that kept it from moving.
    package var binding: DecisionStep? { steps.last { $0.from != $0.to } ?? steps.last }
}

/// One rule's part in a decision.
package struct DecisionStep: Hashable, Sendable, Codable {
    package var rule: RuleName
    package var from: Int
    package var to: Int
    package var reason: Reason
    /// What the target would be without this rule, all else as it was. `nil` when the rule moved nothing, and where
    /// nobody asks.
    package var without: Int?

    package init(rule: RuleName, from: Int, to: Int, reason: Reason, without: Int? = nil) {
        self.rule = rule
        self.from = from
        self.to = to
        self.reason = reason
        self.without = without
    }
}

package enum RuleName: String, Hashable, Sendable, Codable, CaseIterable {
    case objective
    case observedDemand = "observed_demand"
    case queue
    case kvCache = "kv_cache"
    case tokenRate = "token_rate"
    case forecast
    case prewarm
    case headroom
    case bootCredit = "boot_credit"
    case spotReplacement = "spot_replacement"
    case schedule
    case wake
    case freshData = "fresh_data"
    case afterGap = "after_gap"
    case band
    case forecastHold = "forecast_hold"
    case consolidation
    case bootsInFlight = "boots_in_flight"
    case dwell
    case cooldownDown = "cooldown_down"
    case minimumBilling = "minimum_billing"
    case drainPending = "drain_pending"
    case stepDown = "step_down"
    case cooldownUp = "cooldown_up"
    case stepUp = "step_up"
    case backOff = "back_off"
    case maximum
    case budget
    case groupMaximum = "group_maximum"
    case minimum
    case keepAlive = "keep_alive"
    case authority
}

/// Why a rule spoke, with the numbers it looked at.
package enum Reason: Hashable, Sendable, Codable {
    case demand(requests: Double, capacity: Double, load: Double)
    case objective(ShadowCandidate, share: Double, required: Double, isLearning: Bool)
    case capacityUnknown
    case withinTolerance(load: Double, threshold: Double, tolerance: Double)
    case queue(waiting: Double, perReplica: Double)
    case kvCache(usage: Double, above: Double)
    case tokenRate(perSecond: Double, perReplica: Double)
    case lastTold(age: Duration, limit: Duration)
    case forecast(requests: Double, lead: Duration)
    case prewarm(load: Double, ratio: Double, isExpected: Bool)
    case headroom(replicas: Int)
    case spotReplacement([ReplicaID])
    case schedule(minimum: Int)
    case wake(WakeCall.Cause, since: Duration)
    case fleetUnknown(String)
    case noData
    case partialData(missing: Int, of: Int)
    case learningLost
    case gap
    case restart(age: Duration, window: Duration)
    case band(load: Double, below: Double)
    case wouldNotFit(load: Double, threshold: Double)
    case neededAgain(requests: Double, within: Duration)
    case bootsInFlight(Int)
    case bootsCredited(boots: Int, inTime: Double)
    case dwell(calmFor: Duration, needed: Duration)
    case cooldown(remaining: Duration)
    case paidFor(remaining: Duration)
    case drainPending([ReplicaID])
    case step(replicas: Int, per: Duration)
    case backOff(until: Timestamp, error: String)
    case maximum(Int)
    case hourlyBudget(usd: Double)
    case dailyBudget(usd: Double, spent: Double)
    case priceUnknown
    case minimum(Int)
    case atZero
    /// `nil`: it is not known to be idle.
    case idle(for: Duration?, needed: Duration)
    case groupMaximum(Int)
    case groupsClosed(room: Int, [String])
    case authority(Authority)
}

/// What the controller may do.
package enum Authority: Hashable, Sendable, Codable {
    case act
    /// Decide, do nothing. The text says why: the configuration, or no driver.
    case advise(String)
    case paused
    case notLeader
}
