package import Fleet
package import Transport

/// Where and how to ask engines.
package struct EngineCollectorSettings: Sendable {
    /// What the engines may be; with several, each is found out by asking.
    package var profiles = EngineProfile.all
    /// `nil`: where the profile says.
    package var metricsPath: String?
    /// `nil` switches the health check off; a dead engine whose metrics still answer then goes unnoticed.
    package var healthPath: String? = "/health"
    /// A busy engine takes seconds to answer, which is no sign of death.
    package var timeout: Duration = .seconds(10)
    /// Sent with every request.
    package var headers: [HTTPField] = []
    package var maximumResponseBytes = 16 << 20

    package init() {}
}

/// One engine to ask.
package struct EngineTarget: Hashable, Sendable {
    package var id: ReplicaID
    /// Scheme, host and port, such as `http://10.0.0.7:8000`; `nil` when it is not known (yet).
    package var endpoint: String?

    package init(id: ReplicaID, endpoint: String?) {
        self.id = id
        self.endpoint = endpoint
    }
}

/// Asks engines for their metrics and their health, all at once, and keeps the last good sample of each.
///
/// A reading that fails carries an error and the age of what is known; it never becomes a zero.
package actor EngineCollector {
    private let transport: HTTPTransport
    private let settings: EngineCollectorSettings
    private var known: [ReplicaID: Known] = [:]

    private static let concurrency = 64

    /// A good sample, and the engine that it came from.
    private struct Known {
        var target: EngineTarget
        var sample: EngineSample
        var at: Timestamp
        var identity: EngineIdentity
    }

    package init(transport: HTTPTransport, settings: EngineCollectorSettings) {
        self.transport = transport
        self.settings = settings
    }

    /// Returns within the timeout, one reading per target, in the order of the targets. What is known of engines that
    /// are no longer asked is forgotten: a sample belongs to one launch of one replica at one address.
    package func read(_ targets: [EngineTarget], at now: Timestamp) async -> [EngineReading] {
        let before = known
        let answers = await ask(targets.map { ($0, before[$0.id].flatMap { $0.identity }) })
        known = [:]
        return zip(targets, answers).map { target, answer in
            if let (sample, identity) = answer.found {
                known[target.id] = Known(target: target, sample: sample, at: now, identity: identity)
            } else if var past = before[target.id], past.target == target {
                // It may be another one when it is back.
                past.identity = EngineIdentity(past.identity.profile)
                known[target.id] = past
            }
            return EngineReading(
                id: target.id, sample: known[target.id]?.sample, sampledAt: known[target.id]?.at, error: answer.error,
                healthy: answer.healthy, took: answer.took)
        }
    }

    private func ask(_ targets: [(EngineTarget, EngineIdentity?)]) async -> [Answer] {
        let (transport, settings) = (transport, settings)
        return await withTaskGroup(of: (Int, Answer).self) { group in
            var answers = targets.map { _ in Answer(error: "not asked") }
            var next = 0
            func askNext() {
                guard next < targets.count else { return }
                let (index, (target, identity)) = (next, targets[next])
                next += 1
                group.addTask { (index, await Answer(asking: target, known: identity, settings, transport)) }
            }
            for _ in 0..<Self.concurrency { askNext() }
            for await (index, answer) in group {
                answers[index] = answer
                askNext()
            }
            return answers
        }
    }
}

/// What one engine said just now.
private struct Answer: Sendable {
    var found: (sample: EngineSample, identity: EngineIdentity)?
    var error: String?
    var healthy: Bool?
    var took: Duration?

    init(error: String) { self.error = error }

    init(
        asking target: EngineTarget, known: EngineIdentity?, _ settings: EngineCollectorSettings,
        _ transport: HTTPTransport
    ) async {
        guard let endpoint = target.endpoint else {
            error = "no address is known for \(target.id)"
            return
        }
        let probe = EngineProbe(endpoint: endpoint, settings: settings, transport: transport)
        async let health = probe.health()
        let started = ContinuousClock.now
        do {
            found = try await probe.read(known: known)
        } catch {
            self.error = error.description
        }
        took = ContinuousClock.now - started
        healthy = await health
    }
}

/// A failed reading in words: where, what was found, what would have been right.
package struct CollectorError: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String
    package init(_ description: String) { self.description = description }
}
