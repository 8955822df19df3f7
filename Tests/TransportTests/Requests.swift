import TestSupport
import Transport

func request(
    _ server: RawHTTPServer, _ target: String = "/", method: String = "GET", deadline: Duration = .seconds(20),
    limit: Int = 1 << 20
) -> HTTPRequest {
    HTTPRequest(
        method: method, url: server.url + target, deadline: deadline, maximumResponseBytes: limit, bypassesProxy: true)
}

/// How a request ended, in one word and the message.
enum Ending: Equatable {
    case answered(Int)
    case notSent, unknownOutcome, cancelled
}

extension HTTPTransport {
    /// Sends, and returns how it ended with the failure's message.
    func ending(_ request: HTTPRequest) async -> (ending: Ending, message: String) {
        do {
            return (.answered(try await send(request).status), "")
        } catch {
            switch error {
            case .notSent(let message): return (.notSent, message)
            case .unknownOutcome(let message): return (.unknownOutcome, message)
            case .cancelled: return (.cancelled, "")
            }
        }
    }
}
