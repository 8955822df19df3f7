extension DoubleSeasonal {
    /// A model in its start states, before the first sample, with the smoothing that fits best.
    package struct Fit: Sendable {
        package var model: DoubleSeasonal
        /// The mean of the squared errors one step ahead, over all samples.
        package var meanSquaredError: Double
        /// How many passes over the samples it took.
        package var passes: Int
    }

    /// Learns the smoothing with the least mean of squared errors one step ahead.
    ///
    /// alpha, beta, gamma and omega are searched for from 0 to 1. phi needs no search: the errors without the
    /// correction do not depend on it, so the best one, their regression on themselves, is known after one pass.
    /// - Parameters:
    ///   - values: without gaps, greater than 0, two of the longer season at least.
    ///   - correctsErrors: whether phi is learned; else it is 0.
    ///   - passes: the most passes over the samples, about; by default 1,000, and in long series as many as make
    ///     32 million samples, but no fewer than 100: a fit is to take seconds at most.
    package static func fit(
        shortSeason: Int, longSeason: Int, to values: [Double], correctsErrors: Bool, passes: Int? = nil
    ) throws(FitError) -> Fit {
        let start = try Start.heuristic(shortSeason: shortSeason, longSeason: longSeason, values)
        var pass = DoubleSeasonalPass(over: values, from: start)
        let limit = passes ?? max(100, min(1000, 32_000_000 / values.count))
        var search = BoxSearch(
            grid: [[0.1, 0.3, 0.65], [0.05, 0.2], [0.1, 0.3], [0.1, 0.3]], evaluations: limit)
        search.tolerance = 1e-6
        var spent = 0
        let best = search.minimum { point, _ in
            spent += 1
            return pass.errors(Smoothing(point)).best(correctsErrors).sum
        }
        guard best.value.isFinite else { throw .notFinite }
        var smoothing = Smoothing(best.point)
        smoothing.phi = pass.errors(smoothing).best(correctsErrors).phi
        return Fit(
            model: DoubleSeasonal(smoothing: smoothing, start: start),
            meanSquaredError: best.value / Double(values.count), passes: spent)
    }
}

extension DoubleSeasonal.Smoothing {
    fileprivate init(_ point: [Double]) {
        self.init(alpha: point[0], beta: point[1], gamma: point[2], omega: point[3])
    }
}

extension DoubleSeasonal.Start {
    /// The states that R's `dshw` starts from, but for the trend, where R subtracts the later season from the earlier.
    ///
    /// The factors are the ratios of the first two periods to their moving mean, those of the longer season without
    /// the shorter one's; the trend leads from the mean of the first long period to that of the second.
    static func heuristic(shortSeason: Int, longSeason: Int, _ values: [Double]) throws(FitError) -> Self {
        guard shortSeason >= 2, longSeason > shortSeason else { throw .unsuitableSeason }
        let used = 2 * longSeason
        guard values.count >= used else { throw .tooShort(found: values.count, needed: used) }
        if let slot = values.firstIndex(where: { !($0 > 0) }) { throw .notPositive(slot: slot) }
        let profile = { ClassicalDecomposition(of: values[..<(2 * $0)], length: $0, multiplicative: true).factors }
        let (short, both) = (profile(shortSeason), profile(longSeason))
        let mean = { (range: Range<Int>) in values[range].reduce(0, +) / Double(range.count) }
        let trend = (mean(longSeason..<used) - mean(0..<longSeason)) / Double(longSeason)
        return Self(
            level: mean(0..<used) - (Double(longSeason) + 0.5) * trend, trend: trend, short: short,
            long: both.enumerated().map { $0.element / short[$0.offset % shortSeason] })
    }
}

/// Runs the model over a whole series again and again, in buffers that every pass reuses.
private struct DoubleSeasonalPass {
    let values: [Double]
    let start: DoubleSeasonal.Start
    private var short: [Double]
    private var long: [Double]

    init(over values: [Double], from start: DoubleSeasonal.Start) {
        (self.values, self.start, short, long) = (values, start, start.short, start.long)
    }

    /// Sums of products of the uncorrected errors one step ahead.
    struct Errors {
        /// Of each error with itself.
        var squares = 0.0
        /// Of each error with the one before it; 0 stands before the first.
        var neighbours = 0.0
        var last = 0.0

        /// The best phi, 0 to 0.99, and the sum of the squared errors with it.
        func best(_ corrects: Bool) -> (phi: Double, sum: Double) {
            let earlier = squares - last * last
            guard corrects, earlier > 0 else { return (0, squares) }
            let phi = min(0.99, max(0, neighbours / earlier))
            return (phi, squares - 2 * phi * neighbours + phi * phi * earlier)
        }
    }

    /// `DoubleSeasonal.observe` for every sample, on unsafe buffers, as bounds and uniqueness checks for each sample
    /// would double its cost; each slot is wrapped to its own buffer's count in the line that advances it.
    mutating func errors(_ smoothing: DoubleSeasonal.Smoothing) -> Errors {
        var errors = Errors()
        var (level, trend) = (start.level, start.trend)
        values.withUnsafeBufferPointer { values in
            short.withUnsafeMutableBufferPointer { short in
                long.withUnsafeMutableBufferPointer { long in
                    _ = (short.update(fromContentsOf: start.short), long.update(fromContentsOf: start.long))
                    var (shortSlot, longSlot) = (0, 0)
                    for value in values {
                        let (i, w, ahead) = (short[shortSlot], long[longSlot], level + trend)
                        let error = value - ahead * i * w
                        let new = smoothing.alpha * (value / (i * w)) + (1 - smoothing.alpha) * ahead
                        trend = smoothing.beta * (new - level) + (1 - smoothing.beta) * trend
                        short[shortSlot] = smoothing.gamma * (value / (new * w)) + (1 - smoothing.gamma) * i
                        long[longSlot] = smoothing.omega * (value / (new * i)) + (1 - smoothing.omega) * w
                        level = new
                        errors.squares += error * error
                        errors.neighbours += error * errors.last
                        errors.last = error
                        shortSlot = shortSlot &+ 1 == short.count ? 0 : shortSlot &+ 1
                        longSlot = longSlot &+ 1 == long.count ? 0 : longSlot &+ 1
                    }
                }
            }
        }
        return errors
    }
}
