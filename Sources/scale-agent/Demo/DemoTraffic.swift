import Fleet
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

/// The users of the demo: they send completions to the gateway, and wait for the answer for a while.
actor DemoTraffic {
    private let transport: HTTPTransport
    private let url: String
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

    /// - Parameter gateway: host and port.
    init(transport: HTTPTransport, gateway: String) {
        self.transport = transport
        url = "http://\(gateway)/v1/completions"
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
        let response = try? await transport.send(request(arrival))
        waitingUsers -= 1
        guard response?.status == 200 else {
            totals.failed += 1
            return
        }
        totals.served += 1
        totals.latencies.append((ContinuousClock.now - started).seconds)
        if totals.latencies.count > Self.latenciesKept { totals.latencies.removeFirst(Self.latenciesKept / 2) }
    }

    private func request(_ arrival: TrafficArrival) -> HTTPRequest {
        let prompt = String(repeating: "why ", count: min(arrival.promptTokens, 2_000))
        let body = #"{"model":"demo","prompt":"\#(prompt)","max_tokens":\#(min(arrival.outputTokens, 1_000))}"#
        return HTTPRequest(
            method: "POST", url: url, headers: [HTTPField("Content-Type", "application/json")], body: Array(body.utf8),
            deadline: Self.patience)
    }
}
