import HTTPTypes
import Hummingbird
import Synchronization

/// The web framework's own counters, shared by all connections.
final class HTTPCounts: Sendable {
    private let counts = Mutex(HTTPStatistics())

    var statistics: HTTPStatistics { counts.withLock { $0 } }

    /// One request and its answer; counted when the answer has ended.
    struct Exchange: Sendable {
        let route: Route?
        fileprivate let method: String
        fileprivate let requestBytes: Int
        fileprivate let began = ContinuousClock.now
        fileprivate let counts: HTTPCounts

        /// Counts a response that is complete.
        func end(_ response: Response) -> Response {
            end(status: response.status.code, bytes: response.body.contentLength ?? 0)
            return response
        }

        func end(status: Int, bytes: Int) {
            guard route?.isUncounted != true else { return }
            counts.counts.withLock {
                $0.record(
                    path: route?.rawValue ?? "none", method: method, status: status, requestBytes: requestBytes,
                    responseBytes: bytes, took: ContinuousClock.now - began)
            }
        }
    }

    func begin(_ request: Request, route: Route?) -> Exchange {
        Exchange(
            route: route, method: request.method.rawValue,
            requestBytes: request.headers[.contentLength].flatMap { Int($0) } ?? 0, counts: self)
    }
}
