import Glibc
import NIOCore

/// Finds and reads one head in what has come so far; the same bytes give the same result however they are cut.
struct HeadParser {
    var limits: HeadLimits
    let kind: Kind
    /// Bytes behind the reader index that hold no line feed that was not looked at.
    private var scanned = 0
    private var lineStart = 0

    enum Kind { case request, response }

    init(_ kind: Kind, limits: HeadLimits) {
        self.kind = kind
        self.limits = limits
    }

    /// Takes a complete head off the buffer; nil while more is needed. The buffer may only grow between two calls.
    mutating func next(_ buffer: inout ByteBuffer) throws(HTTPFault) -> MessageHead? {
        guard let length = try buffer.withUnsafeReadableBytes({ (bytes) throws(HTTPFault) in try end(bytes) }) else {
            return nil
        }
        scanned = 0
        lineStart = 0
        return try Self.parse(buffer.readBytes(length: length) ?? [], kind, maximumFields: limits.fields)
    }

    /// Looks for the empty line; every line before it ends in CR LF.
    private mutating func end(_ bytes: UnsafeRawBufferPointer) throws(HTTPFault) -> Int? {
        guard let base = bytes.baseAddress else { return nil }
        let window = min(bytes.count, limits.bytes)
        while scanned < window, let found = memchr(base + scanned, 0x0A, window - scanned) {
            let index = UnsafeRawPointer(found) - base
            guard index > lineStart, bytes[index - 1] == 0x0D else { throw .bareLineFeed }
            // One empty line before a request line is left over from an old client's body.
            let isEmpty = index == lineStart + 1
            let isLeading = lineStart == 0 && kind == .request
            scanned = index + 1
            lineStart = scanned
            if isEmpty && !isLeading { return scanned }
        }
        scanned = window
        if bytes.count >= limits.bytes { throw lineStart == 0 ? .lineTooLong : .headTooLarge }
        return nil
    }

    /// Reads a head that ends in an empty line and has no bare line feed.
    static func parse(_ bytes: [UInt8], _ kind: Kind, maximumFields: Int) throws(HTTPFault) -> MessageHead {
        var head = MessageHead(bytes: [])
        try bytes.withUnsafeBufferPointer { (bytes) throws(HTTPFault) in
            var start = kind == .request && bytes.count > 1 && bytes[0] == 0x0D && bytes[1] == 0x0A ? 2 : 0
            var end = lineEnd(bytes, start)
            switch kind {
            case .request: try requestLine(bytes, start..<end, &head)
            case .response: try statusLine(bytes, start..<end, &head)
            }
            start = end + 2
            head.fields.reserveCapacity(16)
            while true {
                end = lineEnd(bytes, start)
                if end == start { break }
                guard head.fields.count < maximumFields else { throw .tooManyFields }
                head.fields.append(try field(bytes, start..<end))
                start = end + 2
            }
        }
        head.bytes = bytes
        return head
    }

    /// The trailer section of a chunked body, which may not change what the message is.
    static func trailers(_ bytes: [UInt8], maximumFields: Int) throws(HTTPFault) -> MessageHead {
        var head = MessageHead(bytes: [])
        try bytes.withUnsafeBufferPointer { (bytes) throws(HTTPFault) in
            var start = 0
            while start < bytes.count {
                let end = lineEnd(bytes, start)
                if end == start { break }
                guard head.fields.count < maximumFields else { throw .tooManyFields }
                let field = try field(bytes, start..<end)
                guard field.kind == .other || field.kind == .requestID else { throw .trailer }
                head.fields.append(field)
                start = end + 2
            }
        }
        head.bytes = bytes
        return head
    }

    private static func lineEnd(_ bytes: UnsafeBufferPointer<UInt8>, _ start: Int) -> Int {
        guard let base = bytes.baseAddress, let found = memchr(base + start, 0x0A, bytes.count - start) else {
            return start
        }
        return UnsafeRawPointer(found) - UnsafeRawPointer(base) - 1
    }

    private static func requestLine(
        _ bytes: UnsafeBufferPointer<UInt8>, _ line: Range<Int>, _ head: inout MessageHead
    ) throws(HTTPFault) {
        var end = line.lowerBound
        while end < line.upperBound, isToken(bytes[end]) { end += 1 }
        head.method = line.lowerBound..<end
        guard !head.method.isEmpty, end < line.upperBound, bytes[end] == 0x20 else { throw .startLine }
        let start = end + 1
        end = start
        while end < line.upperBound, bytes[end] > 0x20, bytes[end] < 0x7F { end += 1 }
        head.target = start..<end
        guard !head.target.isEmpty, end < line.upperBound, bytes[end] == 0x20 else { throw .startLine }
        head.isHTTP10 = try isVersion10(bytes, end + 1..<line.upperBound)
    }

    private static func statusLine(
        _ bytes: UnsafeBufferPointer<UInt8>, _ line: Range<Int>, _ head: inout MessageHead
    ) throws(HTTPFault) {
        guard line.count >= 12, bytes[line.lowerBound + 8] == 0x20 else { throw .startLine }
        head.isHTTP10 = try isVersion10(bytes, line.lowerBound..<line.lowerBound + 8)
        for index in line.lowerBound + 9..<line.lowerBound + 12 {
            guard bytes[index] &- 0x30 < 10 else { throw .startLine }
            head.status = head.status * 10 + Int(bytes[index] - 0x30)
        }
        guard (100..<600).contains(head.status), line.count == 12 || bytes[line.lowerBound + 12] == 0x20 else {
            throw .startLine
        }
        head.reason = min(line.lowerBound + 13, line.upperBound)..<line.upperBound
        guard head.reason.allSatisfy({ isFieldContent(bytes[$0]) }) else { throw .startLine }
    }

    private static func isVersion10(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) throws(HTTPFault) -> Bool
    {
        let prefix: StaticString = "HTTP/"
        guard range.count == 8, (0..<5).allSatisfy({ bytes[range.lowerBound + $0] == prefix.utf8Start[$0] }),
            bytes[range.lowerBound + 6] == UInt8(ascii: "."), bytes[range.lowerBound + 5] &- 0x30 < 10,
            bytes[range.lowerBound + 7] &- 0x30 < 10
        else { throw .startLine }
        guard bytes[range.lowerBound + 5] == UInt8(ascii: "1"), bytes[range.lowerBound + 7] <= UInt8(ascii: "1") else {
            throw .version
        }
        return bytes[range.lowerBound + 7] == UInt8(ascii: "0")
    }

    private static func field(
        _ bytes: UnsafeBufferPointer<UInt8>, _ line: Range<Int>
    ) throws(HTTPFault) -> MessageHead.Field {
        let first = bytes[line.lowerBound]
        guard first != 0x20, first != 0x09 else { throw .foldedField }
        var end = line.lowerBound
        while end < line.upperBound, isToken(bytes[end]) { end += 1 }
        let name = line.lowerBound..<end
        guard !name.isEmpty, end < line.upperBound, bytes[end] == UInt8(ascii: ":") else { throw .fieldName }
        var start = end + 1
        end = line.upperBound
        while start < end, bytes[start] == 0x20 || bytes[start] == 0x09 { start += 1 }
        while end > start, bytes[end - 1] == 0x20 || bytes[end - 1] == 0x09 { end -= 1 }
        for index in start..<end where !isFieldContent(bytes[index]) { throw .fieldValue }
        return MessageHead.Field(kind: .init(bytes, name), name: name, value: start..<end)
    }
}

private func isFieldContent(_ byte: UInt8) -> Bool { byte >= 0x20 && byte != 0x7F || byte == 0x09 }

/// RFC 9110, 5.6.2.
private func isToken(_ byte: UInt8) -> Bool {
    byte < 64 ? tokensBelow64 & (1 << UInt64(byte)) != 0 : byte < 128 && tokensAbove & (1 << UInt64(byte & 63)) != 0
}

/// ``!#$%&'*+-.`` and the digits, as bits.
private let tokensBelow64: UInt64 = 0x03ff_6cfa_0000_0000
/// ``^_`|~`` and the letters, as bits from 64 on.
private let tokensAbove: UInt64 = 0x57ff_ffff_c7ff_fffe
