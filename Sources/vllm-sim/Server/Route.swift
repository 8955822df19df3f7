import HTTPTypes

/// The paths that the stand-in serves, with the methods that vLLM has for them.
enum Route: String {
    case health = "/health"
    case version = "/version"
    case metrics = "/metrics"
    case models = "/v1/models"
    case completions = "/v1/completions"
    case chat = "/v1/chat/completions"

    /// - Returns: `nil` for a path that is not served.
    init?(path: String) {
        // The metrics are an application of their own, mounted with and without the slash.
        self.init(rawValue: path == "/metrics/" ? "/metrics" : path)
    }

    func allows(_ method: HTTPRequest.Method) -> Bool {
        switch self {
        case .metrics: true
        case .completions, .chat: method == .post
        case .health, .version, .models: method == .get
        }
    }

    /// Whether the web framework leaves it out of its own metrics.
    var isUncounted: Bool { self == .health || self == .version || self == .metrics }
}
