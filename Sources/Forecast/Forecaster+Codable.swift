import Fleet

extension Forecaster: Decodable {
    /// Goes on bit for bit as the one that was encoded.
    ///
    /// - Throws: `DecodingError` when the parts do not fit together, so that a damaged state cannot do harm later.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func read<Value: Decodable>(_ key: CodingKeys) throws -> Value { try container.decode(Value.self, forKey: key) }
        let settings: ForecastSettings = try read(.settings)
        let step: Duration = try read(.step)
        let horizons: [Duration] = try read(.horizons)
        guard Self.bounds.contains(step), horizons.allSatisfy({ $0 <= Self.longestHorizon }), !horizons.isEmpty,
            horizons.count <= 64, !settings.levels.isEmpty
        else {
            throw DecodingError.dataCorruptedError(
                forKey: .step, in: container, debugDescription: "no forecaster has this step and these horizons")
        }
        self.init(settings: settings, step: step, horizons: horizons)
        let fresh = self
        stabiliser = try container.decodeIfPresent(VarianceStabiliser.self, forKey: .stabiliser)
        (means, profiles) = (try read(.means), try read(.profiles))
        (heads, maxima, past) = (try read(.heads), try read(.maxima), try read(.past))
        (yesterday, range, peak) = (try read(.yesterday), try read(.range), try read(.peak))
        (slot, seen) = (try read(.slot), try read(.seen))
        slotTime = try container.decodeIfPresent(Timestamp.self, forKey: .slotTime)
        last = try container.decodeIfPresent(Timestamp.self, forKey: .last)
        first = try container.decodeIfPresent(Timestamp.self, forKey: .first)
        guard isSound(like: fresh) else {
            throw DecodingError.dataCorruptedError(
                forKey: .heads, in: container, debugDescription: "the parts of a forecaster do not fit together")
        }
    }

    /// Whether all parts have the sizes that a new forecaster's have, and every index is within them.
    private func isSound(like fresh: Forecaster) -> Bool {
        // Far more slots than a clock has left, and far from overflow.
        (-1...1 << 48).contains(slot) && (-1...slot).contains(seen) && (stabiliser.map { $0.unit > 0 } ?? true)
            && means.isSound(like: fresh.means) && maxima.isSound(like: fresh.maxima) && peak.isSound(like: fresh.peak)
            && past.isSound(like: fresh.past) && yesterday.isSound && profiles.count == fresh.profiles.count
            && heads.count == fresh.heads.count
            && zip(profiles, fresh.profiles).allSatisfy { $0.isSound(like: $1) }
            && zip(heads, fresh.heads).allSatisfy { $0.isSound(like: $1) }
    }
}

extension LevelBank {
    fileprivate func isSound(like fresh: LevelBank) -> Bool {
        sameSizes && timeConstants.count == fresh.timeConstants.count && means.count == fresh.means.count
    }
}

extension SeasonalProfile {
    fileprivate func isSound(like fresh: SeasonalProfile) -> Bool {
        period == fresh.period && knots == fresh.knots && sameSizes
    }
}

extension Ring {
    fileprivate func isSound(like fresh: Ring) -> Bool { width == fresh.width && length == fresh.length && sameSizes }
}

extension ForecastHead {
    fileprivate func isSound(like fresh: ForecastHead) -> Bool {
        let levels = fresh.sample.thresholds.count
        return horizon == fresh.horizon && regression.isSound(like: fresh.regression)
            && sample.thresholds.count == levels && maximum.thresholds.count == levels && sample.isSound
            && maximum.isSound && rivals.isSound && issued.isSound(like: fresh.issued)
    }
}

extension HorizonRegression {
    fileprivate func isSound(like fresh: HorizonRegression) -> Bool {
        weights.count == fresh.weights.count && sameSizes
    }
}
