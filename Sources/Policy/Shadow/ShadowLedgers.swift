import Fleet

import func Glibc.exp

/// What every candidate's fleet would have cost, and how much it would have served late.
///
/// Kept for each part of the day (of UTC) by itself, since night and rush hour want different candidates; a part is judged by its
/// own evidence and, with the weight of two days, by the whole. The current hour is kept apart and added when it ends.
struct ShadowLedgers: Hashable, Sendable, Codable {
    static let parts = 6
    /// Weight of the whole day in the judgement of a part, in seconds of its mean traffic.
    private static let sharing = 2 * 86_400.0
    /// Of a single miss.
    private static let excused = 0.85

    /// By part and candidate: time of replicas and the price of actions, in intervals of one replica.
    private var costs: [Float]
    /// By part and candidate: work.
    private var late: [Float]
    /// By part: work that came.
    private var work: [Double]
    /// By part: intervals.
    private var intervals: [Double]
    /// By candidate: of each hour the square of its late work and the product with that of the hour before, since a miss
    /// may last, summed.
    @AddedLater private var squares: [Double] = []
    /// By candidate: late work of the hour before.
    @AddedLater private var lateBefore: [Double] = []
    /// The same of the current hour.
    private var hourCosts: [Double]
    private var hourLate: [Double]
    private var hourWork = 0.0
    private var hourIntervals = 0.0
    /// Of the wall clock.
    private var hour = -1

    init(candidates: Int) {
        costs = Array(repeating: 0, count: Self.parts * candidates)
        late = costs
        work = Array(repeating: 0, count: Self.parts)
        intervals = work
        hourCosts = Array(repeating: 0, count: candidates)
        hourLate = hourCosts
        (squares, lateBefore) = (hourCosts, hourCosts)
    }

    /// Begins the hour that holds this second; what another hour has gathered becomes history.
    ///
    /// - Parameter decay: of an hour.
    /// - Returns: whether an hour ended.
    mutating func move(to second: Int, decay: @autoclosure () -> Double) -> Bool {
        let now = second.floorDivided(by: 3600).quotient
        guard now != hour else { return false }
        defer { hour = now }
        guard hourIntervals > 0 else { return false }
        let (part, decay) = (Self.part(ofHour: hour), decay())
        for index in costs.indices { costs[index] *= Float(decay) }
        for index in late.indices { late[index] *= Float(decay) }
        for index in work.indices { (work[index], intervals[index]) = (work[index] * decay, intervals[index] * decay) }
        if squares.count != hourLate.count {
            (squares, lateBefore) = (Array(repeating: 0, count: hourLate.count), hourLate.map { _ in 0 })
        }
        for index in hourCosts.indices {
            squares[index] = squares[index] * decay * decay + hourLate[index] * (hourLate[index] + lateBefore[index])
            lateBefore[index] = hourLate[index]
            costs[part * hourCosts.count + index] += Float(hourCosts[index])
            late[part * hourCosts.count + index] += Float(hourLate[index])
            (hourCosts[index], hourLate[index]) = (0, 0)
        }
        work[part] += hourWork
        intervals[part] += hourIntervals
        (hourWork, hourIntervals) = (0, 0)
        return true
    }

    /// Adds an interval, candidate by candidate: `body` fills in the cost and the late work of this hour so far.
    mutating func add(
        work: Double, _ body: (_ costs: UnsafeMutablePointer<Double>, _ late: UnsafeMutablePointer<Double>) -> Void
    ) {
        hourWork += work
        hourIntervals += 1
        hourCosts.withUnsafeMutableBufferPointer { costs in
            hourLate.withUnsafeMutableBufferPointer { late in
                guard let costs = costs.baseAddress, let late = late.baseAddress else { return }
                body(costs, late)
            }
        }
    }

    static func part(at second: Int) -> Int { part(ofHour: second.floorDivided(by: 3600).quotient) }

    private static func part(ofHour hour: Int) -> Int { hour.floorDivided(by: 24).remainder * parts / 24 }
}

extension ShadowLedgers {
    /// All of a candidate, whatever the time of day.
    struct Account {
        var cost: Double
        var late: Double
    }

    func account(of candidate: Int) -> Account {
        var account = Account(cost: hourCosts[candidate], late: hourLate[candidate])
        for index in stride(from: candidate, to: costs.count, by: hourCosts.count) {
            account.cost += Double(costs[index])
            account.late += Double(late[index])
        }
        return account
    }

    /// The size of a candidate's typical miss: of n of a size that size, of a single one all that was late.
    private func miss(of candidate: Int, late: Double) -> Double {
        guard late > 0, squares.count == hourLate.count else { return 0 }
        let now = hourLate[candidate]
        return min(late, (squares[candidate] + now * (now + lateBefore[candidate])) / late)
    }

    var totalWork: Double { work.reduce(hourWork, +) }
    var totalIntervals: Double { intervals.reduce(hourIntervals, +) }

    /// The best candidate for a part of the day.
    ///
    /// A price on late work turns cost and lateness into one number, and each part of the day takes the candidate with
    /// the least. The price is the smallest at which all parts together meet the required share: the cheapest mix that
    /// does, by Lagrange's method. O(parts × candidates × 6).
    ///
    /// Who is followed is excused most of a typical miss: only a habit of missing makes a pool pay for more caution. Otherwise
    /// a single load step that nobody foresaw would, for what would have avoided a part of it, under a load that has been
    /// constant since. While the pool follows the guess that it began with, who is cheaper is excused as much, so that
    /// nothing speaks for the guess.
    ///
    /// - Parameters:
    ///   - chosen: the candidate that each part follows, and stays with unless another is better by 1 %.
    ///   - required: share of the work that should be in time.
    ///   - priceLimit: in intervals of one replica for the work of one such interval.
    func best(
        part: Int, chosen: [Int], required: Double, priceLimit: Double, capacity: Double, intervalSeconds: Double
    ) -> Int {
        let current = chosen[part]
        let count = hourCosts.count
        let total = totalWork
        guard total > 0 else { return current }
        let sharing = Self.sharing / intervalSeconds / totalIntervals
        let present = Self.part(ofHour: hour)
        // Four candidates at a time; the last ones may stand alone.
        let fours = (count + 3) / 4
        let followed = chosen.map { candidate in
            let whole = account(of: candidate)
            return (cost: whole.cost, miss: miss(of: candidate, late: whole.late))
        }
        return withUnsafeTemporaryAllocation(of: SIMD4<Double>.self, capacity: 2 * Self.parts * fours) { room in
            // 1. What each candidate is expected to cost and to serve late in each part.
            room.initialize(repeating: SIMD4(repeating: .infinity))
            room.withMemoryRebound(to: Double.self) { room in
                for candidate in 0..<count {
                    let whole = account(of: candidate)
                    let own = miss(of: candidate, late: whole.late)
                    for part in 0..<Self.parts {
                        let (index, isNow) = (part * count + candidate, part == present)
                        let place = 8 &* (part &* fours &+ candidate / 4) &+ candidate % 4
                        room[place] = Double(costs[index]) + (isNow ? hourCosts[candidate] : 0) + sharing * whole.cost
                        room[place &+ 4] =
                            (Double(late[index]) + (isNow ? hourLate[candidate] : 0) + sharing * whole.late) / capacity
                        let isCheaper = chosen[part] == ShadowCandidate.first && whole.cost <= followed[part].cost
                        if whole.late > 0, candidate == chosen[part] || isCheaper {
                            room[place &+ 4] *= 1 - Self.excused * min(own, followed[part].miss) / whole.late
                        }
                    }
                }
            }
            func cost(_ candidate: Int, _ part: Int) -> Double {
                room[2 * (part * fours + candidate / 4)][candidate % 4]
            }
            func lateness(_ candidate: Int, _ part: Int) -> Double {
                room[2 * (part * fours + candidate / 4) + 1][candidate % 4]
            }
            func value(_ candidate: Int, _ part: Int, _ price: Double) -> Double {
                cost(candidate, part) + price * lateness(candidate, part)
            }
            func cheapest(_ part: Int, _ price: Double) -> Int {
                var (least, best) = (SIMD4<Double>(repeating: .infinity), SIMD4<Int64>())
                for four in 0..<fours {
                    let place = 2 &* (part &* fours &+ four)
                    let value = room[place] + price * room[place &+ 1]
                    let isLess = value .< least
                    least.replace(with: value, where: isLess)
                    best.replace(with: SIMD4(repeating: Int64(four)), where: isLess)
                }
                // Of equals the first.
                var first = 0
                for lane in 1..<4 where (least[lane], best[lane]) < (least[first], best[first]) { first = lane }
                return Int(best[first]) * 4 + first
            }
            func meets(_ price: Double) -> Bool {
                var sum = 0.0
                for part in 0..<Self.parts {
                    let own = work[part] + (part == present ? hourWork : 0)
                    let share = lateness(cheapest(part, price), part) * capacity / (own + sharing * total)
                    sum += share * own
                }
                return sum <= (1 - required) * total
            }
            // 2. The smallest price that will do, to 14 %.
            var (low, high) = (0, 48)
            while low < high {
                let middle = (low + high) / 2
                if meets(priceLimit * exp(-0.13 * Double(48 - middle))) { high = middle } else { low = middle + 1 }
            }
            let price = priceLimit * exp(-0.13 * Double(48 - low))
            // 3. A change must pay.
            let best = cheapest(part, price)
            return value(best, part, price) < 0.99 * value(current, part, price) ? best : current
        }
    }

    /// Whether all parts have the sizes of a new one's, and no number could do harm.
    func isSound(like fresh: ShadowLedgers) -> Bool {
        costs.count == fresh.costs.count && late.count == fresh.late.count && work.count == fresh.work.count
            && intervals.count == fresh.intervals.count && hourCosts.count == fresh.hourCosts.count
            && hourLate.count == fresh.hourLate.count && [0, hourLate.count].contains(squares.count)
            && lateBefore.count == squares.count && totalWork.isFinite && totalIntervals.isFinite
    }
}
