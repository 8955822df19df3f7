/// What vLLM's web framework counts about its own requests, once per response, when it has ended.
struct HTTPStatistics: Sendable {
    struct Handler: Sendable {
        var path: String
        var method: String
        var requestBytes = 0
        var responseBytes = 0
        var duration = Histogram([0.1, 0.5, 1])
    }

    /// Handlers in the order of their first response.
    private(set) var handlers: [Handler] = []
    private(set) var requests: [(path: String, method: String, status: String, count: Int)] = []
    private(set) var duration = Histogram([
        0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 7.5, 10, 30, 60,
    ])

    /// - Parameters:
    ///   - path: of a known route; anything else is `none`.
    ///   - requestBytes: as the `content-length` header said, 0 without it; the same holds for `responseBytes`.
    mutating func record(
        path: String, method: String, status: Int, requestBytes: Int, responseBytes: Int, took: Duration
    ) {
        let status = "\(status / 100)xx"
        if let index = requests.firstIndex(where: { $0.path == path && $0.method == method && $0.status == status }) {
            requests[index].count += 1
        } else {
            requests.append((path, method, status, 1))
        }
        if !handlers.contains(where: { $0.path == path && $0.method == method }) {
            handlers.append(Handler(path: path, method: method))
        }
        for index in handlers.indices where handlers[index].path == path && handlers[index].method == method {
            handlers[index].requestBytes += requestBytes
            handlers[index].responseBytes += responseBytes
            handlers[index].duration.observe(took)
        }
        duration.observe(took)
    }
}
