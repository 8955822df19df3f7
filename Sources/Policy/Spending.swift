package import Fleet
import Forecast

/// What the replicas of a pool have cost on one local day, as far as it was watched.
package struct Spending: Hashable, Sendable, Codable {
    package var day: CivilDate
    package var usd: Double
    /// Up to when it is counted.
    package var upTo: Timestamp?
    /// What an hour cost when that was last known.
    package var usdPerHour: Double?

    /// A longer span without a tick is counted for its last hour: the clock may have been set forward.
    static let longestSpan: Duration = .seconds(3600)

    package init(day: CivilDate, usd: Double, upTo: Timestamp? = nil) {
        (self.day, self.usd, self.upTo) = (day, usd, upTo)
    }

    /// Counts up to `now`, from midnight at the earliest.
    ///
    /// After the clock was set back nothing is counted until it has caught up, so that no span is counted twice; for an
    /// hour at most, since time goes on.
    ///
    /// - Parameter rate: dollars an hour; `nil` when unknown, which leaves the last known one.
    mutating func count(_ rate: Double?, to now: Timestamp, _ clock: CivilClock) {
        usdPerHour = rate ?? usdPerHour
        let from = upTo ?? now
        let to = max(now, min(from, now + Self.longestSpan))
        upTo = to
        let today = clock.date(at: to)
        if today > day { usd = 0 }
        day = today
        let start = max(from, to - Self.longestSpan, clock.midnight(notAfter: to))
        usd += (usdPerHour ?? 0) * max(0, (to - start).seconds) / 3600
    }
}

extension FleetState {
    /// The price of each replica that is there and paid for, whether it helps or not; `nil` when one is unknown.
    ///
    /// - Parameter price: of replicas of which the control plane does not say.
    func pricesPerHour(else price: Double?) -> [Double]? {
        var prices: [Double] = []
        for replica in replicas where replica.isListed {
            guard let price = replica.usdPerHour ?? price else { return nil }
            prices.append(price)
        }
        return prices
    }
}
