/// How demand is forecast. Every field has the default that a careful operator would choose.
package struct ForecastSettings: Hashable, Sendable {
    package var calendar = ForecastCalendar()
    /// The probabilities whose quantiles are forecast, ascending.
    package var levels = [0.5, 0.9, 0.99]
    /// The one of `levels` that decisions, gauges and the status page go by.
    package var quantile = 0.9

    package init() {}

    /// Where `quantile` is in `levels`, or the next one above it.
    package var quantileIndex: Int { levels.firstIndex { $0 >= quantile } ?? levels.count - 1 }
}

extension ForecastSettings: Codable {
    /// What an earlier version did not store has its default.
    package init(from decoder: any Decoder) throws {
        self.init()
        let container = try decoder.container(keyedBy: CodingKeys.self)
        calendar = try container.decodeIfPresent(ForecastCalendar.self, forKey: .calendar) ?? calendar
        levels = try container.decodeIfPresent([Double].self, forKey: .levels) ?? levels
        quantile = try container.decodeIfPresent(Double.self, forKey: .quantile) ?? quantile
    }
}
