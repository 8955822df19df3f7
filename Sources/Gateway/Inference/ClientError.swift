import Admission
import Fleet
import NIOCore

/// An answer of the gateway's own that says what went wrong, in the shape that OpenAI's clients read; Anthropic's read
/// the same object by its `type`.
struct ClientError {
    var status: Int
    var type = "invalid_request_error"
    var code: String
    var message: String
    var retryAfter: Duration?
    /// Sent as `x-should-retry`; nil leaves it to the client.
    var shouldRetry: Bool?

    init(_ status: Int, _ code: String, _ message: String, type: String = "invalid_request_error") {
        self.status = status
        self.code = code
        self.message = message
        self.type = type
    }

    init(_ refusal: Refusal) {
        self.init(refusal.code.httpStatus, refusal.code.rawValue, refusal.message, type: refusal.code.errorType)
        retryAfter = refusal.retryAfter
        shouldRetry = refusal.code.shouldRetry
    }

    init(_ fault: HTTPFault) {
        self.init(fault.status, "bad_request", "the request is not HTTP as it is accepted here: \(fault)")
    }

    /// On one line.
    var json: String {
        "{\"type\":\"error\",\"error\":{\"message\":\(jsonString(message)),\"type\":\(jsonString(type)),\"param\":null,"
            + "\"code\":\(jsonString(code))}}"
    }

    /// A complete server-sent event, for a stream whose 200 is already out.
    func event(isAnthropic: Bool) -> String { (isAnthropic ? "event: error\n" : "") + "data: \(json)\n\n" }

    var fields: [(String, String)] {
        var fields: [(String, String)] = []
        if let retryAfter { fields.append(("Retry-After", "\(max(1, Int(retryAfter.seconds.rounded(.up))))")) }
        if let shouldRetry { fields.append(("x-should-retry", shouldRetry ? "true" : "false")) }
        if status == 401 { fields.append(("WWW-Authenticate", "Bearer")) }
        return fields
    }

    static let reasons: [Int: String] = [
        200: "OK", 204: "No Content", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
        405: "Method Not Allowed", 408: "Request Timeout", 413: "Content Too Large", 414: "URI Too Long",
        429: "Too Many Requests", 431: "Request Header Fields Too Large", 500: "Internal Server Error",
        502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout", 505: "HTTP Version Not Supported",
    ]
}

/// With quotes, safe inside server-sent events too: no line ends remain.
func jsonString(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": result += "\\\""
        case "\\": result += "\\\\"
        case "\n": result += "\\n"
        case _ where scalar.value < 0x20:
            result += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}

/// A whole answer of our own, for HTTP/1.1.
func ownAnswer(
    _ status: Int, type: String = "application/json", fields: [(String, String)] = [], body: String, id: String,
    closes: Bool, withoutBody: Bool = false
) -> ByteBuffer {
    var text = "HTTP/1.1 \(status) \(ClientError.reasons[status] ?? "Status")\r\n"
    if status != 204 { text += "Content-Type: \(type)\r\nContent-Length: \(body.utf8.count)\r\n" }
    for (name, value) in fields { text += "\(name): \(value)\r\n" }
    text += "x-request-id: \(id)\r\n" + (closes ? "Connection: close\r\n\r\n" : "\r\n")
    return ByteBuffer(string: withoutBody || status == 204 ? text : text + body)
}
