/// Start line and fields of one message, as the bytes they came in.
struct MessageHead: Sendable {
    /// Whose meaning matters here; everything else passes as it is.
    enum FieldKind: UInt8 {
        case host, contentLength, transferEncoding, connection, expect, authorization, requestID, retryCount, apiKey
        case contentType, idempotencyKey, session, patience
        /// Of one connection only, and never passed on.
        case hopByHop
        case other
    }

    struct Field {
        var kind: FieldKind
        var name: Range<Int>
        var value: Range<Int>
    }

    var bytes: [UInt8]
    var isHTTP10 = false
    /// Of a request; empty in a response.
    var method = 0..<0
    /// Of a request, in origin form or `*`; empty in a response.
    var target = 0..<0
    /// Of a response; 0 in a request.
    var status = 0
    /// The reason phrase of a response.
    var reason = 0..<0
    var fields: [Field] = []

    func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

    func first(_ kind: FieldKind) -> Field? { fields.first { $0.kind == kind } }

    func value(_ kind: FieldKind) -> String? { first(kind).map { text($0.value) } }

    /// Whether the bytes are that ASCII text, given in lower case, whatever their own case.
    func matches(_ range: Range<Int>, _ lowercase: StaticString) -> Bool {
        bytes.withUnsafeBufferPointer { equalIgnoringCase($0, range, lowercase) }
    }

    /// Calls back with each token of the `Connection` fields.
    func forEachConnectionToken(_ body: (Range<Int>) -> Void) {
        for field in fields where field.kind == .connection {
            forEachToken(in: field.value, body)
        }
    }

    func forEachToken(in value: Range<Int>, _ body: (Range<Int>) -> Void) {
        var start = value.lowerBound
        while start < value.upperBound {
            var end = start
            while end < value.upperBound, bytes[end] != UInt8(ascii: ",") { end += 1 }
            var first = start
            var last = end
            while first < last, bytes[first] == 0x20 || bytes[first] == 0x09 { first += 1 }
            while last > first, bytes[last - 1] == 0x20 || bytes[last - 1] == 0x09 { last -= 1 }
            if first < last { body(first..<last) }
            start = end + 1
        }
    }

    /// Whether the other side keeps the connection after this message.
    var keepsConnection: Bool {
        var close = isHTTP10
        forEachConnectionToken { token in
            if matches(token, "close") { close = true }
        }
        return !close
    }

    /// Takes every field that `Connection` names off the list of those passed on.
    mutating func markNamedByConnection() {
        var named: [Range<Int>] = []
        forEachConnectionToken { token in
            if !matches(token, "close") && !matches(token, "keep-alive") { named.append(token) }
        }
        for token in named {
            for index in fields.indices where isSame(token, fields[index].name) {
                // Naming a field that frames or routes the message must not make it vanish for the next reader.
                if fields[index].kind == .other { fields[index].kind = .hopByHop }
            }
        }
    }

    private func isSame(_ a: Range<Int>, _ b: Range<Int>) -> Bool {
        a.count == b.count && zip(a, b).allSatisfy { lowercase(bytes[$0]) == lowercase(bytes[$1]) }
    }
}

extension MessageHead.FieldKind {
    /// By the length first: most fields are of no interest and cost one comparison.
    init(_ bytes: UnsafeBufferPointer<UInt8>, _ name: Range<Int>) {
        func named(_ text: StaticString) -> Bool { equalIgnoringCase(bytes, name, text) }
        self =
            switch name.count {
            case 2 where named("te"): .hopByHop
            case 4 where named("host"): .host
            case 6 where named("expect"): .expect
            case 7 where named("upgrade"): .hopByHop
            case 9 where named("x-api-key"): .apiKey
            case 10 where named("connection"): .connection
            case 10 where named("keep-alive"): .hopByHop
            case 12 where named("content-type"): .contentType
            case 12 where named("x-request-id"): .requestID
            case 12 where named("x-session-id"): .session
            case 13 where named("authorization"): .authorization
            case 14 where named("content-length"): .contentLength
            case 14 where named("http2-settings"): .hopByHop
            case 15 where named("idempotency-key"): .idempotencyKey
            case 16 where named("proxy-connection"): .hopByHop
            case 17 where named("transfer-encoding"): .transferEncoding
            case 19 where named("proxy-authorization"), 18 where named("proxy-authenticate"): .hopByHop
            case 23 where named("x-stainless-retry-count"): .retryCount
            case 24 where named("x-stainless-read-timeout"): .patience
            default: .other
            }
    }
}

func lowercase(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }

func equalIgnoringCase(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ text: StaticString) -> Bool {
    guard range.count == text.utf8CodeUnitCount else { return false }
    for offset in 0..<range.count
    where lowercase(bytes[range.lowerBound + offset]) != text.utf8Start[offset] {
        return false
    }
    return true
}
