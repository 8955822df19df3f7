import HTTPTypes
import Hummingbird
import NIOCore

/// Carries the identity of the connection, so that its end can abort what it waits for.
struct ConnectionContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let connection: ObjectIdentifier

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        connection = ObjectIdentifier(source.channel)
    }
}

/// Answers every request the way vLLM's API server does.
struct APIResponder: HTTPResponder {
    typealias Context = ConnectionContext

    struct Settings: Sendable {
        /// The first one names the metrics.
        var modelNames: [String]
        var maxModelLength: Int
        /// Where a chat without a limit ends by itself.
        var naturalTokens: Int
        var devMode = false
        var tracksLoad = false
        var apiKey: String?
        var metricsDelay = Duration.zero
    }

    let settings: Settings
    let engine: EngineDriver
    let page: MetricsPage
    let http: HTTPCounts

    static let maxBodyBytes = 8 << 20

    func respond(to request: Request, context: ConnectionContext) async throws -> Response {
        let exchange = http.begin(request, route: Route(path: request.uri.path, devMode: settings.devMode))
        guard let route = exchange.route else {
            return exchange.end(.json("{\"detail\":\"Not Found\"}", .notFound))
        }
        guard route.allows(request.method) else {
            return exchange.end(.json("{\"detail\":\"Method Not Allowed\"}", .methodNotAllowed))
        }
        if route.needsKey, let key = settings.apiKey, request.headers[.authorization] != "Bearer \(key)" {
            return exchange.end(.json("{\"error\":\"Unauthorized\"}", .unauthorized))
        }
        switch route {
        case .completions: return await generate(.completions, request, context.connection, exchange)
        case .chat: return await generate(.chat, request, context.connection, exchange)
        default: return exchange.end(try await answer(route, request))
        }
    }

    private func answer(_ route: Route, _ request: Request) async throws -> Response {
        switch route {
        case .health, .ping:
            return .empty(engine.snapshot.isDead ? .serviceUnavailable : .ok)
        case .version:
            return .json("{\"version\":\"0.32.0\"}")
        case .load:
            return .json("{\"server_load\":\(settings.tracksLoad ? engine.snapshot.inFlight : 0)}")
        case .models:
            return .json(models)
        case .metrics:
            if settings.metricsDelay > .zero { try await Task.sleep(for: settings.metricsDelay) }
            return metrics(request.method)
        case .isSleeping:
            return .json("{\"is_sleeping\":\(engine.snapshot.sleepLevel != nil)}")
        case .sleep:
            return sleep(request)
        case .wakeUp:
            engine.wakeUp()
            return .json("{\"status\":\"awake\",\"tags\":null}")
        case .completions, .chat:
            return .empty(.notImplemented)
        }
    }

    private func metrics(_ method: HTTPRequest.Method) -> Response {
        let seen = engine.snapshot
        let text = page.text(seen.statistics, seen.gauges, sleepLevel: seen.sleepLevel, http: http.statistics)
        return .text(text, "text/plain; version=1.0.0; charset=utf-8")
    }

    private func sleep(_ request: Request) -> Response {
        let level = request.uri.queryParameters.get("level", as: Int.self) ?? 1
        let mode = request.uri.queryParameters.get("mode") ?? "abort"
        guard (0...2).contains(level) else { return .error(.badValue("level", "level must be 0, 1 or 2")) }
        guard mode == "abort" || mode == "keep" else {
            return .error(.badValue("mode", "vllm-sim sleeps with mode abort or keep"))
        }
        engine.sleep(level: level, abort: mode == "abort")
        return .json("{\"status\":\"sleeping\",\"level\":\(level)}")
    }

    private var models: String {
        let created = Int(SystemProcess.wallClock)
        let entries = settings.modelNames.map { name in
            #"{"id":\#(quoted(name)),"object":"model","created":\#(created),"owned_by":"vllm","#
                + #""root":\#(quoted(settings.modelNames[0])),"parent":null,"#
                + #""max_model_len":\#(settings.maxModelLength),"#
                + #""permission":[{"id":"\#(freshIdentifier("modelperm"))","object":"model_permission","#
                + #""created":\#(created),"allow_create_engine":false,"allow_sampling":true,"allow_logprobs":true,"#
                + #""allow_search_indices":false,"allow_view":true,"allow_fine_tuning":false,"organization":"*","#
                + #""group":null,"is_blocking":false}]}"#
        }
        return #"{"object":"list","data":[\#(entries.joined(separator: ","))]}"#
    }
}

extension Response {
    static func empty(_ status: HTTPResponse.Status) -> Response {
        Response(status: status, headers: [.vary: "Origin"])
    }

    static func json(_ text: String, _ status: HTTPResponse.Status = .ok) -> Response {
        self.text(text, "application/json", status)
    }

    static func text(_ text: String, _ type: String, _ status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status, headers: [.contentType: type, .vary: "Origin"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }

    static func error(_ error: APIError) -> Response {
        json(error.body, HTTPResponse.Status(code: error.status))
    }
}
