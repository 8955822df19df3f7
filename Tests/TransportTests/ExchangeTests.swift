import TestSupport
import Testing
import Transport

/// Complete exchanges with a well-behaved server.
@Suite(.timeLimit(.minutes(1)))
struct ExchangeTests {
    let transport = HTTPTransport(configuration: .init(userAgent: "scale-agent/1.2.3"))

    @Test func statusHeadersAndBodyArrive() async throws {
        let server = try RawHTTPServer(
            always: .answer(418, headers: ["Set-Cookie: a", "set-cookie:b ", "X-Empty:"], body: "tea"))
        let response = try await transport.send(request(server, "/a/../b?q=%20&q=1"))
        #expect(response.status == 418)
        #expect(
            response.headers.prefix(3) == [.init("Set-Cookie", "a"), .init("set-cookie", "b"), .init("X-Empty", "")])
        #expect(response.header("content-length") == "3")
        #expect(response.body == Array("tea".utf8))
        let seen = try #require(server.requests.first)
        #expect(seen.method == "GET")
        #expect(seen.target == "/a/../b?q=%20&q=1")
        #expect(seen.header("user-agent") == "scale-agent/1.2.3")
    }

    @Test func twoRequestsShareAConnection() async throws {
        let server = try RawHTTPServer(always: .answer(body: "x"))
        for _ in 0..<2 { _ = try await transport.send(request(server)) }
        #expect(server.acceptedConnections == 1)
        #expect(server.requests.map(\.connection) == [0, 0])
    }

    @Test(arguments: ["POST", "PUT", "PATCH", "DELETE", "GET"])
    func aBodyIsSentAsItIs(method: String) async throws {
        let server = try RawHTTPServer(always: .answer(200))
        let body = Array("a\0b\r\n".utf8)
        let sent = HTTPRequest(
            method: method, url: server.url, headers: [.init("X-Empty", ""), .init("Content-Type", "a/b")], body: body,
            deadline: .seconds(20), bypassesProxy: true)
        _ = try await transport.send(sent)
        let seen = try #require(server.requests.first)
        #expect(seen.method == method)
        #expect(seen.body == body)
        #expect(seen.header("content-type") == "a/b")
        #expect(seen.header("x-empty") == "")
    }

    @Test(
        arguments: [("POST", "0"), ("PUT", "0"), ("DELETE", nil), ("GET", nil), ("HEAD", nil)] as [(String, String?)])
    func withoutABodyOnlyWritingMethodsAnnounceOne(method: String, length: String?) async throws {
        let server = try RawHTTPServer(always: .answer(204))
        _ = try await transport.send(request(server, method: method))
        let seen = try #require(server.requests.first)
        #expect(seen.method == method)
        #expect(seen.header("content-length") == length)
        #expect(seen.header("content-type") == nil)
    }

    @Test func headHasNoBodyWhateverTheLength() async throws {
        let server = try RawHTTPServer(always: .text("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"))
        let response = try await transport.send(request(server, method: "HEAD", limit: 10))
        #expect(response.status == 200)
        #expect(response.body.isEmpty)
    }

    @Test func manyMegabytesGoBothWays() async throws {
        let body = (0..<(12 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 8) }
        let server = try RawHTTPServer { request in
            [.text("HTTP/1.1 200 OK\r\nContent-Length: \(request.body.count)\r\n\r\n"), .bytes(request.body)]
        }
        let sent = HTTPRequest(
            method: "POST", url: server.url, body: body, deadline: .seconds(50), maximumResponseBytes: body.count,
            bypassesProxy: true)
        let response = try await transport.send(sent)
        #expect(response.body == body)
        #expect(server.requests.first?.header("expect") == nil)
    }

    @Test func aHundredRequestsAtOnceEachGetTheirOwnAnswer() async throws {
        let server = try RawHTTPServer { [.answer(body: $0.target)] }
        let matches = await withTaskGroup(of: Bool.self) { group in
            for number in 0..<100 {
                group.addTask {
                    let response = try? await transport.send(request(server, "/\(number)"))
                    return response?.body == Array("/\(number)".utf8)
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(matches == 100)
    }

    @Test func chunksInterimAnswersAndTrailersAreUnderstood() async throws {
        let text = """
            HTTP/1.1 103 Early Hints\r\nLink: early\r\n\r
            HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Long: one\r\n  two\r\n\r
            3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\nX-Trailer: late\r\n\r\n
            """
        let server = try RawHTTPServer(always: .text(text))
        let response = try await transport.send(request(server))
        #expect(response.body == Array("abcde".utf8))
        #expect(response.header("link") == nil)
        #expect(response.header("x-trailer") == nil)
        #expect(response.header("x-long") == "one two")
    }

    @Test func redirectsAreAnswers() async throws {
        let server = try RawHTTPServer(always: .answer(302, headers: ["Location: /other"]))
        #expect(try await transport.send(request(server)).status == 302)
        #expect(server.requests.count == 1)
    }

    @Test func gzipIsDecodedAndTheLimitCountsDecodedBytes() async throws {
        let server = try RawHTTPServer(
            always: .text("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: \(zipped.count)\r\n\r\n"),
            .bytes(zipped))
        let response = try await transport.send(request(server, limit: 10_000))
        #expect(response.body == Array(repeating: UInt8(ascii: "a"), count: 10_000))
        #expect(server.requests.first?.header("accept-encoding")?.contains("gzip") == true)
        let (ending, message) = await transport.ending(request(server, limit: 9_999))
        #expect(ending == .unknownOutcome)
        #expect(message == "GET \(server.url): the answer is longer than 9999 bytes")
    }

    @Test(.enabled(if: hasIPv6Loopback, "needs ::1"))
    func literalIPv6AddressesWork() async throws {
        let server = try RawHTTPServer(.v6, always: .answer(body: "six"))
        #expect(try await transport.send(request(server)).body == Array("six".utf8))
    }

    /// 10,000 times `a`.
    private let zipped: [UInt8] = [
        31, 139, 8, 0, 0, 0, 0, 0, 2, 255, 237, 193, 1, 13, 0, 0, 0, 194, 160, 172, 239, 95, 194, 28,
        110, 64, 1, 0, 0, 0, 0, 0, 0, 0, 0, 192, 191, 1, 151, 212, 126, 70, 16, 39, 0, 0,
    ]
    private static let hasIPv6Loopback = (try? RawHTTPServer(.v6, always: .close)) != nil
}
