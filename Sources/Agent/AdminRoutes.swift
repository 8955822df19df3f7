import Exporters
import Exposition
package import Fleet
import FoundationEssentials
import HTTPTypes
package import Hummingbird
import NIOCore
import Policy
import Synchronization

/// The agent's own HTTP: what it knows, as Prometheus text, JSON and a page; and ways to wake a pool and to make it read
/// its configuration again.
package struct AdminRoutes: Sendable {
    private let board: SnapshotBoard
    private let wakes: WakeBoard
    private let link: GatewayLink?
    private let mayChange: Bool
    private let token: String?
    private let now: @Sendable () -> Timestamp
    private let reload: @Sendable () async -> ReloadResult
    private let scratch = Scratch()

    package enum ReloadResult: Sendable {
        case reloaded(String)
        case kept(because: String)
    }

    /// What a scrape wrote into, for the next one to write into; one beside another has its own.
    private final class Scratch: Sendable {
        let bytes = Mutex<[UInt8]>([])
    }

    /// - Parameters:
    ///   - mayChange: whether whoever can connect is trusted to ask for a change; true on loopback.
    ///   - token: what gateways are trusted by elsewhere; `nil`: none is.
    package init(
        board: SnapshotBoard, wakes: WakeBoard = WakeBoard(), link: GatewayLink? = nil, mayChange: Bool,
        token: String? = nil, now: @escaping @Sendable () -> Timestamp,
        reload: @escaping @Sendable () async -> ReloadResult
    ) {
        self.board = board
        self.wakes = wakes
        self.link = link
        self.mayChange = mayChange
        self.token = token
        self.now = now
        self.reload = reload
    }

    /// GET answers HEAD as well.
    package func router() -> Router<BasicRequestContext> {
        let router = Router(options: .autoGenerateHeadEndpoints)
        router.get("/") { _, _ in page() }
        router.get("/metrics") { request, _ in metrics(request) }
        router.get("/status.json") { request, _ in
            respond(StatusExporter.status(board.current), type: "application/json; charset=utf-8", to: request)
        }
        router.get("/api/v1/recommendation") { request, _ in recommendation(request) }
        router.get("/-/healthy") { _, _ in text(.ok, "healthy\n") }
        router.get("/-/ready") { _, _ in ready() }
        router.post("/-/reload") { request, _ in await reloaded(request) }
        router.post("/-/wake") { request, _ in wake(request) }
        router.get("/api/v1/replicas") { request, _ in replicas(request) }
        router.post("/api/v1/demand") { request, _ in await demand(request) }
        return router
    }

    // MARK: Answers

    private func page() -> Response {
        var response = body(StatusPage.render(board.current), type: StatusPage.contentType)
        response.headers[.contentSecurityPolicy] = StatusPage.contentSecurityPolicy
        response.headers[.xContentTypeOptions] = "nosniff"
        return response
    }

    private func metrics(_ request: Request) -> Response {
        let format = ExpositionFormat(accept: request.headers[values: .accept].joined(separator: ","))
        var snapshot = board.current
        snapshot.process = ProcessSnapshot.read()
        var bytes = scratch.bytes.withLock { bytes in
            defer { bytes = [] }
            return bytes
        }
        defer { scratch.bytes.withLock { $0 = bytes } }
        MetricsExporter.write(snapshot, format: format, into: &bytes)
        return respond(bytes, type: format.contentType, to: request)
    }

    private func recommendation(_ request: Request) -> Response {
        guard let name = request.uri.queryParameters["pool"] else {
            return text(.badRequest, "pool: expected a query parameter, such as ?pool=chat\n")
        }
        guard let json = StatusExporter.recommendation(PoolID(rawValue: String(name)), in: board.current) else {
            return text(.notFound, "no decision is known for pool \(name)\n")
        }
        return respond(json, type: "application/json; charset=utf-8", to: request)
    }

    /// Ready when every pool has decided once; a decision to hold on missing data counts.
    private func ready() -> Response {
        let (pools, gateway) = (board.current.pools, board.current.gateway)
        let waiting = pools.filter { $0.output == nil }.map(\.pool.rawValue)
        if pools.isEmpty, gateway == nil { return text(.serviceUnavailable, "no pool has decided yet\n") }
        if waiting.isEmpty { return text(.ok, "ready\n") }
        return text(.serviceUnavailable, "no decision yet: \(waiting.joined(separator: ", "))\n")
    }

    private func reloaded(_ request: Request) async -> Response {
        guard mayChange, isFromHere(request) else {
            return text(.forbidden, "reload is served on loopback addresses only; send SIGHUP instead\n")
        }
        return switch await reload() {
        case .reloaded(let what): text(.ok, what + "\n")
        case .kept(let why): text(.badRequest, "kept the running configuration:\n" + why + "\n")
        }
    }

    /// Whoever needs the pool asks again until the answer is 200: a call is kept for a while only.
    private func wake(_ request: Request) -> Response {
        guard isTrusted(request) else { return untrusted() }
        guard let name = request.uri.queryParameters["pool"].map(String.init) else {
            return text(.badRequest, "pool: expected a query parameter, such as ?pool=chat\n")
        }
        guard let pool = board.current.pools.first(where: { $0.pool.rawValue == name }) else {
            return text(.notFound, "no decision is known for pool \(name)\n")
        }
        wakes.ask(for: pool.pool, at: now())
        let serving = pool.output?.supply?.serving.count ?? 0
        if serving > 0 { return text(.ok, "\(serving) serving\n") }
        guard pool.authority == .act else { return text(.conflict, "not waking: \(pool.authority)\n") }
        return text(.accepted, "waking\n")
    }

    // MARK: Gateways

    private func replicas(_ request: Request) -> Response {
        guard isTrusted(request) else { return untrusted() }
        return report(link?.report)
    }

    /// A gateway says what it has to do, once a second and as soon as it wants something; the answer is what
    /// `/api/v1/replicas` says.
    private func demand(_ request: Request) async -> Response {
        guard isTrusted(request) else { return untrusted() }
        guard let body = try? await request.body.collect(upTo: 1 << 20),
            let said = try? JSONDecoder().decode(GatewayReport.self, from: Data(body.readableBytesView)),
            said.isSound
        else { return text(.badRequest, "this is no report of a gateway\n") }
        guard let known = link?.exchange(said) else { return text(.tooManyRequests, "too many gateways\n") }
        return report(known)
    }

    private func report(_ report: FleetReport?) -> Response {
        guard let json = try? JSONEncoder().encode(report ?? FleetReport(now: now(), pools: [])) else {
            return text(.internalServerError, "the report cannot be written\n")
        }
        return body(Array(json), type: "application/json; charset=utf-8")
    }

    /// The time it takes does not depend on which bytes are right.
    private func isTrusted(_ request: Request) -> Bool {
        if mayChange, isFromHere(request) { return true }
        guard let token, let given = request.headers[.authorization] else { return false }
        let (a, b) = (Array("Bearer \(token)".utf8), Array(given.utf8))
        return a.count == b.count && zip(a, b).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }

    private func isFromHere(_ request: Request) -> Bool {
        Self.isFromHere(authority: request.head.authority, origin: request.headers[.origin])
    }

    /// Whether a program of this host asks, not a page that a browser of this host shows, whatever name leads it here.
    static func isFromHere(authority: String?, origin: String?) -> Bool {
        guard let authority else { return origin == nil }
        if let origin, origin != "http://\(authority)" { return false }
        let port = authority.hasSuffix("]") ? nil : authority.lastIndex(of: ":")
        let host = authority[..<(port ?? authority.endIndex)].lowercased()
        if host == "localhost" || host == "[::1]" { return true }
        return host.hasPrefix("127.") && host.allSatisfy { $0 == "." || $0.isASCII && $0.isNumber }
    }

    private func untrusted() -> Response {
        text(.forbidden, "served on loopback addresses, and elsewhere to those who show the gateway_token\n")
    }

    // MARK: Bodies

    private func respond(_ bytes: [UInt8], type: String, to request: Request) -> Response {
        let accepts = request.headers[values: .acceptEncoding].joined(separator: ",")
        guard acceptsGzip(accepts), let compressed = gzip(bytes) else {
            var response = body(bytes, type: type)
            response.headers[.vary] = "Accept, Accept-Encoding"
            return response
        }
        var response = body(compressed, type: type)
        response.headers[.contentEncoding] = "gzip"
        response.headers[.vary] = "Accept, Accept-Encoding"
        return response
    }

    private func text(_ status: HTTPResponse.Status, _ text: String) -> Response {
        var response = body(Array(text.utf8), type: "text/plain; charset=utf-8")
        response.status = status
        return response
    }

    private func body(_ bytes: [UInt8], type: String) -> Response {
        Response(
            status: .ok, headers: [.contentType: type, .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}

/// Whether an `Accept-Encoding` field allows gzip: named, or covered by `*`, and not with a weight of zero.
func acceptsGzip(_ field: String) -> Bool {
    var star = false
    for part in field.split(separator: ",") {
        let pieces = part.split(separator: ";").map { $0.filter { !$0.isWhitespace }.lowercased() }
        let weight = pieces.dropFirst().first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) } ?? 1
        if pieces.first == "gzip" { return weight > 0 }
        if pieces.first == "*" { star = weight > 0 }
    }
    return star
}
