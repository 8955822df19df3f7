import Admission
import NIOCore

/// Decides on a request by its head alone: answered here, refused, or let through to have its body read.
///
/// Only an authenticated POST to a known inference path gets through, so scanners and health checks wake nothing.
struct Door {
    struct Passed {
        var path: InferencePath
        var key: KeyID
        var line: RequestLine
    }

    struct OwnAnswer {
        var status: Int
        var type = "application/json"
        var fields: [(String, String)] = []
        var body = ""
        var withoutBody = false
        var line: RequestLine

        func bytes(closes: Bool) -> ByteBuffer {
            ownAnswer(
                status, type: type, fields: fields, body: body, id: line.requestID, closes: closes,
                withoutBody: withoutBody)
        }
    }

    enum Decision {
        case answer(OwnAnswer)
        case refuse(ClientError, RequestLine)
        case pass(Passed)
    }

    /// What is logged and told of a method and of a path, which may be as long as a head.
    private static let loggedBytes = 256

    let settings: GatewaySettings
    let keys: KeyRing?
    /// Sorted; those that the gateway knows, asleep or not.
    var models: [String]

    func decide(
        _ head: MessageHead, _ request: RequestFraming, needsKey: Bool, remote: String?, newID: () -> String
    ) -> Decision {
        let path = head.text(request.path)
        var line = RequestLine(
            requestID: usableID(head) ?? newID(), method: head.text(head.method.prefix(Self.loggedBytes)),
            path: head.text(request.path.prefix(Self.loggedBytes)), remote: remote)
        func refuse(_ error: ClientError) -> Decision {
            line.status = error.status
            line.outcome = error.code
            return .refuse(error, line)
        }
        if path == "/health" || path == "/ping", line.isRead { return answer(line, body: "{\"status\":\"ok\"}\n") }
        if line.method == "OPTIONS" {
            return answer(line, status: 204, fields: [("Allow", "GET, HEAD, POST, OPTIONS")])
        }
        var key = KeyID(rawValue: "anonymous")
        if let keys, needsKey {
            guard let secret = head.secret, let owner = keys.owner(of: head.bytes[secret]) else {
                return refuse(
                    ClientError(401, "invalid_api_key", "a valid API key is needed", type: "authentication_error"))
            }
            key = owner
        }
        line.key = key.rawValue
        if line.isRead, path == "/v1/models" { return answer(line, body: modelList) }
        guard let inference = InferencePath.named(path) ?? (settings.extraPaths.contains(path) ? InferencePath() : nil)
        else { return refuse(ClientError(404, "not_found", "no inference path: \(line.method) \(line.path)")) }
        guard line.method == "POST" else {
            return refuse(ClientError(405, "method_not_allowed", "\(path) takes POST"))
        }
        if case .length(let bytes) = request.body, bytes > settings.limits.bodyBytes { return refuse(.bodyTooLarge) }
        return .pass(Passed(path: inference, key: key, line: line))
    }

    private func answer(
        _ line: RequestLine, status: Int = 200, fields: [(String, String)] = [],
        body: String = ""
    ) -> Decision {
        var line = line
        line.status = status
        line.outcome = "answered"
        return .answer(
            OwnAnswer(
                status: status, type: "application/json", fields: fields, body: body,
                withoutBody: line.method == "HEAD", line: line))
    }

    private var modelList: String {
        let models = models.map {
            "{\"id\":\(jsonString($0)),\"object\":\"model\",\"created\":0,\"owned_by\":\"gateway\"}"
        }
        return "{\"object\":\"list\",\"data\":[\(models.joined(separator: ","))]}\n"
    }

    /// The client's own id, unless it could confuse a log.
    private func usableID(_ head: MessageHead) -> String? {
        guard let field = head.first(.requestID), (1...128).contains(field.value.count),
            head.bytes[field.value].allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") })
        else { return nil }
        return head.text(field.value)
    }
}

extension MessageHead {
    /// `Authorization: Bearer x`, or `x-api-key: x`.
    fileprivate var secret: Range<Int>? {
        if let field = first(.authorization) {
            let scheme = field.value.prefix(7)
            return matches(scheme.startIndex..<scheme.endIndex, "bearer ")
                ? scheme.endIndex..<field.value.endIndex : nil
        }
        return first(.apiKey)?.value
    }
}

extension RequestLine {
    fileprivate var isRead: Bool { method == "GET" || method == "HEAD" }
}
