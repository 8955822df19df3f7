import Fleet

/// Made-up traffic of an office day: quiet at night, a rise in the morning, a dip at lunch, the peak in the afternoon,
/// a tail in the evening, with sudden bursts, day after day.
///
/// Arrivals are Poisson in bins of 15 s. Each bin is drawn from the seed and its number alone, so that a plan does not
/// depend on how it is asked for.
package struct TrafficDay: Hashable, Sendable {
    /// The expected rate at the top of the day, bursts aside.
    package var peakRequestsPerSecond: Double
    package var seed: UInt64
    package var lengths: RequestLengths
    /// Expected number of bursts a day.
    package var burstsPerDay: Double

    package static let bin: Duration = .seconds(15)
    package static let secondsPerDay = 86_400.0

    package init(
        peakRequestsPerSecond: Double, seed: UInt64, lengths: RequestLengths = RequestLengths(),
        burstsPerDay: Double = 8
    ) {
        self.peakRequestsPerSecond = peakRequestsPerSecond
        self.seed = seed
        self.lengths = lengths
        self.burstsPerDay = burstsPerDay
    }

    /// Requests from `from` up to, not including, `to`, counted from the midnight that begins day 0; sorted by time.
    package func arrivals(from: Duration, to: Duration) -> [TrafficArrival] {
        guard from < to else { return [] }
        return bins(of: Self.bin, from: from, to: to).flatMap { bin -> [TrafficArrival] in
            var (count, generator) = draw(bin: bin)
            return generator.arrivals(count, from: Self.bin * Int(bin), over: Self.bin, lengths: lengths)
                .filter { $0.at >= from && $0.at < to }
        }
    }

    /// How many requests arrive in the bin that begins `bin` times 15 s after the first midnight.
    package func count(inBin bin: Int64) -> Int { draw(bin: bin).count }

    /// Expected requests per second at a moment, in seconds since the first midnight; bursts are left out.
    package func baseRate(at second: Double) -> Double { peakRequestsPerSecond * Self.shape(at: second) }

    /// Expected requests per second at a moment, with bursts.
    package func rate(at second: Double) -> Double {
        let day = Int64((second / Self.secondsPerDay).rounded(.down))
        // A burst of last night may reach into today.
        let excess = (bursts(ofDay: day - 1) + bursts(ofDay: day)).reduce(0) { $0 + $1.excess(at: second) }
        return baseRate(at: second) * (1 + excess)
    }

    private func draw(bin: Int64) -> (count: Int, generator: SplitMix64) {
        var generator = SplitMix64(seed: seed, stream: 0, cell: bin)
        let middle = (Double(bin) + 0.5) * Self.bin.seconds
        let count = generator.poisson(mean: rate(at: middle) * Self.bin.seconds)
        return (count, generator)
    }
}

// MARK: - Shape

extension TrafficDay {
    /// Hour of the day and share of the peak; between two of them the rate goes along a smooth step.
    private static let knots: [(hour: Double, level: Double)] = [
        (0, 0.14), (4, 0.06), (6, 0.10), (10.5, 0.88), (12.75, 0.66), (15, 1), (18.5, 0.52), (21, 0.40), (24, 0.14),
    ]

    /// Share of the peak, 0 to 1, at a moment in seconds since any midnight.
    static func shape(at second: Double) -> Double {
        let hour = (second - (second / secondsPerDay).rounded(.down) * secondsPerDay) / 3600
        guard let next = knots.firstIndex(where: { $0.hour > hour }), next > 0 else { return knots[0].level }
        let (left, right) = (knots[next - 1], knots[next])
        let x = (hour - left.hour) / (right.hour - left.hour)
        return left.level + (right.level - left.level) * x * x * (3 - 2 * x)
    }
}

// MARK: - Bursts

extension TrafficDay {
    /// A sudden rise that fades out evenly.
    package struct Burst: Hashable, Sendable {
        /// Seconds since the first midnight.
        package var start: Double
        package var seconds: Double
        /// What it adds at its start, as a share of the rate without it.
        package var height: Double

        func excess(at second: Double) -> Double {
            guard second >= start && second < start + seconds else { return 0 }
            return height * (1 - (second - start) / seconds)
        }
    }

    /// The bursts that begin on a day: 2 to 15 minutes, half as much again to three times as much at their start.
    package func bursts(ofDay day: Int64) -> [Burst] {
        var generator = SplitMix64(seed: seed, stream: 1, cell: day)
        let count = generator.poisson(mean: burstsPerDay)
        return (0..<count).map { _ in
            Burst(
                start: (Double(day) + generator.uniform()) * Self.secondsPerDay,
                seconds: 120 + 780 * generator.uniform(),
                height: 0.5 + 1.5 * generator.uniform())
        }
    }
}
