import NIOCore

/// A client of HTTP/2 with prior knowledge that can send what no library would.
struct HTTP2Wire {
    struct Frame {
        enum Kind: UInt8 {
            case data, headers, priority, reset, settings, pushPromise, ping, goAway, windowUpdate, continuation
        }
        var kind: Kind?
        var flags: UInt8
        var stream: UInt8
        var payload: [UInt8]

        var endsStream: Bool { flags & 1 != 0 && (kind == .data || kind == .headers) }
        var text: String { String(decoding: payload, as: UTF8.self) }
    }

    let wire: Wire

    /// - Parameter window: how much of each answer may come unasked.
    init(_ gateway: RunningGateway, window: UInt32 = 1 << 20) async throws {
        wire = try await gateway.request("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        let size = [UInt8(window >> 24), UInt8(window >> 16 & 255), UInt8(window >> 8 & 255), UInt8(window & 255)]
        try await send(.settings, stream: 0, [0, 4] + size)
    }

    func send(_ kind: Frame.Kind, flags: UInt8 = 0, stream: UInt8, _ payload: [UInt8]) async throws {
        let length = [UInt8(payload.count >> 16), UInt8(payload.count >> 8 & 255), UInt8(payload.count & 255)]
        try await wire.send(length + [kind.rawValue, flags, 0, 0, 0, stream] + payload)
    }

    /// Field lines as literals, however odd they are.
    func headers(_ fields: [(String, String)], stream: UInt8, ends: Bool = false) async throws {
        let block = fields.flatMap { [0, UInt8($0.utf8.count)] + $0.utf8 + [UInt8($1.utf8.count)] + $1.utf8 }
        try await send(.headers, flags: ends ? 5 : 4, stream: stream, block)
    }

    func post(_ more: [(String, String)] = [], stream: UInt8, body: String = "{\"model\":\"m\"}") async throws {
        try await headers(Self.post + more, stream: stream)
        try await send(.data, flags: 1, stream: stream, Array(body.utf8))
    }

    static let post = [
        (":method", "POST"), (":scheme", "http"), (":authority", "g"), (":path", "/v1/chat/completions"),
    ]

    func frame() async throws -> Frame {
        let head = try await wire.bytes(9)
        let length = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
        return Frame(
            kind: Frame.Kind(rawValue: head[3]), flags: head[4], stream: head[8], payload: try await wire.bytes(length))
    }

    /// The next frame of that stream, past those about the connection.
    func frame(of stream: UInt8) async throws -> Frame {
        while true {
            let frame = try await frame()
            if frame.stream == stream, frame.kind != .windowUpdate { return frame }
        }
    }

    /// What is left of the stream's body, and whether it ended in order.
    func rest(of stream: UInt8) async throws -> (body: String, isWhole: Bool) {
        var body = ""
        while true {
            let frame = try await frame(of: stream)
            if frame.kind == .reset { return (body, false) }
            if frame.kind == .data { body += frame.text }
            if frame.endsStream { return (body, true) }
        }
    }
}
