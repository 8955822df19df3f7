/// A refusal in the shape of vLLM 0.32: `{"error":{"message":...,"type":...,"param":...,"code":...}}`.
struct APIError: Error, Equatable {
    var status: Int
    var type: String
    var message: String
    var param: String?

    var body: String {
        "{\"error\":{\"message\":\(quoted(message)),\"type\":\(quoted(type)),"
            + "\"param\":\(param.map(quoted) ?? "null"),\"code\":\(status)}}"
    }

    /// - Parameter offset: of the byte where the parser gave up.
    static func invalidJSON(offset: Int) -> APIError {
        validation(
            "{'type': 'json_invalid', 'loc': 'body.\(offset)', 'msg': 'JSON decode error', "
                + "'input': '<dict of 0 items>', 'ctx': {'error': 'Expecting value'}}",
            param: "body.\(offset)")
    }

    static func missing(_ field: String) -> APIError {
        validation("{'type': 'missing', 'loc': 'body.\(field)', 'msg': 'Field required'}", param: "body.\(field)")
    }

    static func badValue(_ field: String, _ problem: String) -> APIError {
        validation("{'type': 'value_error', 'loc': 'body.\(field)', 'msg': '\(problem)'}", param: "body.\(field)")
    }

    private static func validation(_ detail: String, param: String) -> APIError {
        APIError(status: 400, type: "Bad Request", message: "1 validation error:\n  \(detail)", param: param)
    }

    static func unknownModel(_ name: String, aliases: [String]) -> APIError {
        APIError(
            status: 404, type: "NotFoundError",
            message: "The model `\(name)` does not exist. Valid aliases: \(aliases.joined(separator: ", ")).",
            param: "model")
    }

    static func promptTooLong(limit: Int) -> APIError {
        tooLong(
            "This model's maximum context length is \(limit) tokens. However, your prompt contains at least "
                + "\(limit + 1) input tokens, which exceeds this limit even without any output tokens. "
                + "Please reduce the length of the input prompt.",
            value: limit + 1)
    }

    static func outputTooLong(limit: Int, prompt: Int, output: Int) -> APIError {
        tooLong(
            "This model's maximum context length is \(limit) tokens. However, you requested \(output) output tokens "
                + "and your prompt contains \(prompt) input tokens, for a total of \(prompt + output) tokens. "
                + "Please reduce the length of the input prompt or the number of requested output tokens.",
            value: prompt)
    }

    private static func tooLong(_ message: String, value: Int) -> APIError {
        APIError(
            status: 400, type: "BadRequestError",
            message: message + " (parameter=input_tokens, value=\(value))", param: "input_tokens")
    }

    static let queueFull = APIError(
        status: 503, type: "Service Unavailable", message: "The server is overloaded. Please retry later.")
    static let shuttingDown = APIError(
        status: 500, type: "InternalServerError", message: "cannot schedule new futures after shutdown")
    static let engineDead = APIError(
        status: 500, type: "InternalServerError",
        message: "EngineCore encountered an issue. See stack trace (above) for the root cause.")
}
