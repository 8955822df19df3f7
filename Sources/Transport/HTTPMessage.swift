/// One outbound request. Redirects are not followed.
package struct HTTPRequest: Sendable {
    package var method: String
    /// `http` or `https`, with host, path and query already escaped.
    package var url: String
    package var headers: [HTTPField]
    package var body: [UInt8]?
    /// The whole exchange, from the call to the last byte, ends within this.
    package var deadline: Duration
    /// A longer body fails the request.
    package var maximumResponseBytes: Int
    /// Signs the request with AWS Signature Version 4 when present. For POST to query and JSON services only: older
    /// libcurl signs GET requests with unsorted parameters wrongly.
    package var signature: AWSSignature?
    /// Goes around every configured proxy: link-local metadata services must.
    package var bypassesProxy: Bool

    package init(
        method: String = "GET", url: String, headers: [HTTPField] = [], body: [UInt8]? = nil,
        deadline: Duration, maximumResponseBytes: Int = 8 << 20, signature: AWSSignature? = nil,
        bypassesProxy: Bool = false
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.deadline = deadline
        self.maximumResponseBytes = maximumResponseBytes
        self.signature = signature
        self.bypassesProxy = bypassesProxy
    }
}

package struct HTTPField: Hashable, Sendable {
    package var name: String
    package var value: String
    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// What libcurl needs to sign a request; the session token travels as a signed header.
package struct AWSSignature: Sendable {
    package var region: String
    package var service: String
    package var accessKeyID: String
    package var secretAccessKey: String
    package var sessionToken: String?

    package init(region: String, service: String, accessKeyID: String, secretAccessKey: String, sessionToken: String?) {
        self.region = region
        self.service = service
        self.accessKeyID = accessKeyID
        self.secretAccessKey = secretAccessKey
        self.sessionToken = sessionToken
    }
}

/// A complete answer: the body is as long as the server said it would be.
package struct HTTPResponse: Sendable {
    package var status: Int
    package var headers: [HTTPField]
    package var body: [UInt8]

    package init(status: Int, headers: [HTTPField], body: [UInt8]) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The first field of that name, whatever its case.
    package func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}

/// Why there is no complete answer. The distinction that matters for a write: did the server possibly act on it?
package enum HTTPFailure: Error, Hashable, Sendable {
    /// The address, the proxy or the certificate is wrong, nobody listens, or the deadline passed before anything was
    /// sent. The server has seen nothing.
    case notSent(String)
    /// Something was sent and no complete answer came: a reset, a cut body, a passed deadline, a body over the limit.
    case unknownOutcome(String)
    /// The waiting task was cancelled; the request may have been sent.
    case cancelled
}

extension HTTPFailure: CustomStringConvertible {
    package var description: String {
        switch self {
        case .notSent(let what), .unknownOutcome(let what): what
        case .cancelled: "cancelled"
        }
    }
}
