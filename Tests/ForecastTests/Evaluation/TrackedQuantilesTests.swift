import Forecast
import Testing

@Suite struct TrackedQuantilesTests {
    @Test("without an error nothing can be said")
    func empty() {
        let tracked = TrackedQuantiles(levels: [0.5, 0.9], step: .seconds(15))
        #expect(tracked.margin(0) == nil && tracked.margin(1) == nil)
    }

    @Test("the first steps by hand")
    func steps() throws {
        var tracked = TrackedQuantiles(levels: [0.5, 0.9, 0.99], step: .seconds(7200), rate: 0.02)
        tracked.learn(10)
        // One mean error is more than 0 and less than 1.04 and 2.6; the scale stays where the first error has put it.
        let first = try (0..<3).map { try #require(tracked.margin($0)) }
        for (found, expected) in zip(first, [0.1, 10.38, 25.998]) { #expect(abs(found - expected) < 1e-6) }
        tracked.learn(-30)
        // The scale is 10 + (1 - 1/e) (30 - 10) now, and every threshold goes down.
        let second = try (0..<3).map { try #require(tracked.margin($0)) }
        for (found, expected) in zip(second, [0, 23.457538, 58.861212]) { #expect(abs(found - expected) < 1e-5) }
    }

    @Test("each level's share of errors lies at or under it, though the errors change", arguments: [0.5, 0.9, 0.99])
    func coverage(level: Double) throws {
        var tracked = TrackedQuantiles(levels: [level], step: .seconds(15))
        var state: UInt64 = 7
        var covered = 0
        let count = 40_000
        for index in 0..<count {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let uniform = Double(state >> 11) / 0x1p53
            // Skewed, with a mean that is not 0 and a size that doubles half way.
            let error = (uniform * uniform * 100 - 20) * (index < count / 2 ? 1 : 2)
            if error <= tracked.margin(0) ?? .infinity { covered += 1 }
            tracked.learn(error)
        }
        #expect(abs(Double(covered) / Double(count) - level) < 0.005)
    }

    @Test("errors of 0 only keep the quantiles at 0")
    func zeros() throws {
        var tracked = TrackedQuantiles(levels: [0.9], step: .seconds(15))
        for _ in 0..<1000 { tracked.learn(0) }
        #expect(abs(try #require(tracked.margin(0))) < 1e-7)
    }
}
