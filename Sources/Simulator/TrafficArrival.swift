import Fleet

/// One request of a plan.
package struct TrafficArrival: Hashable, Sendable {
    /// From the start of the plan.
    package var at: Duration
    package var promptTokens: Int
    package var outputTokens: Int

    package init(at: Duration, promptTokens: Int, outputTokens: Int) {
        self.at = at
        self.promptTokens = promptTokens
        self.outputTokens = outputTokens
    }
}

/// How long requests are: log-normal, as conversations are.
package struct RequestLengths: Hashable, Sendable {
    package var meanPromptTokens: Double
    package var meanOutputTokens: Double
    /// Standard deviation of the logarithm of the tokens.
    package var spread: Double

    package init(meanPromptTokens: Double = 600, meanOutputTokens: Double = 200, spread: Double = 0.8) {
        self.meanPromptTokens = meanPromptTokens
        self.meanOutputTokens = meanOutputTokens
        self.spread = spread
    }
}

extension SplitMix64 {
    /// `count` requests at random moments of a bin, in their order.
    mutating func arrivals(_ count: Int, from start: Duration, over bin: Duration, lengths: RequestLengths)
        -> [TrafficArrival]
    {
        var offsets: [Double] = []
        for _ in 0..<count { offsets.append(uniform()) }
        return offsets.sorted().map { offset in
            TrafficArrival(
                at: start + bin * offset, promptTokens: tokens(lengths.meanPromptTokens, lengths.spread),
                outputTokens: tokens(lengths.meanOutputTokens, lengths.spread))
        }
    }

    /// At least one, and short of what no engine accepts.
    private mutating func tokens(_ mean: Double, _ spread: Double) -> Int {
        Int(min(max(logNormal(mean: mean, spread: spread), 1), 1e6).rounded())
    }
}

/// The numbers of the bins that touch `from` up to, not including, `to`.
func bins(of length: Duration, from: Duration, to: Duration) -> Range<Int64> {
    let milliseconds = max(1, length.wholeMilliseconds)
    let first = floorDivide(from.wholeMilliseconds, by: milliseconds)
    // A part of a millisecond still belongs to the last bin.
    return first..<max(first, floorDivide(to.wholeMilliseconds, by: milliseconds) + 1)
}

func floorDivide(_ a: Int64, by b: Int64) -> Int64 {
    a >= 0 ? a / b : -((b - 1 - a) / b)
}
