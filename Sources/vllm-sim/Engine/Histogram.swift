/// A Prometheus histogram: counts per bucket, the sum and the number of observations.
struct Histogram: Equatable, Sendable {
    /// Upper bounds in ascending order, without the implied `+Inf`.
    let bounds: [Double]
    /// Observations per bucket, not cumulative; the last one is `+Inf`.
    private(set) var counts: [Int]
    private(set) var sum = 0.0
    private(set) var count = 0

    init(_ bounds: [Double]) {
        self.bounds = bounds
        counts = Array(repeating: 0, count: bounds.count + 1)
    }

    mutating func observe(_ value: Double, times: Int = 1) {
        counts[bounds.firstIndex { value <= $0 } ?? bounds.count] += times
        sum += value * Double(times)
        count += times
    }

    mutating func observe(_ span: Duration) {
        observe(span.inSeconds)
    }
}

extension Histogram {
    static let timeToFirstTokenBounds = [
        0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640,
        2560,
    ]
    static let tokenLatencyBounds = [
        0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80,
    ]
    static let requestLatencyBounds = [
        0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680,
    ]
    static let iterationTokenBounds: [Double] = [1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384]
    static let parallelSampleBounds: [Double] = [1, 2, 5, 10, 20]
    static let preemptionBounds: [Double] = [1, 2, 3, 4, 5, 10, 20]

    /// vLLM's token counts: 1, 2, 5, 10, ... up to the context length.
    static func tokenCountBounds(upTo maxModelLength: Int) -> [Double] {
        var bounds: [Double] = []
        var decade = 1
        while decade <= maxModelLength {
            bounds += [1, 2, 5].map { $0 * decade }.filter { $0 <= maxModelLength }.map(Double.init)
            decade *= 10
        }
        return bounds
    }
}

extension Duration {
    var inSeconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) / 1e18
    }
}
