import func Glibc.exp

/// Learns online how much of each feature to use for one horizon: ridge regression on exponentially weighted normal
/// equations, towards weights that are sensible from the start.
///
/// Closed form and convex, O(d^2) a sample and O(d^3) a solution, so it cannot run away as recursive least squares with
/// forgetting does on idle series. Large errors count less (Huber, "Robust estimation of a location parameter", 1964).
struct HorizonRegression: Hashable, Sendable, Codable {
    private(set) var weights: [Double]
    /// The weights before anything was learned, for the first features; 0 for the rest.
    private let prior: [Double]
    /// Lower triangle by rows.
    private(set) var gram: Packed<Double>
    private(set) var moment: Packed<Double>
    private let memory: Double
    /// Samples that the prior counts for.
    let priorSamples: Double
    /// Running mean square of the errors, outliers cut.
    private var spread = 0.0
    /// Running mean square of the target's move, which sets the ridge's scale.
    private(set) var variance = 0.0
    private var learned = 0

    static let varianceFloor = 0.05
    static let huber = 3.0
    static let memorySeconds = 1.5 * 86_400
    static let priorSeconds = 900.0

    /// - Parameter step: seconds from sample to sample.
    init(prior: [Double], features: Int, step: Double) {
        self.prior = prior + Array(repeating: 0, count: features - prior.count)
        weights = self.prior
        gram = Packed(repeating: 0, count: features * (features + 1) / 2)
        moment = Packed(repeating: 0, count: features)
        memory = exp(-step / Self.memorySeconds)
        priorSamples = Self.priorSeconds / step
    }

    func isSound(like fresh: HorizonRegression) -> Bool {
        (prior, memory, priorSamples) == (fresh.prior, fresh.memory, fresh.priorSamples)
            && weights.count == prior.count && moment.count == prior.count && gram.count == fresh.gram.count
            && (0..<1 << 48).contains(learned)
    }

    mutating func setWeights(beyondPrior: (Int) -> Double) {
        for index in weights.indices { weights[index] = prior[index] + beyondPrior(index) }
    }

    func predict(_ features: UnsafeMutableBufferPointer<Double>) -> Double {
        var sum = 0.0
        for index in weights.indices { sum += weights[index] * features[index] }
        return sum
    }

    /// Takes in what came of these features.
    mutating func learn(_ features: UnsafeMutableBufferPointer<Double>, target: Double) {
        var error = target
        var beyondPrior = target
        for index in weights.indices {
            error -= weights[index] * features[index]
            beyondPrior -= prior[index] * features[index]
        }
        let share = weigh(error: error, move: target)
        let count = weights.count
        gram.withElements { gram in
            moment.withElements { moment in
                var row = 0
                for i in 0..<count {
                    let x = features[i] * share
                    moment[i] = memory * moment[i] + x * beyondPrior
                    for j in 0..<i &+ 1 { gram[row &+ j] = memory * gram[row &+ j] + x * features[j] }
                    row += i + 1
                }
            }
        }
    }

    /// How much an error of this size counts, 0 to 1.
    private mutating func weigh(error: Double, move: Double) -> Double {
        var share = 1.0
        if learned > 0 {
            let usual = spread.squareRoot()
            if error.magnitude > Self.huber * usual { share = Self.huber * usual / error.magnitude }
            spread += 0.002 * (min(error * error, 25 * spread) - spread)
        } else {
            spread = error * error
        }
        spread = max(spread, Self.varianceFloor)
        learned += 1
        let capped = learned > 20 ? min(move * move, 25 * max(variance, Self.varianceFloor)) : move * move
        variance += max(1 / Double(learned), 1 - memory) * (capped - variance)
        return share
    }
}
