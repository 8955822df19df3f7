package import Fleet

/// Finds credentials, keeps them, and renews them before they expire.
///
/// With less than 15 minutes left they are renewed in the background, with less than 10 a caller waits for it. While
/// renewing fails, the old ones serve until they expire. All callers share one search.
package actor AWSCredentialsProvider {
    private let sources: [any AWSCredentialsSource]
    private let now: @Sendable () -> Timestamp
    private var kept: AWSCredentials?
    private var search: Task<Result<AWSCredentials, DriverError>, Never>?
    private var lastSearch: Timestamp?

    static let advisoryMargin = Duration.seconds(15 * 60)
    static let mandatoryMargin = Duration.seconds(10 * 60)
    /// The least time between two searches while there are credentials that still serve.
    static let searchSpacing = Duration.seconds(30)

    /// Searches, in this order: environment, web identity, shared files, container, instance metadata.
    ///
    /// - Parameters:
    ///   - region: where web identity tokens are exchanged.
    ///   - serviceEndpoint: as in `AutoScalingGroupSettings`.
    package init(region: String, serviceEndpoint: String? = nil, surroundings: AWSSurroundings) {
        let endpoints = AWSEndpoints(region: region, explicit: serviceEndpoint, surroundings: surroundings)
        let sts = AWSQueryClient(region: region, endpoints: endpoints, credentials: nil, surroundings: surroundings)
        self.init(
            sources: [
                EnvironmentCredentials(surroundings: surroundings),
                WebIdentityCredentials(sts: sts, surroundings: surroundings),
                SharedFileCredentials(sts: sts, surroundings: surroundings),
                ContainerCredentials(surroundings: surroundings),
                InstanceCredentials(metadata: InstanceMetadata(surroundings: surroundings)),
            ], now: surroundings.now)
    }

    init(sources: [any AWSCredentialsSource], now: @escaping @Sendable () -> Timestamp) {
        self.sources = sources
        self.now = now
    }

    /// Credentials that are valid now.
    ///
    /// - Throws: `unauthorized` when there are none, with every place that was searched; `unreachable` when a place that
    ///   should have them does not answer.
    package func credentials() async throws(DriverError) -> AWSCredentials {
        guard let kept else { return try await searched().get() }
        guard let expiresAt = kept.expiresAt else { return kept }
        let left = expiresAt - now()
        if left > Self.advisoryMargin { return kept }
        if left > .zero, let lastSearch, now() - lastSearch < Self.searchSpacing, search == nil { return kept }
        if left > Self.mandatoryMargin {
            startSearch()
            return kept
        }
        switch await searched() {
        case .success(let fresh): return fresh
        case .failure(let error):
            if expiresAt > now() { return kept }
            throw error
        }
    }

    /// Looks again because a service refused `refused`, unless another caller has already done so.
    func credentials(insteadOf refused: AWSCredentials) async throws(DriverError) -> AWSCredentials {
        if let kept, kept != refused { return kept }
        return try await searched().get()
    }

    private func searched() async -> Result<AWSCredentials, DriverError> { await startSearch().value }

    @discardableResult
    private func startSearch() -> Task<Result<AWSCredentials, DriverError>, Never> {
        if let search { return search }
        lastSearch = now()
        // A task of its own, so that the caller that began it can be cancelled without failing the others. Every source
        // is bounded in time, therefore so is the task.
        let task = Task { await finish(Self.search(sources)) }
        search = task
        return task
    }

    private func finish(_ result: Result<AWSCredentials, DriverError>) -> Result<AWSCredentials, DriverError> {
        if case .success(let credentials) = result { kept = credentials }
        search = nil
        return result
    }

    private static func search(_ sources: [any AWSCredentialsSource]) async -> Result<AWSCredentials, DriverError> {
        var absences: [String] = []
        do {
            for source in sources {
                switch try await source.look() {
                case .found(let credentials): return .success(credentials)
                case .absent(let why): absences.append("\(source.name): \(why)")
                }
            }
        } catch {
            return .failure(error)
        }
        return .failure(.unauthorized(message: "no AWS credentials: " + absences.joined(separator: "; ")))
    }
}
