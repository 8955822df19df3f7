import NIOCore
import TestSupport
import Testing

@testable import Gateway

/// Messages as a client or an origin might send them, and what is made of them.
@Suite struct HTTPParsingTests {
    /// What a sequence of bytes comes to, in a form that can be compared.
    enum Reading: Hashable {
        case fault(HTTPFault)
        case more
        /// Start line and fields, payload, trailers, and what is left over.
        case message(String, payload: String, trailers: String, rest: String)
    }

    static let get = "GET / HTTP/1.1\r\nHost: a\r\n"
    static let post = "POST /x HTTP/1.1\r\nHost: a\r\n"
    static let chunked = "\(post)Transfer-Encoding: chunked\r\n\r\n"

    /// Declared with a type: a literal this long is too much for the type checker without one.
    static let refused: [(text: String, fault: HTTPFault)] = [
        ("GET / HTTP/1.1\nHost: a\r\n\r\n", .bareLineFeed),
        ("\(get)A: b\n\r\n", .bareLineFeed),
        ("\(get)\n", .bareLineFeed),
        ("\(get)A: b\rC: d\r\n\r\n", .fieldValue),
        ("\(get)A: b\0\r\n\r\n", .fieldValue),
        ("\(get)A: b\u{7F}\r\n\r\n", .fieldValue),
        ("\(get)A : b\r\n\r\n", .fieldName),
        ("\(get): b\r\n\r\n", .fieldName),
        ("\(get)A\r\n\r\n", .fieldName),
        ("\(get)A\0: b\r\n\r\n", .fieldName),
        ("\(get)A: b\r\n c\r\n\r\n", .foldedField),
        ("\(get)A: b\r\n\tc\r\n\r\n", .foldedField),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", .startLine),
        ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", .startLine),
        ("GET /\u{E9} HTTP/1.1\r\nHost: a\r\n\r\n", .startLine),
        (" GET / HTTP/1.1\r\nHost: a\r\n\r\n", .startLine),
        ("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", .startLine),
        ("GET /\r\n\r\n", .startLine),
        ("GET / http/1.1\r\nHost: a\r\n\r\n", .startLine),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", .version),
        ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", .version),
        ("GET / HTTP/1.1\r\n\r\n", .host),
        ("\(get)Host: a\r\n\r\n", .host),
        ("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", .host),
        ("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", .host),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", .host),
        ("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", .target),
        ("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", .target),
        ("GET a HTTP/1.1\r\nHost: a\r\n\r\n", .target),
        ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", .target),
        ("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", .target),
        ("\(post)Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", .lengthWithTransferEncoding),
        ("\(post)Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", .lengthWithTransferEncoding),
        ("\(post)Content-Length: 1\r\nContent-Length: 1\r\n\r\n", .contentLength),
        ("\(post)Content-Length: 1\r\nContent-Length: 2\r\n\r\n", .contentLength),
        ("\(post)Content-Length: 1, 1\r\n\r\n", .contentLength),
        ("\(post)Content-Length: +1\r\n\r\n", .contentLength),
        ("\rX\(get)\r\n", .startLine),
        ("\(post)Content-Length: -1\r\n\r\n", .contentLength),
        ("\(post)Content-Length: 0x1\r\n\r\n", .contentLength),
        ("\(post)Content-Length:\r\n\r\n", .contentLength),
        ("\(post)Content-Length: 9999999999999999999\r\n\r\n", .contentLength),
        ("\(post)Transfer-Encoding: gzip, chunked\r\n\r\n", .transferEncoding),
        ("\(post)Transfer-Encoding: xchunked\r\n\r\n", .transferEncoding),
        ("\(post)Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", .transferEncoding),
        ("\(post)Transfer-Encoding: \"chunked\"\r\n\r\n", .transferEncoding),
        ("\(post)Transfer-Encoding:\u{0B}chunked\r\n\r\n", .fieldValue),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", .transferEncoding),
        ("\(chunked)1;a=b\r\nx\r\n0\r\n\r\n", .chunkExtension),
        ("\(chunked)1 \r\nx\r\n0\r\n\r\n", .chunkExtension),
        ("\(chunked)\r\nx\r\n", .chunkSize),
        ("\(chunked)g\r\n", .chunkSize),
        ("\(chunked)-1\r\n", .chunkSize),
        ("\(chunked)0x1\r\nx\r\n", .chunkSize),
        ("\(chunked)1\nx\r\n", .chunkSize),
        ("\(chunked)1\r\rx", .chunkSize),
        ("\(chunked)1000000000000000\r\n", .chunkSize),
        ("\(chunked)1\r\nxy\r\n", .chunkEnd),
        ("\(chunked)1\r\nx\n0\r\n\r\n", .chunkEnd),
        ("\(chunked)0\r\nA: b\n\r\n", .bareLineFeed),
        ("\(chunked)0\r\nA : b\r\n\r\n", .fieldName),
        ("\(chunked)0\r\nContent-Length: 1\r\n\r\n", .trailer),
        ("\(chunked)0\r\nTransfer-Encoding: chunked\r\n\r\n", .trailer),
        ("\(get)\(String(repeating: "A: b\r\n", count: 101))\r\n", .tooManyFields),
        ("\(get)A: \(String(repeating: "b", count: 5000))", .headTooLarge),
        ("GET /\(String(repeating: "b", count: 5000))", .lineTooLong),
    ]

    @Test(arguments: refused)
    func `What could be read in two ways is refused, however it is cut`(_ text: String, _ fault: HTTPFault) {
        for cut in Cuts(text.utf8.count) { #expect(read(text, cut, .request) == .fault(fault), "\(cut)") }
    }

    @Test(arguments: [
        ("\(get)\r\nGET", "", "", "GET"),
        ("\r\n\(get)\r\n", "", "", ""),
        ("GET http://A/ HTTP/1.1\r\nHost: a\r\n\r\n", "", "", ""),
        ("\(post)Content-Length: 3\r\n\r\nabcd", "abc", "", "d"),
        ("\(post)content-LENGTH:003 \r\n\r\nabc", "abc", "", ""),
        (
            "\(post)Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n00A\r\n0123456789\r\n0\r\n\r\nX", "abc0123456789", "",
            "X"
        ),
        ("\(chunked)0\r\nA: b\r\nC: d\r\n\r\n", "", "A=b,C=d", ""),
    ])
    func `What can be read in one way is, however it is cut`(
        _ text: String, _ payload: String, _ trailers: String, _ rest: String
    ) {
        let whole = read(text, Cuts.Cut(every: text.utf8.count), .request)
        guard case .message(_, payload, trailers, rest) = whole else {
            Issue.record("\(whole)")
            return
        }
        for cut in Cuts(text.utf8.count) { #expect(read(text, cut, .request) == whole, "\(cut)") }
    }

    @Test(arguments: [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab",
            Reading.message("200", payload: "ab", trailers: "", rest: "")
        ),
        ("HTTP/1.0 200\r\n\r\nab", .message("200", payload: "ab", trailers: "", rest: "")),
        ("HTTP/1.1 204 \r\n\r\nab", .message("204", payload: "", trailers: "", rest: "ab")),
        ("HTTP/1.1 20 OK\r\n\r\n", .fault(.startLine)),
        ("HTTP/1.1 2000 OK\r\n\r\n", .fault(.startLine)),
        ("\r\nHTTP/1.1 200 OK\r\n\r\n", .fault(.startLine)),
        ("HTTP/1.1 200 OK\nA: b\r\n\r\n", .fault(.bareLineFeed)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab", .fault(.contentLength)),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
            .fault(.lengthWithTransferEncoding)
        ),
    ])
    func `An origin's answer is held to the same grammar`(_ text: String, _ reading: Reading) {
        for cut in Cuts(text.utf8.count) { #expect(read(text, cut, .response) == reading, "\(cut)") }
    }

    @Test func `Random bytes never get further than a fault, and never in two ways`() {
        var random = SeededGenerator(seed: 7)
        let pieces = [
            "GET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\n", "Host: a\r\n", "\r\n", "\n", "\r", " ", ":", ";", "\0",
            "0\r\n",
            "5\r\nabcde\r\n", "Transfer-Encoding: chunked\r\n", "Content-Length: 3\r\n", "abc", "A: b\r\n", "f",
        ]
        for _ in 0..<3000 {
            let text = (0..<Int.random(in: 1...9, using: &random)).map { _ in pieces.randomElement(using: &random) ?? ""
            }
            .joined()
            let whole = read(text, Cuts.Cut(every: text.utf8.count), .request)
            for _ in 0..<3 {
                let cut = Cuts.Cut(every: Int.random(in: 1...7, using: &random))
                #expect(read(text, cut, .request) == whole, "\(text.debugDescription) \(cut)")
            }
        }
    }

    /// Reads as the connections do: what has come is looked at after each piece.
    private func read(_ text: String, _ cut: Cuts.Cut, _ kind: HeadParser.Kind) -> Reading {
        var limits = HeadLimits()
        limits.bytes = 4096
        var parser = HeadParser(kind, limits: limits)
        var framing: BodyFraming?
        var head: MessageHead?
        var payload: [UInt8] = []
        var input = ByteBuffer()
        do throws(HTTPFault) {
            for piece in cut.pieces(of: Array(text.utf8)) {
                input.writeBytes(piece)
                if head == nil {
                    guard let read = try parser.next(&input) else { continue }
                    head = read
                    let body = kind == .request ? try RequestFraming(read).body : try ResponseFraming.body(of: read)
                    framing = BodyFraming(body, limits: limits)
                }
                guard framing?.isDone == false else { continue }
                let count = try input.withUnsafeReadableBytes { (bytes) throws(HTTPFault) in
                    try framing?.walk(bytes) { payload += bytes[$0] } ?? 0
                }
                input.moveReaderIndex(forwardBy: count)
            }
            guard let head, let framing, framing.isDone || framing.state == .untilClose else { return .more }
            let trailers = try framing.trailers()
            return .message(
                kind == .request ? head.text(head.method) : "\(head.status)",
                payload: String(decoding: payload, as: UTF8.self),
                trailers: trailers.fields.map { "\(trailers.text($0.name))=\(trailers.text($0.value))" }.joined(
                    separator: ","),
                rest: String(buffer: input))
        } catch {
            return .fault(error)
        }
    }
}

/// Ways to cut a text of that length: every single cut of a short one, and equal pieces.
struct Cuts: Sequence {
    struct Cut: CustomStringConvertible {
        var every = Int.max
        var at: Int?

        func pieces(of bytes: [UInt8]) -> [ArraySlice<UInt8>] {
            if let at { return [bytes[..<at], bytes[at...]] }
            let size = Swift.max(1, every)
            return stride(from: 0, to: bytes.count, by: size).map { bytes[$0..<Swift.min(bytes.count, $0 + size)] }
        }

        var description: String { at.map { "cut at \($0)" } ?? "pieces of \(every)" }
    }

    let count: Int
    init(_ count: Int) { self.count = count }

    func makeIterator() -> AnyIterator<Cut> {
        let sizes = [1, 2, 3, 7, 64, count].filter { $0 > 0 && (count < 1000 || $0 > 3) }.map { Cut(every: $0) }
        let single = count < 200 ? (1..<Swift.max(1, count)).map { Cut(at: $0) } : []
        return AnyIterator((sizes + single).makeIterator())
    }
}
