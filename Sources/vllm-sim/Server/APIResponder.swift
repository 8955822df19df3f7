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

    /// The first one names the metrics.
    let modelNames: [String]
    let maxModelLength: Int
    let engine: EngineDriver
    let page: MetricsPage
    let http: HTTPCounts

    static let maxBodyBytes = 8 << 20

    func respond(to request: Request, context: ConnectionContext) async throws -> Response {
        let exchange = http.begin(request, route: Route(path: request.uri.path))
        guard let route = exchange.route else {
            return exchange.end(.json("{\"detail\":\"Not Found\"}", .notFound))
        }
        guard route.allows(request.method) else {
            return exchange.end(.json("{\"detail\":\"Method Not Allowed\"}", .methodNotAllowed))
        }
        switch route {
        case .health: return exchange.end(.empty(engine.snapshot.isDead ? .serviceUnavailable : .ok))
        case .version: return exchange.end(.json("{\"version\":\"0.32.0\"}"))
        case .models: return exchange.end(.json(models))
        case .metrics:
            let seen = engine.snapshot
            let text = page.text(seen.statistics, seen.gauges, http: http.statistics)
            return exchange.end(.text(text, "text/plain; version=1.0.0; charset=utf-8"))
        case .completions: return await generate(.completions, request, context.connection, exchange)
        case .chat: return await generate(.chat, request, context.connection, exchange)
        }
    }

    private var models: String {
        let created = Int(SystemProcess.wallClock)
        let entries = modelNames.map { name in
            #"{"id":\#(quoted(name)),"object":"model","created":\#(created),"owned_by":"vllm","#
                + #""root":\#(quoted(modelNames[0])),"parent":null,"#
                + #""max_model_len":\#(maxModelLength),"#
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
