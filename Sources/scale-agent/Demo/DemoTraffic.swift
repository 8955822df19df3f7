import Exporters
import Fleet
import Policy
import Simulator
import Synchronization
import Transport

/// Where the demo's requests come from, in virtual time.
enum DemoSource: Sendable {
    case day(TrafficDay)
    /// With the factor that brings the trace to the size of the demo fleet.
    case trace(TrafficTrace, scale: Double, seed: UInt64)

    /// How much there is of it; the days repeat.
    var length: Duration {
        switch self {
        case .day: .seconds(86_400)
        case .trace(let trace, _, _): trace.duration
        }
    }

    func arrivals(from: Duration, to: Duration) -> [TrafficArrival] {
        switch self {
        case .day(let day): day.arrivals(from: from, to: to)
        case .trace(let trace, let scale, let seed):
            trace.arrivals(from: from, to: to, seed: seed, scale: scale, lengths: RequestLengths())
        }
    }
}

/// The users of the demo: they send completions to the least busy replica that serves, and wait while none does.
actor DemoTraffic {
    private let transport: HTTPTransport
    private var inFlight: [String: Int] = [:]
    private var endpoints: [String] = []
    private(set) var totals = Totals()
    private var waitingUsers = 0

    struct Totals: Sendable {
        var sent = 0
        var served = 0
        var failed = 0
        /// Not even tried, because too many were waiting already.
        var turnedAway = 0
        /// Seconds from arrival to the whole answer, of the latest served requests.
        var latencies: [Double] = []
    }

    private static let patience: Duration = .seconds(60)
    private static let usersAtMost = 2_000
    private static let latenciesKept = 20_000

    init(transport: HTTPTransport) { self.transport = transport }

    /// Takes over which replicas serve now; cordoned ones get nothing new.
    func route(by snapshot: PoolSnapshot) {
        guard let serving = snapshot.output?.supply?.serving, let replicas = snapshot.input?.fleet?.replicas else {
            return
        }
        endpoints = replicas.filter { serving.contains($0.id) }.compactMap(\.endpoint)
    }

    /// One user's request, from arrival to answer.
    func send(_ arrival: TrafficArrival) async {
        guard waitingUsers < Self.usersAtMost else {
            totals.turnedAway += 1
            return
        }
        waitingUsers += 1
        totals.sent += 1
        let started = ContinuousClock.now
        let served = await serve(arrival, until: started + Self.patience)
        waitingUsers -= 1
        guard served else {
            totals.failed += 1
            return
        }
        totals.served += 1
        totals.latencies.append((ContinuousClock.now - started).seconds)
        if totals.latencies.count > Self.latenciesKept { totals.latencies.removeFirst(Self.latenciesKept / 2) }
    }

    private func serve(_ arrival: TrafficArrival, until deadline: ContinuousClock.Instant) async -> Bool {
        while ContinuousClock.now < deadline, !Task.isCancelled {
            guard let endpoint = endpoints.min(by: { (inFlight[$0] ?? 0, $0) < (inFlight[$1] ?? 0, $1) }) else {
                try? await Task.sleep(for: .milliseconds(200))
                continue
            }
            inFlight[endpoint, default: 0] += 1
            let response = try? await transport.send(Self.request(arrival, to: endpoint, by: deadline))
            inFlight[endpoint, default: 1] -= 1
            if let response { return response.status == 200 }
            // The replica has just left: the next one takes over.
            try? await Task.sleep(for: .milliseconds(200))
        }
        return false
    }

    private static func request(
        _ arrival: TrafficArrival, to endpoint: String, by deadline: ContinuousClock.Instant
    ) -> HTTPRequest {
        let prompt = String(repeating: "why ", count: min(arrival.promptTokens, 2_000))
        let body = #"{"model":"demo","prompt":"\#(prompt)","max_tokens":\#(min(arrival.outputTokens, 1_000))}"#
        return HTTPRequest(
            method: "POST", url: endpoint + "/v1/completions", headers: [HTTPField("Content-Type", "application/json")],
            body: Array(body.utf8), deadline: deadline - ContinuousClock.now)
    }
}
