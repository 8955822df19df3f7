import Fleet

/// When to try again after failures: 15 s after the first, doubling to 5 min, at once after a success.
struct BackOff {
    private var failures = 0
    private var failedAt: Timestamp?

    mutating func failed(at now: Timestamp) {
        failures += 1
        failedAt = now
    }

    mutating func succeeded() { self = BackOff() }

    /// A wall clock that was set back does not prolong the pause.
    func allows(_ now: Timestamp) -> Bool {
        guard let failedAt else { return true }
        return now < failedAt || now - failedAt >= pause
    }

    private var pause: Duration { min(.seconds(15) * (1 << min(failures - 1, 5)), .seconds(300)) }
}
