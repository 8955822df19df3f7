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
    /// Forecasts until what they were for has come, by the slot in which they were made: an `Issued`, the quantiles of
    /// the maximum, and the features from the profiles.
    private(set) var issued: Ring

    init(horizon: Int, levels: [Double], quantile: Double, prior: [Double], shape: BankShape, step: Double) {
        self.horizon = horizon
        // What an error teaches is seen a horizon late, and all forecasts in between share in it: the longer that
        // takes, the less one may teach, or the threshold swings. Beyond a quarter of an hour it would not keep up.
        let stepSize = min(0.02, 0.1 / min(Double(horizon), max(1, 900 / step)))
        regression = HorizonRegression(prior: prior, features: shape.features, step: step)
        sample = ErrorQuantiles(levels: levels, step: step, stepSize: stepSize)
        maximum = sample
        rivals = Rivals(quantile: quantile, step: step, stepSize: stepSize)
        issued = Ring(length: horizon, width: Issued.width + levels.count + 2 * shape.profiles)
    }

    /// Takes in a sample, and the largest minute up to it, which were forecast a horizon ago.
    mutating func learn(_ news: News, past: Ring, features: UnsafeMutableBufferPointer<Double>) {
        guard let row = past.find(news.slot - horizon), let place = issued.find(news.slot - horizon) else { return }
        let (base, issued, ring) = (past[row], Issued(self.issued, at: place), self.issued)
        let said = ring.numbers.elements.span
        let (quantiles, own) = (place + Issued.width, past.width - 1)
        for index in 0..<own { features[index] = past[row + index + 1] - base }
        for index in own..<features.count {
            features[index] = Double(said[quantiles + news.levels.count + index - own])
        }
        regression.learn(features, target: news.z - base)
        sample.learn(news.z - issued.point, scale: issued.sampleScale, levels: news.levels, at: news.secondOfDay)
        guard let stabiliser = news.stabiliser else { return }
        rivals.note(absoluteError: abs(news.sample - stabiliser.value(issued.point)))
        // Idle time is foreseen by anyone. Were it counted, nights would use up what mornings need.
        guard let peak = news.maxima.maximum(over: horizon, slot: news.slot), peak > 0 else { return }
        maximum.learn(
            stabiliser.stabilised(peak) - issued.peak, scale: issued.maximumScale, levels: news.levels,
            at: news.secondOfDay
        ) { index, _ in (Double(said[unchecked: quantiles &+ index]) - issued.peak) / issued.maximumScale }
        rivals.judge(issued, lastValue: base, peak: peak, stabiliser: stabiliser)
    }

    /// Makes the forecast of a slot and keeps it until what it is for has come.
    ///
    /// - Parameters:
    ///   - features: those of the levels first, then two for each profile.
    ///   - nearer: what the shorter horizons say; this one says no less of the maximum, and is what comes next.
    mutating func issue(
        _ features: UnsafeMutableBufferPointer<Double>, _ context: IssueContext, yesterday: Double,
        at secondOfDay: Double, nearer: inout NearerForecasts
    ) {
        var forecast = Issued()
        forecast.point = context.range.clamp(context.base + regression.predict(features))
        nearer.highest = max(nearer.highest, forecast.point)
        forecast.peak = nearer.highest
        forecast.sampleScale = sample.scale(at: secondOfDay)
        forecast.maximumScale = maximum.scale(at: secondOfDay)
        forecast.seasonalPoint = yesterday

        let scale = forecast.maximumScale
        var floor = -Double.infinity
        for index in nearer.maxima.indices {
            let own =
                scale > 0
                ? forecast.peak + scale * maximum.thresholds[index] : context.upToTwice(forecast.peak, level: index)
            if nearer.maxima[index] > floor { floor = nearer.maxima[index] }
            if own > floor { floor = own }
            nearer.maxima[index] = floor
        }
        forecast.quantile = nearer.maxima[context.quantileIndex]
        rivals.complete(&forecast, lastValue: context.base)
        let (quantiles, profiles) = (nearer.maxima, features[(context.levels - 1)...])
        issued.write(context.slot) { row in
            forecast.write(to: row)
            for (index, quantile) in quantiles.enumerated() { row[Issued.width &+ index] = Float(quantile) }
            let rest = Issued.width + quantiles.count
            for (index, feature) in profiles.enumerated() { row[rest &+ index] = Float(feature) }
        }
    }
}

/// What the forecasts of one slot have in common.
struct IssueContext {
    var slot: Int
    /// The last value, on the stabilised scale.
    var base: Double
    /// How many levels there are, the last value among them.
    var levels: Int
    var range: DecayingRange
    var quantileIndex: Int
    var probabilities: [Double]
    var stabiliser: VarianceStabiliser?

    /// While nothing is known of errors, anything up to twice the point is thought possible.
    func upToTwice(_ point: Double, level: Int) -> Double {
        guard let stabiliser else { return point }
        return stabiliser.stabilised(2 * probabilities[level] * stabiliser.value(point))
    }
}

/// What the horizons before say of the maximum, which is none below the later ones'.
struct NearerForecasts {
    var highest = -Double.infinity
    var maxima: UnsafeMutableBufferPointer<Double>
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
        (point, peak, sampleScale, maximumScale) = (ring[place], ring[place + 1], ring[place + 2], ring[place + 3])
        (quantile, lastValueQuantile) = (ring[place + 4], ring[place + 5])
        (seasonalPoint, seasonalQuantile) = (ring[place + 6], ring[place + 7])
    }

    func write(to row: UnsafeMutableBufferPointer<Float>) {
        let all = [
            point, peak, sampleScale, maximumScale, quantile, lastValueQuantile, seasonalPoint, seasonalQuantile,
        ]
        for index in 0..<Self.width { row[index] = Float(all[index]) }
    }
}
