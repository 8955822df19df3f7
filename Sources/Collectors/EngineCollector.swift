package import Fleet
package import Transport

/// Where and how to ask engines.
package struct EngineCollectorSettings: Hashable, Sendable {
    package var profile: EngineProfile = .vllm
    package var metricsPath = "/metrics"
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
    private var lastGood: [ReplicaID: (target: EngineTarget, sample: EngineSample, at: Timestamp)] = [:]

    private static let concurrency = 64

    package init(transport: HTTPTransport, settings: EngineCollectorSettings) {
        self.transport = transport
        self.settings = settings
    }

    /// Returns within the timeout, one reading per target, in the order of the targets. What is known of engines that
    /// are no longer asked is forgotten: a sample belongs to one launch of one replica at one address.
    package func read(_ targets: [EngineTarget], at now: Timestamp) async -> [EngineReading] {
        let answers = await ask(targets)
        var kept: [ReplicaID: (target: EngineTarget, sample: EngineSample, at: Timestamp)] = [:]
        let readings = zip(targets, answers).map { target, answer in
            if let sample = answer.sample {
                kept[target.id] = (target, sample, now)
            } else if let known = lastGood[target.id], known.target == target {
                kept[target.id] = known
            }
            return EngineReading(
                id: target.id, sample: kept[target.id]?.sample, sampledAt: kept[target.id]?.at, error: answer.error,
                healthy: answer.healthy, took: answer.took)
        }
        lastGood = kept
        return readings
    }

    private func ask(_ targets: [EngineTarget]) async -> [Answer] {
        let (transport, settings) = (transport, settings)
        return await withTaskGroup(of: (Int, Answer).self) { group in
            var answers = targets.map { _ in Answer(error: "not asked") }
            var next = 0
            func askNext() {
                guard next < targets.count else { return }
                let (index, target) = (next, targets[next])
                next += 1
                group.addTask { (index, await Answer(asking: target, settings, transport)) }
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
    var sample: EngineSample?
    var error: String?
    var healthy: Bool?
    var took: Duration?

    init(error: String) { self.error = error }

    init(asking target: EngineTarget, _ settings: EngineCollectorSettings, _ transport: HTTPTransport) async {
        guard let endpoint = target.endpoint else {
            error = "no address is known for \(target.id)"
            return
        }
        async let health = Self.health(endpoint, settings, transport)
        let started = ContinuousClock.now
        do {
            sample = try await Self.metrics(endpoint, settings, transport)
        } catch {
            self.error = error.description
        }
        took = ContinuousClock.now - started
        healthy = await health
    }

    private static func metrics(
        _ endpoint: String, _ settings: EngineCollectorSettings, _ transport: HTTPTransport
    ) async throws(CollectorError) -> EngineSample {
        let url = endpoint + settings.metricsPath
        let response: HTTPResponse
        do {
            response = try await transport.send(request(url, settings))
        } catch {
            throw CollectorError("\(url): \(error)")
        }
        guard response.status == 200 else {
            throw CollectorError("\(url): expected status 200, found \(response.status)")
        }
        do {
            return try settings.profile.read(response.body, contentType: response.header("content-type"))
        } catch {
            throw CollectorError("\(url): \(error)")
        }
    }

    /// 200 is healthy, a 5xx is not; anything else (refused, slow, no such path) says nothing.
    private static func health(
        _ endpoint: String, _ settings: EngineCollectorSettings, _ transport: HTTPTransport
    ) async -> Bool? {
        guard let path = settings.healthPath else { return nil }
        let response = try? await transport.send(request(endpoint + path, settings))
        return switch response?.status {
        case 200: true
        case .some(500...599): false
        default: nil
        }
    }

    private static func request(_ url: String, _ settings: EngineCollectorSettings) -> HTTPRequest {
        HTTPRequest(
            url: url, headers: settings.headers, deadline: settings.timeout,
            maximumResponseBytes: settings.maximumResponseBytes)
    }
}

/// A failed reading in words: where, what was found, what would have been right.
package struct CollectorError: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String
    package init(_ description: String) { self.description = description }
}
