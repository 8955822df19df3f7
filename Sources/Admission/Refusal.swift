/// Why a request was not served, as client, log and metrics are told.
package struct Refusal: Hashable, Sendable {
    package enum Code: String, Hashable, Sendable, CaseIterable {
        case modelNotFound = "model_not_found"
        case modelNotAllowed = "model_not_allowed"
        /// The model sleeps and the key may not wake it.
        case modelAsleep = "model_asleep"
        case rateLimited = "rate_limit_exceeded"
        case tooManyRequests = "too_many_requests"
        case queueFull = "queue_full"
        /// No replica, or no slot, within the time that the request could wait.
        case wakeTimeout = "wake_timeout"
        case queueTimeout = "queue_timeout"
        case wakeFailed = "wake_failed"
        /// No replica could serve it, and it was not sent again.
        case upstreamFailed = "upstream_failed"
        case draining = "gateway_draining"
    }

    package var code: Code
    /// A sentence for the client.
    package var message: String
    /// Sent as `Retry-After`, in whole seconds rounded up.
    package var retryAfter: Duration?

    package init(_ code: Code, _ message: String, retryAfter: Duration? = nil) {
        self.code = code
        self.message = message
        self.retryAfter = retryAfter
    }
}

extension Refusal.Code {
    package var httpStatus: Int {
        switch self {
        case .modelNotFound: 404
        case .modelNotAllowed: 403
        case .rateLimited, .tooManyRequests, .queueFull: 429
        case .upstreamFailed: 502
        case .modelAsleep, .wakeFailed, .draining: 503
        case .wakeTimeout, .queueTimeout: 504
        }
    }

    /// The `type` of an OpenAI error object.
    package var errorType: String {
        switch self {
        case .modelNotFound: "invalid_request_error"
        case .modelNotAllowed: "permission_error"
        case .rateLimited, .tooManyRequests, .queueFull: "rate_limit_error"
        case .modelAsleep, .wakeFailed, .draining, .upstreamFailed, .wakeTimeout, .queueTimeout: "server_error"
        }
    }

    /// Sent as `x-should-retry`; `nil`: left to the client. Clients repeat a 504 at once, which would be a second hold.
    package var shouldRetry: Bool? {
        switch self {
        case .wakeTimeout, .queueTimeout, .wakeFailed, .modelAsleep, .modelNotFound, .modelNotAllowed: false
        case .rateLimited, .tooManyRequests, .queueFull, .draining, .upstreamFailed: nil
        }
    }
}
