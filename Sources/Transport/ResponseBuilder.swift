/// An answer while it comes in: header lines and pieces of the body, within limits.
struct ResponseBuilder {
    static let maximumHeaderBytes = 256 << 10

    let maximumBodyBytes: Int
    /// Why no more is accepted.
    private(set) var refusal: String?
    private var status: Int?
    private var headers: [HTTPField] = []
    private var headerBytes = 0
    private var isHeaderComplete = false
    private var body: [UInt8] = []

    init(maximumBodyBytes: Int) {
        self.maximumBodyBytes = maximumBodyBytes
    }

    /// The answer, if its header is complete; that the body is too is libcurl's to say.
    var response: HTTPResponse? {
        guard let status, isHeaderComplete, refusal == nil else { return nil }
        return HTTPResponse(status: status, headers: headers, body: body)
    }

    /// Takes one line, its line end included: a status line, a field, or the empty line that ends a header.
    ///
    /// Interim answers (1xx) come before the final one and are forgotten; fields after the body are ignored.
    /// Returns false when the transfer must stop.
    mutating func appendHeader(_ bytes: UnsafeRawBufferPointer) -> Bool {
        headerBytes += bytes.count
        guard headerBytes <= Self.maximumHeaderBytes else {
            return refuse("the answer's header is longer than \(Self.maximumHeaderBytes) bytes")
        }
        guard !isHeaderComplete else { return true }
        let line = bytes.trimmed
        guard let status else { return appendStatus(line) }
        if line.isEmpty {
            return endHeader(status)
        } else if bytes[0] == UInt8(ascii: " ") || bytes[0] == UInt8(ascii: "\t") {
            // A field continued on the next line, as old servers do.
            guard !headers.isEmpty else { return refuse("the answer's first header field has no name") }
            headers[headers.count - 1].value += " " + String(decoding: line, as: UTF8.self)
        } else if let colon = line.firstIndex(of: UInt8(ascii: ":")) {
            let value = UnsafeRawBufferPointer(rebasing: line[(colon + 1)...]).trimmed
            headers.append(
                HTTPField(String(decoding: line[..<colon], as: UTF8.self), String(decoding: value, as: UTF8.self)))
        } else {
            return refuse("the answer has a header field without a colon")
        }
        return true
    }

    /// Returns false when the transfer must stop.
    mutating func appendBody(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count <= maximumBodyBytes - body.count else {
            return refuse("the answer is longer than \(maximumBodyBytes) bytes")
        }
        body.append(contentsOf: bytes)
        return true
    }

    private mutating func appendStatus(_ line: UnsafeRawBufferPointer) -> Bool {
        let parts = line.split(separator: UInt8(ascii: " "), maxSplits: 2)
        guard parts.count >= 2, parts[0].starts(with: "HTTP/".utf8),
            let status = Int(String(decoding: parts[1], as: UTF8.self)), (100...999).contains(status)
        else { return refuse("the answer does not begin with a status line") }
        self.status = status
        return true
    }

    private mutating func endHeader(_ status: Int) -> Bool {
        guard status >= 200 else {
            self.status = nil
            headers = []
            return true
        }
        // libcurl would believe the last one, and a cut body might pass for a whole one.
        let lengths = headers.filter { $0.name.lowercased() == "content-length" }.map(\.value)
        guard Set(lengths).count <= 1 else { return refuse("the answer announces two lengths") }
        isHeaderComplete = true
        return true
    }

    private mutating func refuse(_ reason: String) -> Bool {
        refusal = reason
        return false
    }
}

extension UnsafeRawBufferPointer {
    /// Without spaces, tabs and line ends on either side.
    fileprivate var trimmed: UnsafeRawBufferPointer {
        let blanks = Array(" \t\r\n".utf8)
        guard let first = firstIndex(where: { !blanks.contains($0) }),
            let last = lastIndex(where: { !blanks.contains($0) })
        else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return UnsafeRawBufferPointer(rebasing: self[first...last])
    }
}
