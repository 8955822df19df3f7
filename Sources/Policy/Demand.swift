package import Fleet

/// Requests that want to be served now. Unknown parts bound it from both sides instead of being taken for zero.
package struct Demand: Hashable, Sendable, Codable {
    /// Running requests, with the last known number of engines that are silent; `nil` when nothing was ever known.
    package var running: Double?
    /// Requests that wait for capacity, likewise.
    package var waiting: Double?
    /// Requests held at the gateway.
    package var held: Double?
    /// Engines whose load is known now.
    package var engines: Int
    /// Engines, and gateways, that should say and do not.
    package var missing: Int
    /// Requests that the missing engines are not already counted with, should all of them be full; `nil` when the
    /// capacity of a replica is unknown.
    package var missingAtMost: Double?

    /// The best single number: what is known, silent engines at their last reading.
    package var requests: Double? {
        guard running != nil || waiting != nil || held != nil else { return nil }
        return (running ?? 0) + (waiting ?? 0) + (held ?? 0)
    }

    /// What a forecast learns from; `nil` while most engines are silent, since their last readings say nothing new.
    package var sample: Double? { Self.sample(requests: requests, engines: engines, missing: missing) }

    package static func sample(requests: Double?, engines: Int, missing: Int) -> Double? {
        engines >= missing ? requests : nil
    }

    /// The most that it can be; `nil` when there is no such bound. Shrinking goes by this one.
    package var requestsAtMost: Double? {
        guard missing > 0 else { return requests }
        guard let requests, let missingAtMost else { return nil }
        return requests + missingAtMost
    }

    /// Share of engines whose load is known, 0 to 1; `nil` when none was asked.
    package var coverage: Double? {
        engines + missing == 0 ? nil : Double(engines) / Double(engines + missing)
    }

    package init(_ observation: PoolObservation, leaving: Set<ReplicaID>, lost: Set<ReplicaID>, capacity: Double?) {
        (running, waiting, held, engines, missing, missingAtMost) = (nil, nil, observation.held, 0, 0, nil)
        var unseen = 0.0
        for place in observation.engines.indices where !lost.contains(observation.engines[place].id) {
            switch observation.engines[place].condition {
            case .starting, .dead: continue
            case .sleeping:
                missing += 1
                unseen += capacity ?? 0
            case .leftoverGauges:
                engines += 1
                (running, waiting) = (running ?? 0, waiting ?? 0)
            case .answering:
                engines += 1
                add(observation.engines[place])
            case .silent, .mute:
                let engine = observation.engines[place]
                add(engine)
                guard !leaving.contains(engine.id) else { continue }
                missing += 1
                unseen += max(0, (capacity ?? 0) - (engine.requests ?? 0))
            }
        }
        missingAtMost = capacity == nil || !observation.enginesAreReplicas ? nil : unseen
        // Nobody knows what a silent gateway holds by now.
        if let silent = observation.silentGateways { (missing, missingAtMost) = (missing + silent, nil) }
    }

    /// Where there is no replica nothing runs and no engine is missed: what nobody holds or asks for is not there.
    mutating func settleAtZero() {
        guard engines == 0 else { return }
        (running, waiting, missing, missingAtMost) = (0, 0, 0, nil)
    }

    private mutating func add(_ engine: EngineObservation) {
        if let value = engine.running { running = (running ?? 0) + value }
        if let value = engine.waiting { waiting = (waiting ?? 0) + value }
    }
}
