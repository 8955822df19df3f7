/// What a request's head says about where it goes and where its body ends, once it can say only one thing.
struct RequestFraming {
    var body: BodyFraming.State
    var expectsContinue = false
    /// In origin form, without the query; `*` for all of the server.
    var path: Range<Int>
    /// With the query, as it goes on.
    var target: Range<Int>

    init(_ head: MessageHead) throws(HTTPFault) {
        var length: Int?
        var isChunked = false
        var host: Range<Int>?
        for field in head.fields {
            switch field.kind {
            case .host:
                guard host == nil, Self.isAuthority(head.bytes[field.value]) else { throw .host }
                host = field.value
            case .contentLength:
                // A list is refused too, equal numbers or not.
                guard length == nil, let value = Self.decimal(head.bytes[field.value]) else { throw .contentLength }
                length = value
            case .transferEncoding:
                guard !isChunked, !head.isHTTP10, head.matches(field.value, "chunked") else { throw .transferEncoding }
                isChunked = true
            case .expect:
                expectsContinue = head.matches(field.value, "100-continue") && !head.isHTTP10
            default:
                break
            }
        }
        guard host != nil || head.isHTTP10 else { throw .host }
        guard !isChunked || length == nil else { throw .lengthWithTransferEncoding }
        body = isChunked ? BodyFraming.chunked : (length ?? 0) == 0 ? .done : .length(length ?? 0)
        target = try Self.originForm(head, host: host)
        path = target.lowerBound..<(head.bytes[target].firstIndex(of: UInt8(ascii: "?")) ?? target.upperBound)
    }

    static func decimal(_ digits: ArraySlice<UInt8>) -> Int? {
        // 18 digits fit into 63 bits.
        guard (1...18).contains(digits.count), digits.allSatisfy({ $0 &- 0x30 < 10 }) else { return nil }
        return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }

    /// A host with an optional port. Never empty: every request here has one.
    private static func isAuthority(_ value: ArraySlice<UInt8>) -> Bool {
        !value.isEmpty
            && value.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"): true
                case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
                    true
                case UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "%"): true
                default: false
                }
            }
    }

    /// Takes scheme and authority off an absolute target; the authority must be that of `Host`.
    private static func originForm(_ head: MessageHead, host: Range<Int>?) throws(HTTPFault) -> Range<Int> {
        let target = head.target
        let slash = UInt8(ascii: "/")
        if head.bytes[target.lowerBound] == slash { return target }
        if head.matches(target, "*"), head.matches(head.method, "options") { return target }
        guard
            let scheme = ["http://", "https://"].first(where: { prefix in
                head.bytes[target].prefix(prefix.utf8.count).map(lowercase).elementsEqual(prefix.utf8)
            })
        else { throw .target }
        let start = target.lowerBound + scheme.utf8.count
        let end = head.bytes[start..<target.upperBound].firstIndex(of: slash) ?? target.upperBound
        guard end < target.upperBound, let host,
            head.bytes[start..<end].map(lowercase) == head.bytes[host].map(lowercase)
        else { throw .target }
        return end..<target.upperBound
    }
}

/// Where a response's body ends.
enum ResponseFraming {
    static func body(of head: MessageHead) throws(HTTPFault) -> BodyFraming.State {
        var length: Int?
        var isChunked = false
        for field in head.fields {
            switch field.kind {
            case .contentLength:
                guard length == nil, let value = RequestFraming.decimal(head.bytes[field.value]) else {
                    throw .contentLength
                }
                length = value
            case .transferEncoding:
                guard !isChunked, !head.isHTTP10, head.matches(field.value, "chunked") else { throw .transferEncoding }
                isChunked = true
            default:
                break
            }
        }
        guard !isChunked || length == nil else { throw .lengthWithTransferEncoding }
        if head.status < 200 || head.status == 204 || head.status == 304 { return .done }
        if isChunked { return BodyFraming.chunked }
        guard let length else { return .untilClose }
        return length == 0 ? .done : .length(length)
    }
}
