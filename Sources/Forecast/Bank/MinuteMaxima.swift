/// The one-minute mean of a series, and its largest value over the last so many steps, in constant time.
struct MinuteMaxima: Hashable, Sendable, Codable {
    /// The samples of the last minute, by slot; `nil` where there was none.
    private var minute: [Double?]
    /// `powers[p]` holds, by slot, the maximum over the last 2^p slots.
    private var powers: [Packed<Float>]
    /// The last slot without a mean, so that no window across it counts.
    private var lastHole = -1
    private(set) var mean: Double?

    /// - Parameters:
    ///   - step: seconds from slot to slot.
    ///   - longest: the longest window, in slots.
    init(step: Double, longest: Int) {
        minute = Array(repeating: nil, count: max(1, Int(60 / step)))
        var rows = 1
        while 1 << rows <= longest { rows += 1 }
        powers = Array(repeating: Packed(repeating: 0, count: 1 << rows), count: rows)
    }

    func isSound(like fresh: MinuteMaxima) -> Bool {
        minute.count == fresh.minute.count && powers.map(\.count) == fresh.powers.map(\.count)
    }

    /// Takes the sample of this slot, one slot after another.
    mutating func add(_ sample: Double?, slot: Int) {
        minute[slot % minute.count] = sample
        var sum = 0.0
        var count = 0.0
        for case .some(let value) in minute {
            sum += value
            count += 1
        }
        mean = count > 0 ? sum / count : nil
        guard let mean else {
            lastHole = slot
            return
        }
        let mask = powers[0].count - 1
        powers[0][slot & mask] = Float(mean)
        for power in 1..<max(powers.count, 1) {
            let earlier = powers[power - 1][(slot - 1 << (power - 1)) & mask]
            powers[power][slot & mask] = max(powers[power - 1][slot & mask], earlier)
        }
    }

    /// Leaves the slots before `slot` without a sample.
    mutating func skip(to slot: Int, from last: Int) {
        for missed in max(last + 1, slot - minute.count)..<slot { add(nil, slot: missed) }
    }

    /// The largest mean of the last `window` slots up to `slot`; `nil` when one of them had none.
    func maximum(over window: Int, slot: Int) -> Double? {
        guard slot - window >= lastHole else { return nil }
        let power = Int.bitWidth - 1 - window.leadingZeroBitCount
        let mask = powers[0].count - 1
        return Double(max(powers[power][slot & mask], powers[power][(slot - window + 1 << power) & mask]))
    }
}
