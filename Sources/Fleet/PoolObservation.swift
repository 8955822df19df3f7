/// What was seen of a pool's engines at one moment, as the decision uses it.
package struct PoolObservation: Hashable, Sendable, Codable {
    package var at: Timestamp
    /// One row per engine that was asked, sorted by identifier.
    package var engines: [EngineObservation]
    /// Whether each engine is a replica of the fleet. Otherwise the engines are read as a whole (behind a balancer,
    /// say): their demand counts, and the control plane alone says which replicas are ready.
    package var enginesAreReplicas: Bool
    /// Requests held at the gateway; `nil` when there is no gateway or it does not answer.
    package var held: Double?
    /// Gateways that have fallen silent: `held` has what they said last. `nil`: none.
    package var silentGateways: Int?

    package init(
        at: Timestamp, engines: [EngineObservation], enginesAreReplicas: Bool = true, held: Double? = nil,
        silentGateways: Int? = nil
    ) {
        self.at = at
        self.engines = engines.inOrder { $0.id < $1.id }
        self.enginesAreReplicas = enginesAreReplicas
        self.held = held
        self.silentGateways = silentGateways
    }
}

/// One engine at one moment.
package struct EngineObservation: Hashable, Sendable, Codable {
    package var id: ReplicaID
    package var condition: EngineCondition
    /// Requests in the batch, by the last good reading; `nil` when there is none or it does not say.
    package var running: Double?
    /// Requests that wait and that another replica would help.
    package var waiting: Double?
    /// Share of the KV cache in use, 0 to 1.
    package var kvCacheUsage: Double?
    package var promptTokensPerSecond: Double?
    package var generationTokensPerSecond: Double?
    package var finishedPerSecond: Double?
    /// Time since the last good reading; `nil` when there never was one.
    package var age: Duration?
    /// When it first answered after its launch.
    package var answeringSince: Timestamp?

    package init(id: ReplicaID, condition: EngineCondition, running: Double? = nil, waiting: Double? = nil) {
        self.id = id
        self.condition = condition
        self.running = running
        self.waiting = waiting
    }

    /// Requests at this engine; `nil` when either part is unknown.
    package var requests: Double? {
        guard let running, let waiting else { return nil }
        return running + waiting
    }
}

/// What an engine's answers say about the engine.
package enum EngineCondition: Hashable, Sendable, Codable {
    /// It has not answered since its launch: it boots.
    case starting
    /// Its last good reading is young enough to act on.
    case answering
    /// It answers, but its gauges contradict its counters, which stand still: the gauges are left over.
    case leftoverGauges
    /// It answered once and has not for too long; its load is unknown.
    case silent(String)
    /// It answers and has said nothing of its load: no gauges yet, or none at all.
    case mute
    /// It accepts requests and works on none; no gauge shows them.
    case sleeping
    /// Its metrics answer, its health check does not: it serves nothing.
    case dead(String)
}

extension EngineCondition {
    /// One word, as metrics and tables name it.
    package var name: String {
        switch self {
        case .starting: "starting"
        case .answering: "answering"
        case .leftoverGauges: "leftover_gauges"
        case .silent: "silent"
        case .mute: "mute"
        case .sleeping: "sleeping"
        case .dead: "dead"
        }
    }

    package static let names = ["starting", "answering", "leftover_gauges", "silent", "mute", "sleeping", "dead"]
}

/// What asking one engine gave, as the collector hands it to the observer.
package struct EngineReading: Hashable, Sendable, Codable {
    package var id: ReplicaID
    /// The latest good sample, which may be from an earlier reading; `nil` when there never was one.
    package var sample: EngineSample?
    /// When that sample was taken.
    package var sampledAt: Timestamp?
    /// Why the latest reading failed; `nil` when it did not.
    package var error: String?
    /// Whether the health check passed; `nil` when it was not asked or gave no answer.
    package var healthy: Bool?
    /// How long the latest reading took.
    package var took: Duration?

    package init(
        id: ReplicaID, sample: EngineSample? = nil, sampledAt: Timestamp? = nil, error: String? = nil,
        healthy: Bool? = nil, took: Duration? = nil
    ) {
        self.id = id
        self.sample = sample
        self.sampledAt = sampledAt
        self.error = error
        self.healthy = healthy
        self.took = took
    }
}
