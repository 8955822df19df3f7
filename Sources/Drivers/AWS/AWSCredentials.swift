package import Fleet

/// What signs a request.
package struct AWSCredentials: Sendable, Equatable {
    package var accessKeyID: String
    package var secretAccessKey: String
    package var sessionToken: String?
    /// `nil` when they do not expire by themselves.
    package var expiresAt: Timestamp?

    package init(accessKeyID: String, secretAccessKey: String, sessionToken: String? = nil, expiresAt: Timestamp? = nil)
    {
        self.accessKeyID = accessKeyID
        self.secretAccessKey = secretAccessKey
        self.sessionToken = sessionToken
        self.expiresAt = expiresAt
    }
}

extension AWSCredentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "AWS credentials \(accessKeyID) <redacted>" }
    package var debugDescription: String { description }
    /// Keeps the secret out of `dump` too.
    package var customMirror: Mirror { Mirror(self, children: ["accessKeyID": accessKeyID]) }
}

/// One place where credentials may be.
protocol AWSCredentialsSource: Sendable {
    /// As messages name it, such as `environment`.
    var name: String { get }

    /// Looks once, bounded in time.
    ///
    /// - Throws: `unauthorized` when the place is configured but what is there cannot be used, `unreachable` when it
    ///   does not answer. The search ends there: falling through to weaker credentials would hide the mistake.
    func look() async throws(DriverError) -> AWSCredentialsFinding
}

enum AWSCredentialsFinding: Sendable, Equatable {
    case found(AWSCredentials)
    /// Nothing there, and why: part of the message when nothing is found anywhere.
    case absent(String)
}
