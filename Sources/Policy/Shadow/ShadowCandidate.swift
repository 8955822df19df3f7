import Fleet

/// One way to size a pool: a signal that says how many replicas are needed, and how long to wait before shrinking.
package struct ShadowCandidate: Hashable, Sendable, Codable {
    package enum Signal: Hashable, Sendable, Codable {
        /// This quantile of the largest one-minute mean over the lead time, by the forecast.
        case quantile(Double)
        /// What came in the last interval, with every replica loaded to this share of its capacity.
        case load(Double)
    }

    package var signal: Signal
    package var delay: ShrinkDelay
    /// Share of the replicas that must be too many before any is taken away; one at least.
    package var band: Double

    /// How long fewer replicas must have done before the pool shrinks, to the most that was needed meanwhile.
    package struct ShrinkDelay: Hashable, Sendable, Codable {
        package var base: Duration
        /// Boot times on top.
        package var boots: Int

        func seconds(boot: Double) -> Double { base.seconds + boot * Double(boots) }
    }

    package init(signal: Signal, delay: ShrinkDelay, band: Double) {
        self.signal = signal
        self.delay = delay
        self.band = band
    }
}

extension ShadowCandidate {
    /// The quantiles that candidates use, ascending; a forecast with these levels serves all of them.
    package static let levels = [0.02, 0.05, 0.1, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.995]

    /// The least first.
    static let signals: [Signal] = levels.map { .quantile($0) } + loads.map { .load($0) }
    static let loads = [1, 0.85, 0.7, 0.55, 0.4]
    static let delays = [
        ShrinkDelay(base: .seconds(60), boots: 0), ShrinkDelay(base: .zero, boots: 1),
        ShrinkDelay(base: .seconds(120), boots: 2), ShrinkDelay(base: .seconds(1800), boots: 0),
    ]
    static let delaySeconds = delays.map { (base: $0.base.seconds, boots: Double($0.boots)) }
    static let bands = [0, 0.1, 0.2]

    /// All of them: for each signal, for each delay, for each band.
    package static let all: [ShadowCandidate] = signals.flatMap { signal in
        delays.flatMap { delay in bands.map { ShadowCandidate(signal: signal, delay: delay, band: $0) } }
    }

    /// How many candidates share a signal.
    static let perSignal = delays.count * bands.count

    /// Followed until there is evidence: aims at a load of 85 %, shrinks after two minutes and two boots, since a young pool
    /// does not know whether what has gone comes back.
    static let first = (levels.count + 1) * perSignal + 2 * bands.count

    /// The candidate that differs from this one by the next lower or higher signal of its kind; `nil` at the end.
    static func neighbour(of index: Int, by step: Int) -> Int? {
        let signal = index / perSignal
        let other = signal + step
        guard signals.indices.contains(other), (signal < levels.count) == (other < levels.count) else { return nil }
        return index + step * perSignal
    }
}

extension ShadowCandidate: CustomStringConvertible {
    /// Such as "P95, shrinks by 10 % at least after 120 s and 2 boots".
    package var description: String {
        let least = band > 0 ? " by \(Int((band * 100).rounded())) % at least" : ""
        return "\(signal), shrinks\(least) after \(delay)"
    }
}

extension ShadowCandidate.Signal: CustomStringConvertible {
    /// Such as "P99.5" and "load 85 %".
    package var description: String {
        switch self {
        case .quantile(let level):
            let tenths = Int((level * 1000).rounded())
            return "P\(tenths / 10)" + (tenths % 10 == 0 ? "" : ".\(tenths % 10)")
        case .load(let load): return "load \(Int((load * 100).rounded())) %"
        }
    }
}

extension ShadowCandidate.ShrinkDelay: CustomStringConvertible {
    package var description: String {
        let parts = [
            base > .zero ? "\(Int(base.seconds.rounded())) s" : nil,
            boots > 0 ? (boots == 1 ? "1 boot" : "\(boots) boots") : nil,
        ]
        return parts.compactMap { $0 }.joined(separator: " and ")
    }
}
