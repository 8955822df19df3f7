package import Fleet

/// Says that the last sample stays.
package struct LastValue: PointForecaster {
    private var last: Double?

    package init() {}

    package mutating func observe(_ sample: Double?, at now: Timestamp) {
        if let sample { last = sample }
    }

    package func point(after lead: Duration) -> Double? { last }
}

/// Says that each sample comes again one season later. Missing samples are drawn straight between their neighbours.
package struct LastSeason: PointForecaster {
    private let step: Duration
    private let period: Int
    /// The samples of the latest season in a ring that grows to its length.
    private var season: [Double] = []
    private var slot = 0
    /// Slots since the last sample, and that sample.
    private var gap = 0
    private var last: Double?

    package init(step: Duration, season: Duration = .seconds(86_400)) {
        self.step = step
        period = season.slots(of: step)
    }

    package mutating func observe(_ sample: Double?, at now: Timestamp) {
        if let sample {
            // What was filled with the last sample while the gap was open now lies on a line to this one.
            let from = last ?? sample
            for back in stride(from: min(gap, period - 1), to: 0, by: -1) {
                season[(slot - back) % period] = sample - (sample - from) * Double(back) / Double(gap + 1)
            }
            last = sample
            gap = 0
        } else {
            gap += 1
        }
        let value = last ?? .nan
        if season.count < period { season.append(value) } else { season[slot % period] = value }
        slot += 1
    }

    package func point(after lead: Duration) -> Double? {
        // The latest slot that is whole seasons before the one asked for.
        let ahead = lead.slots(of: step)
        let back = (ahead + period - 1) / period * period - ahead
        guard back < slot else { return nil }
        let value = season[(slot - 1 - back) % period]
        return value.isNaN ? nil : value
    }
}
