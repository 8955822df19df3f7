import Fleet

/// A token from an identity provider, such as a Kubernetes service account, exchanged for a role's credentials.
struct WebIdentityCredentials: AWSCredentialsSource {
    /// Unsigned: the token is the proof.
    var sts: AWSQueryClient
    var surroundings: AWSSurroundings
    let name = "web identity"

    static let deadline = Duration.seconds(5)

    func look() async throws(DriverError) -> AWSCredentialsFinding {
        guard let tokenFile = surroundings.variable("AWS_WEB_IDENTITY_TOKEN_FILE") else {
            return .absent("AWS_WEB_IDENTITY_TOKEN_FILE not set")
        }
        guard let role = surroundings.variable("AWS_ROLE_ARN") else {
            throw .unauthorized(message: "AWS_WEB_IDENTITY_TOKEN_FILE is set, AWS_ROLE_ARN is not: set both or neither")
        }
        return .found(
            try await exchange(
                tokenFile: tokenFile, role: role, session: surroundings.variable("AWS_ROLE_SESSION_NAME")))
    }

    /// - Parameter tokenFile: read anew each time: its content is rotated.
    func exchange(tokenFile: String, role: String, session: String?) async throws(DriverError) -> AWSCredentials {
        guard let token = surroundings.readFile(tokenFile)?.trimmed, !token.isEmpty else {
            throw .unauthorized(message: "web identity token file \(tokenFile) is missing, unreadable or empty")
        }
        // It changes nothing but the count of issued credentials, so it is tried again like a read.
        let call = AWSQueryCall(.sts, "AssumeRoleWithWebIdentity", .reads)
            .with("RoleArn", role)
            .with("RoleSessionName", session ?? "scale-agent")
            .with("WebIdentityToken", token)
        let given = try await sts.answer(
            to: call, as: AssumeRoleWithWebIdentityAnswer.self, until: surroundings.uptime() + Self.deadline
        ).result.credentials
        guard let expiresAt = AWSTime.rfc3339(given.expiration) else {
            throw .unreachable(message: "sts: the expiration of credentials is not a time: \(given.expiration)")
        }
        return AWSCredentials(
            accessKeyID: given.accessKeyID, secretAccessKey: given.secretAccessKey, sessionToken: given.sessionToken,
            expiresAt: expiresAt)
    }
}

extension String {
    /// Without white space and line breaks at either end.
    var trimmed: String {
        guard let first = firstIndex(where: { !$0.isWhitespace }), let last = lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return String(self[first...last])
    }
}
