import func Glibc.exp

/// How the pool itself keeps its objective: the requests that it served late, as good as can be told.
///
/// A candidate is judged in a world in which every boot succeeds. What really happened is compared with the objective
/// here, and moves what is required of candidates: more after misses, less while there is budget to spend.
struct ShadowBudget: Hashable, Sendable, Codable {
    private var work = 0.0
    private var late = 0.0
    /// Sum of the squares of each hour's late work: how large the misses are that come at once.
    private var squares = 0.0
    private var hourWork = 0.0
    private var hourLate = 0.0
    /// Intervals seen.
    private var age = 0.0

    // In shares of the lateness that the objective allows:
    /// What candidates must have on top of the objective, always and when evidence is young.
    private static let margin = 0.1
    private static let youthMargin = 0.3
    private static let feedbackLimit = 1.0

    /// A day without a miss weighs in, as traffic that was served as promised.
    private static let prior = 86_400.0
    /// The pool's own record counts for longer than that of candidates, since a promise does.
    private static let halfLife = 7 * 86_400.0
    private static let feedback = 2.0
    /// The share of a typical miss that is kept in reserve for the next.
    private static let reserve = 0.9

    mutating func add(work: Double, late: Double) {
        hourWork += work
        hourLate += late
        age += 1
    }

    mutating func endHour() {
        let decay = exp(-0.6931 * 3600 / Self.halfLife)
        work = work * decay + hourWork
        late = late * decay + hourLate
        squares = squares * decay * decay + hourLate * hourLate
        (hourWork, hourLate) = (0, 0)
    }

    /// Share of the pool's work that was in time lately; `nil` before any came.
    var share: Double? { work + hourWork > 0 ? 1 - (late + hourLate) / (work + hourWork) : nil }

    /// The share that a candidate must have shown to be followed.
    ///
    /// `objective + margin + clamp(2 × (objective + reserve - share), ±allowed)`, where `allowed = 1 - objective`: for an
    /// objective of 0.99 the margin falls from 0.004 to 0.001, half of the way in a day. The reserve grows with the size
    /// of the misses that come at once.
    ///
    /// - Parameter meanWork: an interval's.
    func required(objective: Double, meanWork: Double, intervalSeconds: Double) -> Double {
        let allowed = 1 - objective
        let youth = Self.youthMargin * exp(-0.6931 * age * intervalSeconds / 86_400)
        let least = objective + (Self.margin + youth) * allowed
        let prior = Self.prior / intervalSeconds * meanWork
        let total = work + hourWork + prior
        guard total > 0 else { return least }
        let share = 1 - (late + hourLate + prior * allowed) / total
        let reserve = Self.reserve * squares.squareRoot() / total
        let most = Self.feedbackLimit * allowed
        return least + min(max(Self.feedback * (objective + reserve - share), -most), most)
    }

    var isSound: Bool { [work, late, squares, hourWork, hourLate, age].allSatisfy { $0.isFinite && $0 >= 0 } }
}
