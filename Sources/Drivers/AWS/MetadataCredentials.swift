import Fleet
import FoundationEssentials

/// The JSON by which containers and instances are given credentials.
struct MetadataCredentials: Decodable {
    var code: String?
    var message: String?
    var accessKeyID: String?
    var secretAccessKey: String?
    var token: String?
    var expiration: String?
    enum CodingKeys: String, CodingKey {
        case code = "Code"
        case message = "Message"
        case accessKeyID = "AccessKeyId"
        case secretAccessKey = "SecretAccessKey"
        case token = "Token"
        case expiration = "Expiration"
    }

    /// - Parameter place: where the bytes come from, for messages.
    static func decode(_ body: [UInt8], from place: String) throws(DriverError) -> AWSCredentials {
        guard let answer = try? JSONDecoder().decode(MetadataCredentials.self, from: Data(body)) else {
            throw .unreachable(message: "\(place): the answer is not the expected JSON")
        }
        if let code = answer.code, code != "Success" {
            throw .unauthorized(message: "\(place): \(code): \(answer.message ?? "no message")")
        }
        guard let id = answer.accessKeyID, let secret = answer.secretAccessKey else {
            throw .unreachable(message: "\(place): the answer lacks AccessKeyId or SecretAccessKey")
        }
        let expiresAt = answer.expiration.flatMap(AWSTime.rfc3339)
        if let expiration = answer.expiration, expiresAt == nil {
            throw .unreachable(message: "\(place): Expiration is not a time: \(expiration)")
        }
        return AWSCredentials(
            accessKeyID: id, secretAccessKey: secret, sessionToken: answer.token, expiresAt: expiresAt)
    }
}
