extension [ForecastHead] {
    /// Sets all weights to the best ones for what was learned: Cholesky on the normal equations, those of four horizons
    /// side by side, since most of the time of one would go by waiting for the last product.
    mutating func solve() {
        guard let features = first?.regression.weights.count else { return }
        let side = features * (features + 1) / 2
        withUnsafeTemporaryAllocation(of: SIMD4<Double>.self, capacity: side + features + 1) { four in
            for first in stride(from: 0, to: count, by: 4) {
                four.withMemoryRebound(to: Double.self) { numbers in
                    // A lane to spare does the last one again.
                    for lane in 0..<4 {
                        self[Swift.min(first + lane, count - 1)].regression.write(to: numbers, lane: lane)
                    }
                }
                Self.solve(four, features: features)
                for lane in 0..<Swift.min(4, count - first) {
                    self[first + lane].regression.setWeights { four[side + $0][lane] }
                }
            }
        }
    }

    /// - Parameter four: the lower triangle by rows; one more row, the right side, which the solution replaces; and what
    ///   is added to the diagonal.
    private static func solve(_ four: UnsafeMutableBufferPointer<SIMD4<Double>>, features: Int) {
        let ridge = four[four.count - 1]
        let least = SIMD4<Double>(repeating: 1e-12)
        var row = 0
        for i in 0...features {
            var other = 0
            for j in 0..<Swift.min(i + 1, features) {
                var sum = four[row + j]
                for k in 0..<j { sum -= four[row &+ k] * four[other &+ k] }
                if i == j {
                    sum += ridge
                    // The factor's diagonal is kept inverted: a product costs less than a quotient.
                    four[row + j] = 1 / sum.replacing(with: least, where: sum .< least).squareRoot()
                } else {
                    four[row + j] = sum * four[other + j]
                }
                other += j + 1
            }
            row += i + 1
        }
        let side = four.count - 1 - features
        row = side
        for i in stride(from: features - 1, through: 0, by: -1) {
            row -= i + 1
            let x = four[side + i] * four[row + i]
            for k in 0..<i { four[side &+ k] -= four[row &+ k] * x }
            four[side + i] = x
        }
    }
}

extension HorizonRegression {
    /// Writes the normal equations, as `solve` wants them, for every fourth number from `lane` on.
    fileprivate func write(to numbers: UnsafeMutableBufferPointer<Double>, lane: Int) {
        for index in gram.indices { numbers[4 &* index &+ lane] = gram[index] }
        for index in moment.indices { numbers[4 &* (gram.count &+ index) &+ lane] = moment[index] }
        numbers[4 * (gram.count + moment.count) + lane] = priorSamples * max(variance, Self.varianceFloor)
    }
}
