/// Replicas that boot, by the interval in which they become ready and by virtual fleet.
///
/// A ring of a power of two, so that nothing moves as time passes; it grows with the longest boot and never shrinks.
struct BootRing: Hashable, Sendable {
    private(set) var counts: [Int32]
    let fleets: Int

    init(fleets: Int, length: Int = 32) {
        self.fleets = fleets
        counts = Array(repeating: 0, count: length * fleets)
    }

    /// How many intervals it spans.
    var length: Int { counts.count / fleets }

    /// Where the boots that end in an interval begin, fleet by fleet.
    func slot(_ tick: Int) -> Int { (tick & (length - 1)) * fleets }

    mutating func removeAll() {
        for index in counts.indices { counts[index] = 0 }
    }

    /// Ends the boots that are due.
    mutating func finish(_ tick: Int, in fleets: inout [ShadowFleet]) {
        let slot = slot(tick)
        // Most intervals have none: several places are looked at in one go.
        guard counts[slot..<slot + self.fleets].reduce(0, |) != 0 else { return }
        for index in fleets.indices where counts[slot + index] > 0 {
            fleets[index].ready += counts[slot + index]
            fleets[index].booting -= counts[slot + index]
            counts[slot + index] = 0
        }
    }

    /// Makes room for boots of this many intervals, and a little.
    mutating func hold(_ bootIntervals: Int, after tick: Int) {
        guard bootIntervals + 2 > length else { return }
        var longer = length
        while longer < bootIntervals + 2 { longer *= 2 }
        var ring = BootRing(fleets: fleets, length: longer)
        for due in tick + 1...tick + length {
            for index in 0..<fleets { ring.counts[ring.slot(due) + index] = counts[slot(due) + index] }
        }
        self = ring
    }

    /// Lets every fleet have this many replicas under way, and no other.
    mutating func set(_ count: Int32, due: Int) {
        removeAll()
        for index in 0..<fleets { counts[slot(due) + index] = count }
    }

    /// All boots of one fleet.
    func count(of fleet: Int) -> Int {
        stride(from: fleet, to: counts.count, by: fleets).reduce(0) { $0 + Int(counts[$1]) }
    }

    /// For the innermost loop.
    mutating func withCounts(_ body: (UnsafeMutableBufferPointer<Int32>) -> Void) {
        counts.withUnsafeMutableBufferPointer { body($0) }
    }
}

/// Boots are few: they are encoded as pairs of place and count.
extension BootRing: Codable {
    private enum CodingKeys: CodingKey { case fleets, length, boots }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let (fleets, length) = (
            try container.decode(Int.self, forKey: .fleets), try container.decode(Int.self, forKey: .length)
        )
        let pairs = try container.decode([Int32].self, forKey: .boots)
        guard (1...4096).contains(fleets), (2...1024).contains(length), length & (length - 1) == 0,
            pairs.count.isMultiple(of: 2)
        else {
            throw DecodingError.dataCorruptedError(
                forKey: .length, in: container, debugDescription: "expected a ring of a power of two")
        }
        self.init(fleets: fleets, length: length)
        for pair in stride(from: 0, to: pairs.count, by: 2) {
            guard counts.indices.contains(Int(pairs[pair])), pairs[pair + 1] > 0 else {
                throw DecodingError.dataCorruptedError(
                    forKey: .boots, in: container, debugDescription: "expected places in the ring and counts")
            }
            counts[Int(pairs[pair])] = pairs[pair + 1]
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(fleets, forKey: .fleets)
        try container.encode(length, forKey: .length)
        let pairs = counts.indices.lazy.filter { counts[$0] > 0 }.flatMap { [Int32($0), counts[$0]] }
        try container.encode(Array(pairs), forKey: .boots)
    }
}
