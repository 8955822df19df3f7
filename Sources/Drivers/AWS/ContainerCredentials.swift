import Fleet
import Transport

/// Credentials of an ECS task or an EKS pod, from an agent on the same host.
struct ContainerCredentials: AWSCredentialsSource {
    var surroundings: AWSSurroundings
    let name = "container"

    func look() async throws(DriverError) -> AWSCredentialsFinding {
        let url: String
        if let path = surroundings.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
            guard path.hasPrefix("/") else {
                throw .unauthorized(message: "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: expected a path, found \(path)")
            }
            url = "http://169.254.170.2" + path
        } else if let full = surroundings.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI") {
            guard Self.mayBeAsked(full) else {
                throw .unauthorized(
                    message: "AWS_CONTAINER_CREDENTIALS_FULL_URI: expected https, or http to this host, found \(full)")
            }
            url = full
        } else {
            return .absent("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and AWS_CONTAINER_CREDENTIALS_FULL_URI not set")
        }
        let request = HTTPRequest(
            url: url, headers: try authorization(), deadline: .seconds(2), maximumResponseBytes: 64 << 10,
            bypassesProxy: true)
        let response: HTTPResponse
        do { response = try await surroundings.send(request) } catch {
            throw .unreachable(message: "container credentials at \(url): \(error)")
        }
        switch response.status {
        case 200: return .found(try MetadataCredentials.decode(response.body, from: "container credentials at \(url)"))
        case 429, 500...: throw .unreachable(message: "container credentials at \(url): HTTP \(response.status)")
        default: throw .unauthorized(message: "container credentials at \(url): HTTP \(response.status)")
        }
    }

    /// The token file is read anew each time: its content is rotated.
    private func authorization() throws(DriverError) -> [HTTPField] {
        let token: String
        if let file = surroundings.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            guard let text = surroundings.readFile(file)?.trimmed, !text.isEmpty else {
                throw .unauthorized(message: "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE \(file) is missing or empty")
            }
            token = text
        } else if let value = surroundings.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN") {
            token = value
        } else {
            return []
        }
        guard !token.contains(where: \.isNewline) else {
            throw .unauthorized(message: "the container authorization token has a line break in it")
        }
        return [HTTPField("Authorization", token)]
    }

    /// Whether credentials may be asked for at `url`: over TLS anywhere, in the clear only on this host or at the
    /// link-local addresses of the ECS and EKS agents.
    ///
    /// The host is taken by a strict reading that knows no user part and no unusual characters, so that libcurl cannot
    /// read another host from the same text.
    static func mayBeAsked(_ url: String) -> Bool {
        if url.hasPrefix("https://") { return true }
        guard url.hasPrefix("http://") else { return false }
        let authority = url.dropFirst(7).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard authority.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || ".-:[]".contains($0)) }) else {
            return false
        }
        if authority.hasPrefix("[") {
            let parts = authority.dropFirst().lowercased().split(separator: "]", omittingEmptySubsequences: false)
            guard parts.count == 2, parts[1].isEmpty || parts[1].hasPrefix(":") else { return false }
            return ["::1", "fd00:ec2::23"].contains(parts[0])
        }
        let host = authority.prefix { $0 != ":" }.lowercased()
        if ["localhost", "169.254.170.2", "169.254.170.23"].contains(host) { return true }
        let bytes = host.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        return bytes.count == 4 && bytes[0] == 127 && !bytes.contains(nil)
    }
}
