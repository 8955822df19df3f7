package import Fleet

/// Forecasts one series online. It is handed the samples one by one, so it cannot look ahead.
package protocol ForecastModel: Sendable {
    /// Takes the sample of one slot; `nil` when it is missing. Slots come in order of time.
    mutating func observe(_ sample: Double?, at now: Timestamp)

    /// What is to be expected `lead` after the last sample; `nil` while nothing can be said.
    func forecast(over lead: Duration) -> DemandForecast?
}

/// What demand will be, as quantiles.
package struct DemandForecast: Hashable, Sendable, Codable {
    /// How far ahead of the last sample.
    package var lead: Duration
    /// Probabilities, ascending, such as 0.5, 0.9 and 0.99; the two lists below have one value for each.
    package var levels: [Double]
    /// Of the one sample at the end of the lead time.
    package var sample: [Double]
    /// Of the largest one-minute mean from now to the end of the lead time: what a fleet must be able to bear.
    package var maximum: [Double]

    package init(lead: Duration, levels: [Double], sample: [Double], maximum: [Double]) {
        self.lead = lead
        self.levels = levels
        self.sample = sample
        self.maximum = maximum
    }
}

/// Forecasts the one most likely value. `TrackedForecast` makes quantiles of it.
package protocol PointForecaster: Sendable {
    /// Takes the sample of one slot; `nil` when it is missing. Slots come in order of time.
    mutating func observe(_ sample: Double?, at now: Timestamp)

    /// What is to be expected `lead` after the last slot; `nil` while nothing can be said.
    func point(after lead: Duration) -> Double?
}
