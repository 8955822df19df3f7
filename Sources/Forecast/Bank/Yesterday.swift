/// The one-minute means of the last day, by where they lie on the wall clock: what a seasonal naive forecast goes by.
struct Yesterday: Hashable, Sendable, Codable {
    /// Seconds; a minute, or a slot where that is longer.
    private let width: Double
    private var means: Packed<Float>
    /// The day of each mean, counted from 1970 and cut to 16 bits.
    private var days: Packed<UInt16>

    /// - Parameter step: seconds from slot to slot.
    init(step: Double) {
        width = max(60, step)
        let count = Int((86_400 / width).rounded(.up))
        means = Packed(repeating: 0, count: count)
        days = Packed(repeating: 0, count: count)
    }

    func isSound(like fresh: Yesterday) -> Bool {
        width == fresh.width && means.count == fresh.means.count && days.count == fresh.means.count
    }

    mutating func note(_ mean: Double, at phase: ClockPhase) {
        let cell = cell(phase)
        means[cell] = Float(mean)
        days[cell] = UInt16(truncatingIfNeeded: phase.day)
    }

    /// What it was a day before; not a number where nothing was noted then.
    func value(before phase: ClockPhase) -> Double {
        let cell = cell(phase)
        return days[cell] == UInt16(truncatingIfNeeded: phase.day - 1) ? Double(means[cell]) : .nan
    }

    private func cell(_ phase: ClockPhase) -> Int { min(Int(phase.secondOfDay / width), means.count - 1) }
}
