/// How long work waited: within a bin the wait runs linearly from that of the first work to that of the last.
struct WaitLedger {
    private struct Span {
        var shortest: Double
        var longest: Double
        var work: Double

        /// Work that waited at most a time; runs evenly from nothing at the shortest wait to all at the longest.
        func work(within seconds: Double) -> Double {
            if seconds >= longest { return work }
            return seconds <= shortest ? 0 : work * (seconds - shortest) / (longest - shortest)
        }
    }

    let objective: Double
    private(set) var work = 0.0
    /// The longest wait of any moment at which there was work, new or old.
    private(set) var worst = 0.0
    private var workInTime = 0.0
    private var weightedWait = 0.0
    private var workWithoutWait = 0.0
    private var spans: [Span] = []

    init(objective: Double) { self.objective = objective }

    mutating func add(_ amount: Double, from first: Double, to last: Double) {
        let (shortest, longest) = (min(first, last), max(first, last))
        let share =
            longest <= objective ? 1 : shortest > objective ? 0 : (objective - shortest) / (longest - shortest)
        workInTime += amount * share
        work += amount
        worst = max(worst, longest)
        weightedWait += amount * (shortest + longest) / 2
        if longest == 0 {
            workWithoutWait += amount
        } else if amount > 0 {
            spans.append(Span(shortest: shortest, longest: longest, work: amount))
        }
    }

    /// Share of the work that waited no longer than the objective; `nil` when there was none.
    var shareInTime: Double? { work > 0 ? workInTime / work : nil }

    /// Mean wait in seconds.
    var mean: Double? { work > 0 ? weightedWait / work : nil }

    /// The wait in seconds that a share `q` of the work does not exceed, to a millisecond; `nil` when there was none.
    ///
    /// Bisection that drops the spans on either side as it goes: O(n) for spans that differ.
    func quantile(_ q: Double) -> Double? {
        guard work > 0 else { return nil }
        let wanted = q * work
        var below = workWithoutWait
        if below >= wanted { return 0 }
        var (low, high) = (0.0, worst)
        var open = spans
        while high - low > 0.001 {
            let middle = (low + high) / 2
            if open.reduce(below, { $0 + $1.work(within: middle) }) >= wanted { high = middle } else { low = middle }
            open.removeAll { span in
                if span.longest <= low { below += span.work }
                return span.longest <= low || span.shortest >= high
            }
        }
        return high
    }
}
