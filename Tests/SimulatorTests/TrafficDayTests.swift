import Fleet
import Testing

@testable import Simulator

struct TrafficDayTests {
    static let day = TrafficDay(peakRequestsPerSecond: 4, seed: 7)

    @Test func `a plan does not depend on how it is asked for`() {
        let whole = Self.day.arrivals(from: .seconds(36_000), to: .seconds(37_000))
        let parts = [(36_500, 37_000), (36_000, 36_007), (36_007, 36_500)]
            .map { Self.day.arrivals(from: .seconds($0.0), to: .seconds($0.1)) }
        #expect(whole.count > 1000)
        #expect(parts[1] + parts[2] + parts[0] == whole)
        #expect(whole == whole.sorted { $0.at < $1.at })
        #expect(whole.allSatisfy { $0.at >= .seconds(36_000) && $0.at < .seconds(37_000) })
        #expect(Self.day.arrivals(from: .seconds(9), to: .seconds(9)) == [])
        let other = TrafficDay(peakRequestsPerSecond: 4, seed: 8).arrivals(from: .seconds(36_000), to: .seconds(37_000))
        #expect(other != whole)
    }

    @Test func `a plan stays what it was`() {
        let first = Self.day.arrivals(from: .zero, to: .seconds(60))
        #expect(first.count == Int((0..<4).map { Self.day.count(inBin: $0) }.reduce(0, +)))
        #expect((0..<8).map { Self.day.count(inBin: 2400 + $0) } == [52, 50, 55, 46, 54, 46, 54, 42])
    }

    @Test(arguments: [0.05, 0.5, 4, 40], [UInt64(1), 99])
    func `the mean rate is the shape's`(peak: Double, seed: UInt64) {
        let day = TrafficDay(peakRequestsPerSecond: peak, seed: seed, burstsPerDay: 0)
        let days: Int64 = 3
        let bins = 0..<(5760 * days)
        let expected = bins.reduce(0) { $0 + day.baseRate(at: (Double($1) + 0.5) * 15) * 15 }
        let counts = bins.map { Double(day.count(inBin: $0)) }
        // Five standard deviations of the sum.
        #expect((counts.reduce(0, +) - expected).magnitude < 5 * expected.squareRoot() + 0.0005 * expected)
        // Poisson: the squared deviations add up to the mean too.
        let squares = zip(bins, counts).reduce(0) { sum, pair in
            let deviation = pair.1 - day.baseRate(at: (Double(pair.0) + 0.5) * 15) * 15
            return sum + deviation * deviation
        }
        #expect((squares / expected - 1).magnitude < 0.08)
    }

    @Test func `a day has a trough at night, a dip at lunch and its peak in the afternoon`() {
        func mean(_ hours: ClosedRange<Double>) -> Double {
            let bins = Int64(hours.lowerBound * 240)..<Int64(hours.upperBound * 240)
            let counts = (0..<5).map { day in bins.map { Double(Self.day.count(inBin: $0 + day * 5760)) } }
            return counts.joined().reduce(0, +) / Double(5 * bins.count)
        }
        let (night, morning, lunch, afternoon, evening) = (
            mean(3...5), mean(10...11), mean(12.5...13), mean(14.5...15.5), mean(20...21)
        )
        #expect(lunch < 0.9 * morning && lunch < 0.8 * afternoon)
        #expect(morning < afternoon)
        #expect(night < 0.2 * evening && evening < 0.6 * afternoon)
    }

    @Test func `the shape never leaves 0 to 1, reaches 1 and joins at midnight`() {
        let shape = stride(from: 0.0, to: 86_400, by: 60).map(TrafficDay.shape(at:))
        #expect(shape.allSatisfy { $0 > 0 && $0 <= 1 } && shape.contains(1))
        for (a, b) in zip(shape, shape.dropFirst() + [shape[0]]) { #expect((a - b).magnitude < 0.006) }
        #expect(TrafficDay.shape(at: 3600) == TrafficDay.shape(at: 86_400 * 9 + 3600))
        #expect((TrafficDay.shape(at: -3600) - TrafficDay.shape(at: 82_800)).magnitude < 1e-12)
    }

    @Test func `bursts come as often as told and lift the arrivals`() {
        let bursts = (0..<400).flatMap { Self.day.bursts(ofDay: $0) }
        #expect((Double(bursts.count) / 400 - 8).magnitude < 0.7)
        let strong = bursts.filter { $0.height > 1.5 }
        var (seen, base) = (0.0, 0.0)
        for burst in strong {
            let bin = Int64((burst.start / 15).rounded(.up))
            for bin in bin..<(bin + 3) {
                seen += Double(Self.day.count(inBin: bin))
                base += Self.day.baseRate(at: Double(bin) * 15) * 15
            }
        }
        #expect(strong.count > 300)
        #expect(seen > 2 * base && seen < 4 * base)
    }

    @Test func `lengths spread around their means`() {
        let lengths = RequestLengths(meanPromptTokens: 800, meanOutputTokens: 150, spread: 0.8)
        let day = TrafficDay(peakRequestsPerSecond: 20, seed: 3, lengths: lengths)
        let arrivals = day.arrivals(from: .seconds(40_000), to: .seconds(42_000))
        let prompts = arrivals.map { Double($0.promptTokens) }.sorted()
        let outputs = arrivals.map { Double($0.outputTokens) }
        let n = Double(arrivals.count)
        #expect((prompts.reduce(0, +) / n / 800 - 1).magnitude < 0.03)
        #expect((outputs.reduce(0, +) / n / 150 - 1).magnitude < 0.03)
        // The median of a log-normal distribution is below its mean by e^(-0.8²/2) = 0.726.
        #expect((prompts[prompts.count / 2] / 800 - 0.726).magnitude < 0.03)
        #expect(prompts[0] >= 1)
    }

    @Test func `the generator gives the published numbers`() {
        // The reference implementation's first outputs for the seed 1234567.
        var generator = SplitMix64(seed: 1_234_567)
        let numbers = (0..<3).map { _ in generator.next() }
        #expect(numbers == [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423])
    }
}
