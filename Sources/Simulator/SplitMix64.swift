/// Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014: the same numbers for the same
/// seed, on every machine.
package struct SplitMix64: RandomNumberGenerator, Hashable, Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    /// The generator of one cell of a plan, such as a bin of a trace, which owes nothing to the cells drawn before it.
    package init(seed: UInt64, stream: UInt64, cell: Int64) {
        var mixer = SplitMix64(seed: seed &+ stream &* 0xd1b5_4a32_d192_ed03)
        mixer.state = mixer.next() ^ UInt64(bitPattern: cell) &* 0x9e37_79b9_7f4a_7c15
        state = mixer.next()
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }

    /// Uniform in the open interval from 0 to 1: never 0, so its logarithm is finite.
    package mutating func uniform() -> Double { (Double(next() >> 11) + 0.5) * 0x1p-53 }

    /// A draw from the standard normal distribution, as the sum of twelve uniform ones less six: exact in mean and
    /// variance, never beyond 6, and free of the platform's logarithm and cosine.
    package mutating func normal() -> Double {
        var sum = -6.0
        for _ in 0..<12 { sum += uniform() }
        return sum
    }

    /// A draw from the log-normal distribution with this mean and this standard deviation of the logarithm. The bounded
    /// `normal` makes the mean 0.4 % low at a spread of 1.
    package mutating func logNormal(mean: Double, spread: Double) -> Double {
        mean * exponential(spread * normal() - spread * spread / 2)
    }

    /// A draw from the Poisson distribution; O(mean) up to 30, beyond that a normal one, corrected for skew and rounded.
    package mutating func poisson(mean: Double) -> Int {
        guard mean > 0 else { return 0 }
        guard mean < 30 else {
            let z = normal()
            return max(0, Int((mean + mean.squareRoot() * z + (z * z - 1) / 6).rounded()))
        }
        let limit = exponential(-mean)
        var count = 0
        var product = uniform()
        while product > limit {
            count += 1
            product *= uniform()
        }
        return count
    }
}

/// e to the power of x: the series near 0, squared back; the core has no C library to ask.
private func exponential(_ x: Double) -> Double {
    var reduced = x
    var squarings = 0
    while reduced.magnitude > 0.5 {
        reduced /= 2
        squarings += 1
    }
    var sum = 1.0
    var term = 1.0
    for n in 1...14 {
        term *= reduced / Double(n)
        sum += term
    }
    for _ in 0..<squarings { sum *= sum }
    return sum
}
