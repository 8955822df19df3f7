package import Fleet
package import Policy

/// What a replay of recorded ticks came to.
package struct ReplayResult: Hashable, Sendable {
    package var ticks = 0
    package var first: Timestamp?
    package var last: Timestamp?
    /// Ticks that come out in another way.
    package var different = 0
    /// The first of them, at most `listed`.
    package var differences: [TickDifference] = []
    /// Ticks before which some are missing from the record, so that not all that was learned is known.
    package var gaps = 0

    package static let listed = 100
}

extension HistoryStore {
    /// Derives every recorded decision of a pool again, from `start` up to and not including `end`.
    ///
    /// What was learned is derived too, beginning at the last state that was kept before the span. Every other state that
    /// was kept is compared, and goes on from there: after a gap in the record nothing else knows.
    package func replay(
        of pool: PoolID, from start: Timestamp, to end: Timestamp
    ) async throws(HistoryError) -> ReplayResult {
        var result = ReplayResult()
        var page = try await ticks(of: pool, from: start, to: end, limit: Self.page)
        guard let opening = page.first else { return result }
        let first = opening.input.now
        var settings = opening.settings
        let base = try await learning(of: pool, upTo: first - .milliseconds(1))
        var replay = TickReplay(pool: pool, learning: try await learned(by: pool, settings, since: base, before: first))
        let kept = Set(try await learningKept(of: pool))
        result.first = first
        while let next = page.last?.input.now {
            for tick in page {
                if let last = result.last, kept.contains(last), let state = try await learning(of: pool, upTo: last) {
                    replay.meet(state.learning)
                }
                if tick.settings != settings {
                    settings = tick.settings
                    replay.learning = try await adapted(
                        replay.learning, to: settings, of: pool, before: tick.input.now)
                }
                if let difference = replay.derive(tick) {
                    result.different += 1
                    if result.differences.count < ReplayResult.listed { result.differences.append(difference) }
                }
                (result.ticks, result.last) = (result.ticks + 1, tick.input.now)
            }
            page = try await ticks(of: pool, from: next + .milliseconds(1), to: end, limit: Self.page)
        }
        result.gaps = replay.gaps
        return result
    }

    /// Ticks that are in memory at once.
    private static let page = 500
}
