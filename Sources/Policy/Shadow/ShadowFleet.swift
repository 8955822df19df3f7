/// A virtual fleet, or the real one as the same arithmetic sees it, between two intervals.
struct ShadowFleet: Hashable, Sendable {
    var ready: Int32 = 0
    var booting: Int32 = 0
    /// Intervals since when fewer replicas would do, and the most that was needed meanwhile.
    var calm: Int32 = 0
    var peak: Int32 = 0
    /// Work that waits.
    var backlog = 0.0

    var total: Int32 { ready + booting }

    /// Far from overflow, and with nothing below 0.
    var isSound: Bool {
        [ready, booting, calm, peak].allSatisfy { (0...1 << 24).contains($0) } && backlog >= 0 && backlog.isFinite
    }
}

/// As a plain list, since there are many.
extension ShadowFleet: Codable {
    init(from decoder: any Decoder) throws {
        var list = try decoder.unkeyedContainer()
        (ready, booting) = (try list.decode(Int32.self), try list.decode(Int32.self))
        (calm, peak) = (try list.decode(Int32.self), try list.decode(Int32.self))
        backlog = try list.decode(Double.self)
    }

    func encode(to encoder: any Encoder) throws {
        var list = encoder.unkeyedContainer()
        for count in [ready, booting, calm, peak] { try list.encode(count) }
        try list.encode(backlog)
    }
}

/// What a signal calls for in one interval.
struct ShadowNeed {
    /// Replicas for what comes; fewer than that grow.
    private let need: Double
    /// The same with more caution; more than that may shrink. Between the two lies the hysteresis.
    private let keep: Double
    /// Both in whole replicas, where nothing waits.
    private(set) var least: Int32 = 0
    private(set) var most: Int32 = 0

    init(need: Double, keep: Double, _ interval: ShadowInterval) {
        (self.need, self.keep) = (need, keep)
        (least, most) = counts(clearing: 0, by: 0, interval)
    }

    /// A queue that the present replicas clear by the time at which one ordered now would serve orders none. It keeps what
    /// there is all the same, until it is cleared.
    func counts(
        clearing backlog: Double, by total: Int32, _ interval: ShadowInterval
    ) -> (least: Int32, most: Int32) {
        let perReplica = interval.capacity * ShadowInterval.clearing / interval.length
        let surplus = max(0, Double(total) * interval.capacity - interval.arrivals)
        let left = max(0, backlog - surplus * interval.boot / interval.length)
        let least = max(interval.minimum, wholeCount(need + left / perReplica))
        return (least, max(least, wholeCount(keep + backlog / perReplica)))
    }
}

/// One interval's facts, shared by all fleets.
struct ShadowInterval {
    /// Work that came.
    var arrivals: Double
    /// Work that one replica does.
    var capacity: Double
    /// Seconds.
    var length: Double
    /// Seconds a request may wait.
    var wait: Double
    /// Seconds.
    var boot: Double
    var minimum: Int32

    /// What is left of a backlog asks for the replicas that clear it in four minutes, on top of those for what comes.
    static let clearing = 240.0

    /// Intervals from an order to the one in which the replica serves, less one.
    var bootIntervals: Int { Int((boot / length - 1e-9).rounded(.up)) }
}

extension ShadowFleet {
    /// Serves an interval, first come first served.
    ///
    /// The wait of what came runs linearly from the backlog before, over the serving rate, to the backlog after.
    ///
    /// - Returns: work that came and waits longer than it may.
    @inline(__always)
    mutating func serve(_ interval: ShadowInterval) -> Double {
        let rate = Double(ready) * interval.capacity
        let after = max(0, backlog + interval.arrivals - rate)
        defer { backlog = after }
        return (backlog > 0 || after > 0) ? late(from: backlog, to: after, rate: rate, interval) : 0
    }

    func late(from before: Double, to after: Double, rate: Double, _ interval: ShadowInterval) -> Double {
        guard rate > 0 else { return interval.boot > interval.wait ? interval.arrivals : 0 }
        let (first, last) = (before / rate * interval.length, after / rate * interval.length)
        let (low, high) = (min(first, last), max(first, last))
        if high <= interval.wait { return 0 }
        return low > interval.wait ? interval.arrivals : interval.arrivals * (high - interval.wait) / (high - low)
    }

    /// The count that a candidate's rule asks for after an interval.
    ///
    /// 1. Fewer than needed: what is needed, at once.
    /// 2. More than is to be kept, by the band at least: count the calm, and at its end shrink to the most that was to
    ///    be kept during it.
    /// 3. Otherwise: the same, and the calm is over.
    ///
    @inline(__always)
    mutating func resized(_ need: ShadowNeed, delay: Int32, band: Double, _ interval: ShadowInterval) -> Int32 {
        let (least, most) = backlog > 0 ? need.counts(clearing: backlog, by: total, interval) : (need.least, need.most)
        let surplus = total - most
        guard surplus > 0, Double(surplus) >= band * Double(total) else {
            calm = 0
            return max(total, least)
        }
        peak = calm == 0 ? most : max(peak, most)
        calm += 1
        guard calm > delay else { return total }
        calm = 0
        // Of the real fleet others may have taken some meanwhile.
        return min(peak, total)
    }
}

extension ShadowFleet {
    /// Takes replicas away, the newest boots first.
    ///
    /// - Parameters:
    ///   - boots: the ring of all fleets' boots; of this one, number `index` of `count`.
    ///   - tick: the interval that ends now.
    mutating func shrink(
        by unwanted: Int32, boots: UnsafeMutableBufferPointer<Int32>, index: Int, count: Int, tick: Int
    ) {
        var unwanted = unwanted
        let length = boots.count / count
        var due = tick + length
        while unwanted > 0, booting > 0, due > tick {
            let place = (due & (length - 1)) * count + index
            let cancelled = min(unwanted, boots[place])
            boots[place] -= cancelled
            booting -= cancelled
            unwanted -= cancelled
            due -= 1
        }
        ready -= unwanted
    }
}

/// The least whole number not below a need, up to a million; a hair above a whole number is that number, and what is no
/// number is 0.
@inline(__always)
func wholeCount(_ need: Double) -> Int32 {
    guard need > 1e-9 else { return 0 }
    let bounded = min(need - 1e-9, 1e6)
    let cut = Int32(bounded)
    return Double(cut) < bounded ? cut + 1 : cut
}
