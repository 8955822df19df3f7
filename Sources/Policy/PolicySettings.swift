package import Forecast

/// How a pool is sized. Every field has the default that a careful operator would choose.
package struct PolicySettings: Hashable, Sendable, Codable {
    /// Time between two decisions.
    package var interval: Duration = .seconds(15)
    /// Never fewer replicas than this.
    package var minimum = 1
    /// When the last replica may leave; `nil`: never.
    package var scaleToZero: ScaleToZero?
    /// Never more replicas than this.
    package var maximum = 1
    /// Requests that one replica serves at once; `nil` learns it from batches seen while requests waited.
    package var capacity: Double?
    /// What the pool promises, and is sized by; `nil` sizes it by load, with the thresholds and delays below.
    package var objective: WaitObjective?
    package var scaleUp = ScaleUp()
    package var scaleDown = ScaleDown()
    /// One more replica for every so many waiting requests; `nil` leaves the queue to the load.
    package var requestsPerReplicaInQueue: Double?
    package var headroom: Headroom = .replicas(0)
    @AddedLater package var signals = Signals()
    /// `nil`: no such rule.
    package var prewarm: Prewarm?
    /// A replica is paid for in whole periods of this length; `nil`: as long as it runs.
    package var minimumBilling: Duration?
    /// `nil`: no bound.
    package var budget: Budget?
    /// Of a replica whose price the control plane does not say; `nil`: unknown.
    package var usdPerHour: Double?
    /// Replicas that are wanted at certain times, by the clock of `forecast.calendar`; of several the largest counts.
    @AddedLater package var schedules: [Schedule] = []
    /// Share by which the load may miss its threshold before anything is done, 0 to 1.
    package var tolerance = 0.1
    /// A reading older than this is no reading.
    package var maximumAge: Duration = .seconds(45)
    /// After a start, a gap or a restart nothing shrinks for this long; replicas younger than this still settle.
    package var stableWindow: Duration = .seconds(60)
    package var boot = Boot()
    /// A cordoned replica that is still busy after this is removed all the same.
    package var drainDeadline: Duration = .seconds(300)
    /// A replica whose health check fails for this long is removed.
    package var deadAfter: Duration = .seconds(60)
    /// A replica that is silent for this long, while most others answer, no longer counts as supply.
    package var lostAfter: Duration = .seconds(300)
    @AddedLater package var forecast = ForecastSettings()

    package init() {}

    package struct ScaleUp: Hashable, Sendable, Codable {
        /// Grow when requests per capacity exceed this share; growth aims at it.
        package var loadAbove = 0.8
        /// Least time between two orders to grow; `nil`: none with an objective, else 30 s.
        package var cooldown: Duration?
        package var step: StepLimit?
        package init() {}
    }

    package struct ScaleDown: Hashable, Sendable, Codable {
        /// Shrink only below this share; `nil`: whenever the rest would be loaded below `scaleUp.loadAbove`.
        package var loadBelow: Double?
        /// The calm that must come before; `nil`: what the objective takes, else 10 minutes or twice the 90th percentile
        /// boot, whichever is longer.
        package var after: Duration?
        /// Least time since the last change, in either direction; `nil`: none with an objective or billing periods,
        /// else 5 minutes.
        package var cooldown: Duration?
        /// `nil`: no limit with an objective or billing periods, else one at a time.
        package var step: StepLimit?
        package init() {}
    }

    /// What besides the present load has a say.
    package struct Signals: Hashable, Sendable, Codable {
        /// Forecasts are acted on while they are good enough.
        package var actsOnForecast = true
        /// Grow when the share of the KV cache that is in use, in the mean of all replicas, exceeds this; `nil`: never.
        package var kvCacheAbove: Double? = 0.9
        /// Tokens that one replica generates in a second; `nil`: the rate has no say.
        package var tokensPerSecond: Double?
        package init() {}
    }

    /// The classic rule: one step more as soon as the load reaches a share, or will.
    package struct Prewarm: Hashable, Sendable, Codable {
        /// Requests, running and waiting, by what the pool serves at once.
        package var ratio = 0.7
        /// How far ahead the forecast is asked; `nil`: not at all.
        package var horizon: Duration? = .seconds(180)
        package init() {}
    }

    /// What the pool may cost; the minimum is paid for all the same.
    package struct Budget: Hashable, Sendable, Codable {
        package var usdPerHour: Double?
        /// Of a local day.
        package var usdPerDay: Double?

        package init(usdPerHour: Double? = nil, usdPerDay: Double? = nil) {
            (self.usdPerHour, self.usdPerDay) = (usdPerHour, usdPerDay)
        }
    }

    package struct ScaleToZero: Hashable, Sendable, Codable {
        /// Time without a request; `nil`: as long as it takes for stopping to pay.
        package var after: Duration?

        package init(after: Duration? = nil) { self.after = after }
    }

    package struct Boot: Hashable, Sendable, Codable {
        /// A cold start from order to first answer, until enough have been measured.
        package var expected: Duration = .seconds(420)
        /// A boot that takes longer has failed and is cancelled.
        package var deadline: Duration = .seconds(1200)
        package init() {}
    }
}

/// At most so many replicas within any window of that length; a window of zero counts one decision.
package struct StepLimit: Hashable, Sendable, Codable {
    package var replicas: Int
    package var per: Duration

    package init(replicas: Int, per: Duration) {
        self.replicas = replicas
        self.per = per
    }
}

/// The pace of a pool in so far as the operator has not set it.
///
/// Sized by load, a pool grows twice a minute at most and shrinks by one replica every five minutes. An objective has no
/// such pace: its delays are part of what it chooses. Nor does shrinking where replicas are paid for in whole periods:
/// each may leave for minutes of an hour, and those that would wait for one another would be paid again.
package struct DefaultPace: Hashable, Sendable {
    package var cooldownUp: Duration
    package var cooldownDown: Duration
    /// `nil`: as many at once as are not needed.
    package var stepDown: StepLimit?

    /// - Parameters:
    ///   - isSteered: whether an objective sizes the pool.
    ///   - isBilled: whether replicas are paid for in whole periods.
    package init(isSteered: Bool, isBilled: Bool) {
        cooldownUp = isSteered ? .zero : .seconds(30)
        cooldownDown = isSteered || isBilled ? .zero : .seconds(300)
        stepDown = isSteered || isBilled ? nil : StepLimit(replicas: 1, per: .zero)
    }
}

/// Capacity above what the demand asks for.
package enum Headroom: Hashable, Sendable, Codable {
    case replicas(Int)
    /// A share of the demand, such as 0.2 for a fifth more.
    case ratio(Double)
}

extension ForecastSettings: Defaulted {}
extension PolicySettings.Signals: Defaulted {}
