/// What is usual at each time of a day or a week: one value a knot, on the clock on the wall.
///
/// Knots sit at the middle of equal bins, with straight lines between them. When the clock leaves a bin, its mean moves
/// that knot a little; surprises are clipped, so that one bad night does not spoil the next ones.
struct SeasonalProfile: Hashable, Sendable, Codable {
    /// Seconds.
    let period: Double
    let knots: Int
    /// How far a finished bin moves its knot.
    let rate: Double

    /// Of a bin, in seconds.
    private let width: Double
    private var values: Packed<Float>
    /// How often each knot was moved.
    private var visits: Packed<UInt8>
    private var bin = -1
    private var sum = 0.0
    private var count = 0
    /// Running mean of how far bins lay from their knot.
    private var deviation = 0.0
    private var deviations = 0.0

    /// How many usual deviations one bin may teach.
    private static let clip = 4.0

    init(period: Double, knots: Int, rate: Double) {
        (self.period, self.knots, self.rate) = (period, knots, rate)
        width = period / Double(knots)
        values = Packed(repeating: 0, count: knots)
        visits = Packed(repeating: 0, count: knots)
    }

    func isSound(like fresh: SeasonalProfile) -> Bool {
        (period, knots, rate, width) == (fresh.period, fresh.knots, fresh.rate, fresh.width)
            && values.count == knots && visits.count == knots && (-1..<knots).contains(bin) && count >= 0
            && count < 1 << 32
    }

    /// Notes where the clock stands. Leaving a bin teaches its knot.
    mutating func move(to second: Double) {
        let now = min(Int(second / width), knots - 1)
        guard now != bin else { return }
        if bin >= 0, count > 0 { teach(sum / Double(count)) }
        (bin, sum, count) = (now, 0, 0)
    }

    mutating func add(_ z: Double) {
        sum += z
        count += 1
    }

    private mutating func teach(_ mean: Double) {
        if visits[bin] == 0 {
            values[bin] = Float(mean)
        } else {
            var surprise = mean - Double(values[bin])
            var size = surprise.magnitude
            if deviations > 0.1 * Double(knots) {
                let most = Self.clip * deviation + 1e-9
                surprise = min(max(surprise, -most), most)
                size = min(size, 10 * deviation + 1e-9)
            }
            deviations += 1
            deviation += max(1 / deviations, 2 / Double(knots)) * (size - deviation)
            values[bin] += Float(max(rate, 1 / Double(Int(visits[bin]) + 1)) * surprise)
        }
        visits[bin] = min(visits[bin], .max - 1) + 1
    }

    /// What is usual at this second of the period; `nil` while a neighbouring knot was never reached.
    func value(at second: Double) -> Double? {
        let position = second / width - 0.5
        let floor = position.rounded(.down)
        let left = floor < 0 ? knots - 1 : Int(floor)
        let right = left + 1 == knots ? 0 : left + 1
        guard visits[left] > 0, visits[right] > 0 else { return nil }
        let share = position - floor
        return (1 - share) * Double(values[left]) + share * Double(values[right])
    }
}
