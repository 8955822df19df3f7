import Fleet
import Transport

/// The metadata service of an EC2 instance, version 2: every question needs a token.
struct InstanceMetadata: Sendable {
    var surroundings: AWSSurroundings

    static let deadline = Duration.seconds(2)

    enum Failure: Error {
        /// Switched off, not an EC2 instance, or no such value.
        case absent(String)
        /// The service is there and does not serve.
        case refused(DriverError)
    }

    private var base: String {
        let url = surroundings.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT") ?? "http://169.254.169.254"
        return url.hasSuffix("/") ? String(url.dropLast()) : url
    }

    /// The text at a path below `/latest/meta-data/`.
    func text(_ path: String) async throws(Failure) -> String { try await text(path, token: token()) }

    /// The name of the instance's role and the JSON with its credentials.
    func roleCredentials() async throws(Failure) -> (role: String, json: String) {
        let token = try await token()
        let path = "iam/security-credentials/"
        guard let role = try await text(path, token: token).split(whereSeparator: \.isWhitespace).first.map(String.init)
        else { throw .absent("the instance has no role") }
        return (role, try await text(path + role, token: token))
    }

    private func token() async throws(Failure) -> String {
        guard !surroundings.isTrue("AWS_EC2_METADATA_DISABLED") else { throw .absent("AWS_EC2_METADATA_DISABLED=true") }
        let response = try await send(
            "PUT", "/latest/api/token", HTTPField("X-aws-ec2-metadata-token-ttl-seconds", "300"))
        let token = String(decoding: response.body, as: UTF8.self).trimmed
        guard response.status == 200, !token.isEmpty, !token.contains(where: \.isNewline) else {
            throw .absent("\(base) gave no token: HTTP \(response.status)")
        }
        return token
    }

    private func text(_ path: String, token: String) async throws(Failure) -> String {
        let response = try await send("GET", "/latest/meta-data/" + path, HTTPField("X-aws-ec2-metadata-token", token))
        switch response.status {
        case 200: return String(decoding: response.body, as: UTF8.self)
        case 404: throw .absent("\(base) has no \(path)")
        default: throw .refused(.unreachable(message: "\(base)/latest/meta-data/\(path): HTTP \(response.status)"))
        }
    }

    private func send(_ method: String, _ path: String, _ header: HTTPField) async throws(Failure) -> HTTPResponse {
        let request = HTTPRequest(
            method: method, url: base + path, headers: [header], deadline: Self.deadline,
            maximumResponseBytes: 64 << 10, bypassesProxy: true)
        do { return try await surroundings.send(request) } catch { throw .absent("\(base): \(error)") }
    }
}

/// The credentials of the role that an EC2 instance carries.
struct InstanceCredentials: AWSCredentialsSource {
    var metadata: InstanceMetadata
    let name = "instance metadata"

    func look() async throws(DriverError) -> AWSCredentialsFinding {
        let answer: (role: String, json: String)
        do { answer = try await metadata.roleCredentials() } catch {
            switch error {
            case .absent(let why): return .absent(why)
            case .refused(let error): throw error
            }
        }
        let place = "instance metadata of role \(answer.role)"
        return .found(try MetadataCredentials.decode(Array(answer.json.utf8), from: place))
    }
}
