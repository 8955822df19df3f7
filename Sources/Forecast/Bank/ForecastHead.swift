/// All that is learned for one horizon: how to weigh the features, and how far off that usually is.
struct ForecastHead: Hashable, Sendable, Codable {
    /// In slots.
    let horizon: Int
    var regression: HorizonRegression
    /// Of the sample at the horizon.
    var sample: ErrorQuantiles
    /// Of the largest one-minute mean up to the horizon.
    var maximum: ErrorQuantiles
    var rivals: Rivals
    /// Forecasts until what they were for has come, by the slot in which they were made.
    private(set) var issued: Ring

    init(horizon: Int, levels: [Double], quantile: Double, prior: [Double], shape: BankShape, step: Double) {
        self.horizon = horizon
        // What an error teaches is seen a horizon late, and all forecasts in between share in it: the longer that
        // takes, the less one may teach, or the threshold swings.
        let stepSize = min(0.02, 0.1 / Double(horizon))
        regression = HorizonRegression(prior: prior, features: shape.features, step: step)
        sample = ErrorQuantiles(levels: levels, step: step, stepSize: stepSize)
        maximum = sample
        rivals = Rivals(quantile: quantile, step: step, stepSize: stepSize)
        issued = Ring(length: horizon, width: Issued.width + 2 * shape.profiles)
    }

    /// The forecast made in `slot`; `nil` when there was none, or it is too old.
    func issued(in slot: Int) -> Issued? {
        issued.find(slot).map { Issued(issued, at: $0) }
    }

    /// Takes in a sample, and the largest minute up to it, which were forecast a horizon ago.
    mutating func learn(_ news: News, past: Ring, features: UnsafeMutableBufferPointer<Double>) {
        guard let row = past.find(news.slot - horizon), let issued = issued(in: news.slot - horizon) else { return }
        let base = past[row]
        let levels = past.width
        for index in 1..<levels { features[index - 1] = past[row + index] - base }
        for index in levels - 1..<features.count {
            features[index] = self.issued[issued.place + Issued.width + index - levels + 1]
        }
        regression.learn(features, target: news.z - base)
        sample.learn(news.z - issued.point, scale: issued.sampleScale, levels: news.levels, at: news.secondOfDay)
        guard let stabiliser = news.stabiliser else { return }
        rivals.note(absoluteError: abs(news.sample - stabiliser.value(issued.point)))
        guard let peak = news.maxima.maximum(over: horizon, slot: news.slot) else { return }
        maximum.learn(
            stabiliser.stabilised(peak) - issued.peak, scale: issued.maximumScale, levels: news.levels,
            at: news.secondOfDay)
        rivals.judge(issued, lastValue: base, peak: peak, stabiliser: stabiliser)
    }

    /// Makes the forecast of a slot and keeps it until what it is for has come.
    ///
    /// - Parameters:
    ///   - features: those of the levels first, then two for each profile.
    ///   - highest: the largest point of the shorter horizons; raised to this one's.
    mutating func issue(
        _ features: UnsafeMutableBufferPointer<Double>, levels: Int, base: Double, range: DecayingRange,
        yesterday: Double, at secondOfDay: Double, quantileIndex: Int, highest: inout Double, slot: Int
    ) {
        var forecast = Issued()
        forecast.point = range.clamp(base + regression.predict(features))
        highest = max(highest, forecast.point)
        forecast.peak = highest
        forecast.sampleScale = sample.scale(at: secondOfDay)
        forecast.maximumScale = maximum.scale(at: secondOfDay)
        forecast.quantile = highest + forecast.maximumScale * maximum.thresholds[quantileIndex]
        forecast.seasonalPoint = yesterday
        rivals.complete(&forecast, lastValue: base)
        let place = issued.begin(slot)
        forecast.write(to: &issued, at: place)
        for index in levels - 1..<features.count { issued[place + Issued.width + index - levels + 1] = features[index] }
    }
}

/// One sample, as all horizons learn from it.
struct News {
    var slot: Int
    var sample: Double
    var z: Double
    var secondOfDay: Double
    var maxima: MinuteMaxima
    var levels: [Double]
    var stabiliser: VarianceStabiliser?
}

/// How many features of which kind.
struct BankShape: Hashable, Sendable, Codable {
    var levels: Int
    var profiles: Int

    /// All levels but the last value, relative to it; of each profile its way to the horizon, and where it stands.
    var features: Int { levels - 1 + 2 * profiles }
}

/// One forecast, as it waits for what comes. All on the stabilised scale.
struct Issued {
    /// In the ring it was read from.
    var place = 0
    var point = 0.0
    /// The largest point up to the horizon.
    var peak = 0.0
    /// Of the errors of the sample and of the maximum; 0 while nothing is known of them.
    var sampleScale = 0.0
    var maximumScale = 0.0
    /// The quantile of the maximum by which skill is judged.
    var quantile = 0.0
    /// What last value and seasonal naive say, the latter with its point; not numbers while they say nothing.
    var lastValueQuantile = Double.nan
    var seasonalPoint = Double.nan
    var seasonalQuantile = Double.nan

    static let width = 8

    init() {}

    init(_ ring: Ring, at place: Int) {
        self.place = place
        (point, peak, sampleScale, maximumScale) = (ring[place], ring[place + 1], ring[place + 2], ring[place + 3])
        (quantile, lastValueQuantile) = (ring[place + 4], ring[place + 5])
        (seasonalPoint, seasonalQuantile) = (ring[place + 6], ring[place + 7])
    }

    func write(to ring: inout Ring, at place: Int) {
        (ring[place], ring[place + 1], ring[place + 2], ring[place + 3]) = (point, peak, sampleScale, maximumScale)
        (ring[place + 4], ring[place + 5]) = (quantile, lastValueQuantile)
        (ring[place + 6], ring[place + 7]) = (seasonalPoint, seasonalQuantile)
    }
}
