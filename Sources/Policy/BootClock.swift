import Fleet

/// The pool's own measured cold starts, from launch to first answer.
package struct BootClock: Hashable, Sendable, Codable {
    /// The latest ones, oldest first.
    package private(set) var measured: [Duration] = []
    /// The same, shortest first.
    private var ascending: [Duration] = []

    private enum CodingKeys: CodingKey { case measured }

    static let kept = 64
    /// Below this many, the configured expectation is a better guess than a quantile.
    static let needed = 5

    package init() {}

    package init(from decoder: any Decoder) throws {
        measured = try decoder.container(keyedBy: CodingKeys.self).decode([Duration].self, forKey: .measured)
        ascending = measured.sorted()
    }

    mutating func record(_ boot: Duration) {
        measured.append(boot)
        if measured.count > Self.kept { measured.removeFirst(measured.count - Self.kept) }
        ascending = measured.sorted()
    }

    var isKnown: Bool { measured.count >= Self.needed }

    /// The 90th percentile of the measured boots, or `expected` while there are too few.
    package func p90(expected: Duration) -> Duration { quantile(0.9) ?? expected }

    /// By nearest rank; `nil` while there are too few.
    ///
    /// - Parameter share: above 0, up to 1.
    func quantile(_ share: Double) -> Duration? {
        guard isKnown else { return nil }
        let rank = Int((share * Double(measured.count)).rounded(.up))
        return ascending[max(1, rank) - 1]
    }

    /// The probability that a boot takes longer than `age`.
    ///
    /// Counted from the measured boots and from five imagined ones with `expected` as their 90th percentile. The imagined
    /// ones have a long tail, 1 / (1 + 9 age / expected), so that a boot which takes longer than all that were measured is
    /// trusted less and less, and never not at all.
    func survival(_ age: Duration, expected: Duration) -> Double {
        let imagined = Double(Self.needed) / (1 + 9 * max(0, age.seconds) / max(expected.seconds, 1e-3))
        return (Double(longer(than: age)) + imagined) / Double(measured.count + Self.needed)
    }

    /// How many of the measured ones took longer; O(log n), since it is asked twice for every boot.
    private func longer(than age: Duration) -> Int {
        var (low, high) = (0, ascending.count)
        while low < high {
            let middle = (low + high) / 2
            if ascending[middle] > age { high = middle } else { low = middle + 1 }
        }
        return ascending.count - low
    }

    /// The probability that a boot which has taken `age` so far is over within `span`.
    package func chance(within span: Duration, age: Duration, expected: Duration) -> Double {
        1 - survival(age + span, expected: expected) / survival(age, expected: expected)
    }
}
