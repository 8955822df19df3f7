import Fleet
import Testing

@Suite struct HistogramWindowTests {
    /// Bounds 1, 2, 4 and +Inf with these cumulative counts.
    static func histogram(_ counts: [Double], sum: Double? = nil) -> HistogramSample {
        let bounds: [Double?] = [1, 2, 4, nil]
        return HistogramSample(
            buckets: zip(bounds, counts).map { HistogramSample.Bucket(upperBound: $0, cumulativeCount: $1) }, sum: sum,
            count: counts[3])
    }

    @Test(arguments: [(0, 0), (0.25, 0.5), (0.5, 1), (0.75, 1.5), (1, 2)] as [(Double, Double)])
    func quantilesInterpolateInsideTheBucket(q: Double, value: Double) {
        // Two observations up to 1 and two up to 2; all of before is not of the window.
        let window = HistogramWindow(from: Self.histogram([10, 10, 10, 90]), to: Self.histogram([12, 14, 14, 94]))
        #expect(window.quantile(q) == value)
    }

    @Test func beyondTheLastBoundThatBoundIsGiven() {
        let window = HistogramWindow(from: Self.histogram([0, 0, 0, 0]), to: Self.histogram([1, 1, 1, 4]))
        #expect(window.quantile(0.9) == 4)
        #expect(window.quantile(0.125) == 0.5)
    }

    @Test func emptyBucketsAreStepped() {
        let window = HistogramWindow(from: Self.histogram([0, 0, 0, 0]), to: Self.histogram([0, 0, 4, 4]))
        #expect(window.quantile(0) == 2)
        #expect(window.quantile(0.5) == 3)
    }

    @Test func noEventsNoNumbers() {
        let still = Self.histogram([1, 2, 3, 4], sum: 9)
        let window = HistogramWindow(from: still, to: still)
        #expect(window.count == 0)
        #expect(!window.hasReset)
        #expect(window.quantile(0.95) == nil)
        #expect(window.mean == nil)
    }

    @Test func meanIsOfTheWindow() {
        let window = HistogramWindow(
            from: Self.histogram([1, 1, 1, 1], sum: 100), to: Self.histogram([1, 3, 3, 3], sum: 103))
        #expect(window.mean == 1.5)
        let unknown = HistogramWindow(from: Self.histogram([1, 1, 1, 1]), to: Self.histogram([1, 3, 3, 3], sum: 103))
        #expect(unknown.mean == nil)
    }

    @Test func afterARestartOnlyTheNewCountsAreKnown() {
        let later = Self.histogram([2, 2, 2, 2], sum: 1)
        for earlier in [Self.histogram([5, 5, 5, 5], sum: 50), Self.histogram([3, 3, 3, 1], sum: 2)] {
            let window = HistogramWindow(from: earlier, to: later)
            #expect(window.hasReset)
            #expect(window.count == 2)
            #expect(window.mean == 0.5)
            #expect(window.quantile(1) == 1)
        }
        var otherBuckets = later
        otherBuckets.buckets[0].upperBound = 0.5
        #expect(HistogramWindow(from: later, to: otherBuckets).hasReset)
    }

    @Test func aHistogramWithoutBoundsHasNoQuantile() {
        let one = HistogramSample(buckets: [.init(upperBound: nil, cumulativeCount: 3)], sum: 3, count: 3)
        let none = HistogramSample(buckets: [.init(upperBound: nil, cumulativeCount: 0)], sum: 0, count: 0)
        #expect(HistogramWindow(from: none, to: one).quantile(0.5) == nil)
        #expect(HistogramWindow(from: none, to: one).mean == 1)
    }
}
