import HTTPTypes

/// The paths that the stand-in serves, with the methods that vLLM has for them.
enum Route: String, CaseIterable {
    case health = "/health"
    case ping = "/ping"
    case version = "/version"
    case load = "/load"
    case metrics = "/metrics"
    case models = "/v1/models"
    case completions = "/v1/completions"
    case chat = "/v1/chat/completions"
    case isSleeping = "/is_sleeping"
    case sleep = "/sleep"
    case wakeUp = "/wake_up"

    /// - Returns: `nil` for a path that is not served; `/sleep` and its like need the development mode.
    init?(path: String, devMode: Bool) {
        // The metrics are an application of their own, mounted with and without the slash.
        let path = path == "/metrics/" ? "/metrics" : path
        guard let route = Route(rawValue: path), devMode || !route.needsDevMode else { return nil }
        self = route
    }

    private var needsDevMode: Bool { self == .isSleeping || self == .sleep || self == .wakeUp }

    func allows(_ method: HTTPRequest.Method) -> Bool {
        switch self {
        case .metrics: true
        case .ping: method == .get || method == .post
        case .completions, .chat, .sleep, .wakeUp: method == .post
        default: method == .get
        }
    }

    /// Whether the web framework leaves it out of its own metrics.
    var isUncounted: Bool {
        switch self {
        case .health, .ping, .version, .load, .metrics: true
        default: false
        }
    }

    var needsKey: Bool { rawValue.hasPrefix("/v1/") }
}
