/// Where a body ends, followed over the bytes as they come; nothing is copied or rewritten.
///
/// Chunked bodies are held to the narrowest grammar: hexadecimal digits, CR LF, data, CR LF. A chunk extension is a
/// fault: nobody sends them, and readers differ over them.
struct BodyFraming {
    enum State: Hashable {
        case done
        case length(Int)
        /// A response that the end of the connection ends.
        case untilClose
        case size(value: Int, digits: Int)
        case sizeLineFeed(Int)
        case data(Int)
        case dataReturn, dataLineFeed
        case trailers
    }

    private(set) var state: State
    /// The trailer section with its empty line, once it has begun; nil when there was none.
    private(set) var trailerBytes: [UInt8] = []
    private let limits: HeadLimits

    init(_ state: State, limits: HeadLimits) {
        self.state = state
        self.limits = limits
    }

    static let chunked = State.size(value: 0, digits: 0)

    var isDone: Bool { state == .done }
    var isChunked: Bool {
        switch state {
        case .done, .length, .untilClose: false
        default: true
        }
    }

    /// Goes over the bytes and returns how many of them belong to the body; calls back with each stretch of payload.
    mutating func walk(
        _ bytes: UnsafeRawBufferPointer, payload: (Range<Int>) -> Void
    ) throws(HTTPFault) -> Int {
        var index = 0
        while index < bytes.count {
            switch state {
            case .done:
                return index
            case .untilClose:
                payload(index..<bytes.count)
                return bytes.count
            case .length(let left):
                let count = min(left, bytes.count - index)
                payload(index..<index + count)
                index += count
                state = count == left ? .done : .length(left - count)
            case .data(let left):
                let count = min(left, bytes.count - index)
                payload(index..<index + count)
                index += count
                state = count == left ? .dataReturn : .data(left - count)
            case .trailers:
                try trailer(bytes[index])
                index += 1
            default:
                state = try chunkFrame(bytes[index])
                index += 1
            }
        }
        return index
    }

    private func chunkFrame(_ byte: UInt8) throws(HTTPFault) -> State {
        switch (state, byte) {
        case (.size(let value, let digits), 0x0D) where digits > 0:
            return .sizeLineFeed(value)
        case (.size(_, let digits), UInt8(ascii: ";")) where digits > 0, (.size(_, let digits), 0x20) where digits > 0:
            throw .chunkExtension
        case (.size(let value, let digits), _):
            // 15 digits stay below 2^60.
            guard let digit = hexadecimal(byte), digits < 15 else { throw .chunkSize }
            return .size(value: value << 4 | digit, digits: digits + 1)
        case (.sizeLineFeed(let size), 0x0A): return size == 0 ? .trailers : .data(size)
        case (.sizeLineFeed, _): throw .chunkSize
        case (.dataReturn, 0x0D): return .dataLineFeed
        case (.dataLineFeed, 0x0A): return Self.chunked
        default: throw .chunkEnd
        }
    }

    private mutating func trailer(_ byte: UInt8) throws(HTTPFault) {
        trailerBytes.append(byte)
        guard byte == 0x0A else {
            if trailerBytes.count >= limits.bytes { throw .headTooLarge }
            return
        }
        let count = trailerBytes.count
        guard count >= 2, trailerBytes[count - 2] == 0x0D else { throw .bareLineFeed }
        guard count == 2 || trailerBytes[count - 3] == 0x0A && count > 2 else { return }
        if count == 2 { trailerBytes = [] } else { _ = try trailers() }
        state = .done
    }

    /// The trailer fields; empty before the end and where there were none.
    func trailers() throws(HTTPFault) -> MessageHead {
        try HeadParser.trailers(trailerBytes, maximumFields: limits.fields)
    }
}

func hexadecimal(_ byte: UInt8) -> Int? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(byte) - 0x30
    case UInt8(ascii: "a")...UInt8(ascii: "f"): Int(byte) - 0x61 + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): Int(byte) - 0x41 + 10
    default: nil
    }
}
