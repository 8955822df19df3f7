extension HoltWinters {
    /// Which of the family a model is: what is left to learn is its smoothing.
    package struct Structure: Hashable, Sendable {
        package enum Trend: Hashable, Sendable { case none, linear, damped }

        package var form: Form
        package var trend: Trend
        package var seasonality: Seasonality
        /// In samples; 1 is no season.
        package var seasonLength: Int

        package init(
            form: Form = .winters, trend: Trend, seasonality: Seasonality = .additive, seasonLength: Int = 1
        ) {
            (self.form, self.trend, self.seasonality, self.seasonLength) = (form, trend, seasonality, seasonLength)
        }
    }

    /// A model in its start states with the smoothing that fits best.
    package struct Fit: Sendable {
        /// Before sample `first`: hand it that sample and all later ones to bring it up to date.
        package var model: HoltWinters
        package var first: Int
        /// The sum of the squared errors one step ahead.
        package var squaredError: Double
        /// How many passes over the samples it took.
        package var passes: Int
    }

    /// Learns the smoothing: the one with the least sum of squared errors one step ahead, of all those in the box that
    /// `Structure.smoothing(at:)` spans.
    ///
    /// - Parameters:
    ///   - values: without gaps; greater than 0 for a multiplicative season.
    ///   - start: by default those of R's `HoltWinters`, which take the first two seasons.
    ///   - passes: the most passes over the samples, about. By default 1,000, and in long series as many as make
    ///     10 million samples, but no fewer than 15 times the square of how many parameters are learned.
    package static func fit(
        _ structure: Structure, to values: [Double], from start: Start? = nil, passes: Int? = nil
    ) throws(FitError) -> Fit {
        guard structure.seasonLength >= 1 else { throw .unsuitableSeason }
        if structure.seasonality == .multiplicative, let slot = values.firstIndex(where: { !($0 > 0) }) {
            throw .notPositive(slot: slot)
        }
        let start = if let start { start } else { try Start.heuristic(for: structure, values) }
        var pass = HoltWintersPass(
            over: values, from: start, form: structure.form, seasonality: structure.seasonality)
        precondition(start.season.count == structure.seasonLength, "the start's season has the structure's length")
        let grid = structure.grid
        let limit = passes ?? max(15 * grid.count * grid.count, min(1000, 10_000_000 / max(1, values.count)))
        var search = BoxSearch(grid: grid, evaluations: limit)
        var spent = 0
        let best = search.minimum { point, limit in
            spent += 1
            return pass.squaredError(structure.smoothing(at: point), limit: limit)
        }
        guard best.value.isFinite else { throw .notFinite }
        let model = HoltWinters(
            form: structure.form, seasonality: structure.seasonality, smoothing: structure.smoothing(at: best.point),
            level: start.level, trend: start.trend, season: start.season)
        return Fit(model: model, first: start.first, squaredError: best.value, passes: spent)
    }
}

extension HoltWinters.Structure {
    /// Where the search looks first, for each parameter that is to be learned.
    fileprivate var grid: [[Double]] {
        var grid = [[0.15, 0.4, 0.65, 0.9]]
        if trend != .none { grid.append([0.1, 0.3, 0.7]) }
        if seasonLength > 1 { grid.append([0.15, 0.4, 0.8]) }
        if trend == .damped { grid.append([0.3, 0.8]) }
        return grid
    }

    /// The smoothing at a point of the unit box, which has one coordinate for each parameter that is learned.
    ///
    /// Every form may reach what Winters' reaches with alpha, beta and gamma from 0 to 1; in the others' terms
    /// gamma <= 1 - alpha, and for innovations beta <= alpha. phi is from 0.8 to 0.995, as in statsmodels: below, the
    /// trend is gone within a few samples; above, it is as good as not damped.
    fileprivate func smoothing(at point: [Double]) -> HoltWinters.Smoothing {
        var coordinates = point.makeIterator()
        var smoothing = HoltWinters.Smoothing(alpha: coordinates.next() ?? 0)
        if trend != .none {
            smoothing.beta = (coordinates.next() ?? 0) * (form == .innovations ? smoothing.alpha : 1)
        }
        if seasonLength > 1 {
            smoothing.gamma = (coordinates.next() ?? 0) * (form == .winters ? 1 : 1 - smoothing.alpha)
        }
        if trend == .damped { smoothing.phi = 0.8 + 0.195 * (coordinates.next() ?? 0) }
        return smoothing
    }
}
