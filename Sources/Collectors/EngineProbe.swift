import Fleet
import Transport

/// What was found out about the program behind an address, so that it need not be asked anew each time.
struct EngineIdentity: Sendable {
    var profile: EngineProfile
    /// The model of an engine whose metrics name none; empty when nothing else names it either.
    var model: String?
    /// Whether it has a path for sleep; `nil` until it was asked.
    var tellsSleep: Bool?

    init(_ profile: EngineProfile) { self.profile = profile }
}

/// Asks one engine what it is and how it does, all within one timeout.
///
/// Mostly that is one request, for the metrics. A program that is not what it was, or is met for the first time, is
/// also asked where other engines have theirs; then for what its metrics leave out.
struct EngineProbe: Sendable {
    private let endpoint: String
    private let settings: EngineCollectorSettings
    private let transport: HTTPTransport
    private let end: ContinuousClock.Instant

    init(endpoint: String, settings: EngineCollectorSettings, transport: HTTPTransport) {
        (self.endpoint, self.settings, self.transport) = (endpoint, settings, transport)
        end = .now + settings.timeout
    }

    /// - Throws: what the path where it was last found says, else the first; or that nobody answers.
    func read(known: EngineIdentity?) async throws(CollectorError) -> (sample: EngineSample, identity: EngineIdentity) {
        let profiles =
            settings.profiles.filter { $0.engine == known?.profile.engine }
            + settings.profiles.filter { $0.engine != known?.profile.engine }
        var asked: Set<String> = []
        var refusal: CollectorError?
        for path in profiles.compactMap(path) where asked.insert(path).inserted {
            let response: HTTPResponse
            do { response = try await get(path, first: asked.count == 1) } catch {
                throw CollectorError("\(endpoint + path): \(error)")
            }
            do throws(EngineReadError) {
                guard response.status == 200 else { throw .status(response.status) }
                let (profile, sample) = try EngineProfile.read(
                    response.body, contentType: response.header("content-type"),
                    as: profiles.filter { self.path($0) == path })
                let isKnown = profile.engine == known?.profile.engine
                return await complete(sample, isKnown ? known ?? EngineIdentity(profile) : EngineIdentity(profile))
            } catch {
                refusal = refusal ?? CollectorError("\(endpoint + path): \(error)")
            }
        }
        throw refusal ?? CollectorError("\(endpoint): there is no kind of engine to look for")
    }

    /// 200 is healthy, a 5xx is not; anything else (refused, slow, no such path) says nothing.
    func health() async -> Bool? {
        guard let path = settings.healthPath else { return nil }
        return switch (try? await get(path, first: true))?.status {
        case 200: true
        case .some(500...599): false
        default: nil
        }
    }

    /// Adds what the metrics of this engine do not tell, where it has a path for that.
    private func complete(
        _ read: EngineSample, _ known: EngineIdentity
    ) async -> (sample: EngineSample, identity: EngineIdentity) {
        var (sample, identity) = (read, known)
        let profile = known.profile
        if let path = profile.modelsPath, sample.models.contains(where: \.model.isEmpty) {
            if identity.model == nil, let answer = try? await get(path) {
                identity.model = ModelNames(answer.body)?.names?.first ?? ""
            }
            for row in sample.models.indices where sample.models[row].model.isEmpty {
                sample.models[row].model = identity.model ?? ""
            }
        }
        if let path = profile.sleepPath, sample.sleeping == nil, !sample.models.isEmpty, identity.tellsSleep != false,
            let answer = try? await get(path)
        {
            let sleeps = SleepState.read(answer.body)
            identity.tellsSleep = sleeps != nil
            for row in sample.models.indices { sample.models[row].sleeping = sleeps }
            if sleeps != nil { sample.missing.removeAll { $0 == "sleeping" } }
        }
        return (sample, identity)
    }

    private func path(_ profile: EngineProfile) -> String? {
        profile.metricsPath == nil ? profile.modelsPath : settings.metricsPath ?? profile.metricsPath
    }

    /// - Parameter first: asked at once; the others have what is left of the time.
    private func get(_ path: String, first: Bool = false) async throws(HTTPFailure) -> HTTPResponse {
        try await transport.send(
            HTTPRequest(
                url: endpoint + path, headers: settings.headers, deadline: first ? settings.timeout : end - .now,
                maximumResponseBytes: settings.maximumResponseBytes))
    }
}
