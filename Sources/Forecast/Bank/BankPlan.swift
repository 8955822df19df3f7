/// What a bank is made of, by the grain of its samples.
struct BankPlan {
    /// Seconds.
    var timeConstants: [Double]
    /// The weights of the levels before anything is learned: a mean of the last minutes.
    var prior: [Double]
    var profiles: [SeasonalProfile]

    init(step: Double) {
        switch step {
        case ..<60: (timeConstants, prior) = ([0, 60, 300, 1200, 7200, 43_200], [0.5, 0.5, 0, 0, 0])
        case ..<300: (timeConstants, prior) = ([0, 180, 600, 2400, 7200, 43_200], [0.5, 0.25, 0, 0, 0])
        default: (timeConstants, prior) = ([0, 600, 2400, 7200, 43_200], [0.5, 0.25, 0, 0])
        }
        let day = 86_400.0
        let slots = max(1, Int(day / step))
        // Whether a fine or a coarse day helps is for the data to say, so both are there. The week is kept by minutes:
        // much of what comes once a week comes by a clock.
        let days = Set([min(96, slots), min(5760, slots)]).sorted()
        profiles =
            days.map { SeasonalProfile(period: day, knots: $0, rate: 0.2) }
            + [SeasonalProfile(period: 7 * day, knots: min(10_080, 7 * slots), rate: 0.4)]
    }
}

/// The span of the latest values, whose ends drift to the present with a memory of three days.
struct DecayingRange: Hashable, Sendable, Codable {
    private var low = 0.0
    private var high = 0.0
    private var started = false

    mutating func add(_ z: Double, step: Double) {
        let decay = 1 - step / 259_200
        high = started && z < high ? z + (high - z) * decay : z
        low = started && z > low ? z + (low - z) * decay : z
        started = true
    }

    /// A forecast leaves the range by a quarter of it at most.
    func clamp(_ z: Double) -> Double {
        let margin = 0.25 * (high - low)
        return min(max(z, low - margin), high + margin)
    }
}
