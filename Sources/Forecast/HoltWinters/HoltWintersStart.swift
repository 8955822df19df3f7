extension HoltWinters {
    /// The states before the first sample that is forecast.
    package struct Start: Hashable, Sendable {
        package var level: Double
        package var trend: Double
        /// One value a slot, that of sample `first` first.
        package var season: [Double]
        /// The index of the first sample that is forecast; those before it only gave these states.
        package var first: Int

        package init(level: Double, trend: Double = 0, season: [Double] = [0], first: Int = 0) {
            (self.level, self.trend, self.season, self.first) = (level, trend, season, first)
        }
    }
}

extension HoltWinters.Start {
    /// The states that R's `HoltWinters` starts from.
    ///
    /// Without a season: the first sample, or with a trend the second one and its distance from the first. With a
    /// season: the first two periods are decomposed; the season is the profile's, level and trend are a straight line
    /// through the moving mean.
    static func heuristic(for structure: HoltWinters.Structure, _ values: [Double]) throws(FitError) -> Self {
        let length = structure.seasonLength
        let needed = length > 1 ? 2 * length : structure.trend == .none ? 2 : 3
        guard values.count >= needed else { throw .tooShort(found: values.count, needed: needed) }
        guard length > 1 else {
            return structure.trend == .none
                ? Self(level: values[0], first: 1) : Self(level: values[1], trend: values[1] - values[0], first: 2)
        }
        let multiplicative = structure.seasonality == .multiplicative
        let profile = ClassicalDecomposition(
            of: values[..<(2 * length)], length: length, multiplicative: multiplicative)
        let mean = profile.factors.reduce(0, +) / Double(length)
        let line = StraightLine(through: profile.movingMean)
        return Self(
            level: line.atZero, trend: structure.trend == .none ? 0 : line.slope,
            season: profile.factors.map { multiplicative ? $0 / mean : $0 - mean }, first: length)
    }
}

/// The classical decomposition of two periods: how each slot differs from the centred mean of one period about it.
struct ClassicalDecomposition {
    /// Centred means over one period; the first and the last half period have none. An even period counts its two
    /// outermost samples half.
    let movingMean: [Double]
    /// One value a slot, the first sample's slot first: difference from (or ratio to) the moving mean, not normalised.
    let factors: [Double]

    /// - Parameters:
    ///   - values: exactly two periods.
    ///   - length: of a period, at least 2.
    init(of values: ArraySlice<Double>, length: Int, multiplicative: Bool) {
        precondition(length >= 2 && values.count == 2 * length, "two periods give a profile")
        let values = Array(values)
        var sum = values[..<length].reduce(0, +)
        var means = [sum / Double(length)]
        for end in length..<values.count {
            sum += values[end] - values[end - length]
            means.append(sum / Double(length))
        }
        let centred = length.isMultiple(of: 2) ? zip(means, means.dropFirst()).map { ($0 + $1) / 2 } : means
        var (total, count) = ([Double](repeating: 0, count: length), [Double](repeating: 0, count: length))
        for (offset, mean) in centred.enumerated() {
            let index = offset + length / 2
            total[index % length] += multiplicative ? values[index] / mean : values[index] - mean
            count[index % length] += 1
        }
        movingMean = centred
        factors = zip(total, count).map { $0 / $1 }
    }
}

/// The least-squares line through values at 1, 2, 3 and so on.
private struct StraightLine {
    let atZero: Double
    let slope: Double

    /// - Parameter values: at least two.
    init(through values: [Double]) {
        let count = Double(values.count)
        let (centre, mean) = ((count + 1) / 2, values.reduce(0, +) / count)
        let moment = values.enumerated().reduce(0) { $0 + (Double($1.offset + 1) - centre) * ($1.element - mean) }
        slope = moment / (count * (count * count - 1) / 12)
        atZero = mean - slope * centre
    }
}
