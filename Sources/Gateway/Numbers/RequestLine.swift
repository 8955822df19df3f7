import Fleet

/// One request as its log line tells it. Times count from the end of its head.
package struct RequestLine: Sendable {
    package var requestID: String
    /// At most 256 bytes of each; empty where no request could be read.
    package var method: String
    package var path: String
    /// The client's address; nil on a Unix socket.
    package var remote: String?
    /// The key's name; nil before it was found good.
    package var key: String?
    package var model: String?
    package var pool: String?
    package var replica: String?
    /// What the client was told; 0 when nothing.
    package var status = 0
    /// `served`, `answered` by the gateway itself, `cancelled`, `cut`, or the code of a refusal.
    package var outcome = ""
    package var attempts = 0
    /// Whether it waited for a wake.
    package var isCold = false
    package var isStreaming = false
    package var bodyBytes = 0
    package var answerBytes = 0
    /// Until it was sent to a replica; until the first byte of the answer's body; until the end.
    package var waited: Duration?
    package var firstByte: Duration?
    package var took: Duration?

    /// In logfmt. What clients wrote is quoted where it could be taken for something else.
    package var text: String {
        var text =
            "request_id=\(requestID) method=\(quoted(method)) path=\(quoted(path)) status=\(status) outcome=\(outcome)"
        if let remote { text += " remote=\(remote)" }
        if let key { text += " key=\(quoted(key))" }
        if let model { text += " model=\(quoted(model))" }
        if let pool { text += " pool=\(quoted(pool))" }
        if let replica { text += " replica=\(quoted(replica)) attempts=\(attempts) cold=\(isCold)" }
        if isStreaming { text += " stream=true" }
        text += " body_bytes=\(bodyBytes) answer_bytes=\(answerBytes)"
        if let waited { text += " wait_ms=\(milliseconds(waited))" }
        if let firstByte { text += " ttft_ms=\(milliseconds(firstByte))" }
        if let took { text += " took_ms=\(milliseconds(took))" }
        return text
    }

    private func milliseconds(_ time: Duration) -> Double { (time.seconds * 1e5).rounded() / 100 }

    private func quoted(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x3D && $0 != 0x5C }
        return isPlain && !text.isEmpty ? text : jsonString(text)
    }
}
