import func Glibc.exp

/// An exponentially weighted mean; a plain mean until it is as old as its memory.
struct RunningMean: Hashable, Sendable, Codable {
    private(set) var value = 0.0
    /// The weights of all that was added, the latest one counting 1.
    private(set) var mass = 0.0
    private let decay: Double

    /// - Parameters:
    ///   - memory: seconds after which a value weighs 1/e.
    ///   - step: seconds from value to value.
    init(memory: Double, step: Double) { decay = exp(-step / memory) }

    mutating func add(_ sample: Double) {
        mass = mass * decay + 1
        value += (sample - value) / mass
    }
}
