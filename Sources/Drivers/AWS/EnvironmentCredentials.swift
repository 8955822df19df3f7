import Fleet

/// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, for temporary ones, `AWS_SESSION_TOKEN`.
struct EnvironmentCredentials: AWSCredentialsSource {
    var surroundings: AWSSurroundings
    let name = "environment"

    func look() async throws(DriverError) -> AWSCredentialsFinding {
        guard let id = surroundings.variable("AWS_ACCESS_KEY_ID") else { return .absent("AWS_ACCESS_KEY_ID not set") }
        guard let secret = surroundings.variable("AWS_SECRET_ACCESS_KEY") else {
            throw .unauthorized(message: "AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not: set both or neither")
        }
        let token = surroundings.variable("AWS_SESSION_TOKEN") ?? surroundings.variable("AWS_SECURITY_TOKEN")
        return .found(AWSCredentials(accessKeyID: id, secretAccessKey: secret, sessionToken: token))
    }
}
