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
        guard Self.steps.contains(step), !horizons.isEmpty, horizons.count <= 64,
            horizons.allSatisfy({ $0 > .zero && $0 <= Self.longestHorizon }), Self.areLevels(settings.levels)
        else {
            throw DecodingError.dataCorruptedError(
                forKey: .step, in: container, debugDescription: "no forecaster has this step, horizons and levels")
        }
        self.init(settings: settings, step: step, horizons: horizons)
        let fresh = self
        stabiliser = try container.decodeIfPresent(VarianceStabiliser.self, forKey: .stabiliser)
        (means, profiles) = (try read(.means), try read(.profiles))
        (heads, maxima, past) = (try read(.heads), try read(.maxima), try read(.past))
        (yesterday, range, peak) = (try read(.yesterday), try read(.range), try read(.peak))
        (slot, seen, samples) = (try read(.slot), try read(.seen), try read(.samples))
        solved = try read(.solved)
        unitMean = try container.decodeIfPresent(RunningMean.self, forKey: .unitMean)
        slotTime = try container.decodeIfPresent(Timestamp.self, forKey: .slotTime)
        last = try container.decodeIfPresent(Timestamp.self, forKey: .last)
        first = try container.decodeIfPresent(Timestamp.self, forKey: .first)
        guard isSound(like: fresh) else {
            throw DecodingError.dataCorruptedError(
                forKey: .heads, in: container, debugDescription: "the parts of a forecaster do not fit together")
        }
    }

    /// Whether all parts have the sizes and constants that a new forecaster's have, and every index is within bounds.
    private func isSound(like fresh: Forecaster) -> Bool {
        // Far more slots than a clock has left, moments far from the ends of time, units whose multiples are finite.
        let moments = [slotTime, last, first].compactMap { $0?.millisecondsSince1970.magnitude }
        return (-1...1 << 48).contains(slot) && (-1...slot).contains(seen) && (0...1 << 48).contains(samples)
            && (0...max(slot, 0)).contains(solved)
            && moments.allSatisfy { $0 < 1 << 52 } && (stabiliser.map { (1e-12...1e15).contains($0.unit) } ?? true)
            && means.isSound(like: fresh.means) && maxima.isSound(like: fresh.maxima) && peak.isSound(like: fresh.peak)
            && past.isSound(like: fresh.past) && yesterday.isSound(like: fresh.yesterday)
            && profiles.count == fresh.profiles.count && heads.count == fresh.heads.count
            && zip(profiles, fresh.profiles).allSatisfy { $0.isSound(like: $1) }
            && zip(heads, fresh.heads).allSatisfy { $0.isSound(like: $1) }
    }
}

extension ForecastHead {
    fileprivate func isSound(like fresh: ForecastHead) -> Bool {
        horizon == fresh.horizon && regression.isSound(like: fresh.regression) && sample.isSound(like: fresh.sample)
            && maximum.isSound(like: fresh.maximum) && rivals.isSound(like: fresh.rivals)
            && issued.isSound(like: fresh.issued)
    }
}
