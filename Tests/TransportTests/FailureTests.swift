import TestSupport
import Testing
import Transport

/// Every way of not getting a complete answer, and whether the server may have acted all the same.
@Suite(.timeLimit(.minutes(1)))
struct FailureTests {
    let transport = HTTPTransport()

    struct Broken: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var steps: [RawHTTPServer.Step]
        var message: String

        init(_ description: String, _ steps: RawHTTPServer.Step..., says message: String) {
            testDescription = description
            self.steps = steps
            self.message = message
        }
    }

    static let ok = "HTTP/1.1 200 OK\r\n"
    static let broken: [Broken] = [
        Broken("no answer", .close, says: "Empty reply"),
        Broken("reset before an answer", .reset, says: "Recv failure"),
        Broken("status line cut", .text("HTTP/1.1 2"), .close, says: ""),
        Broken("header field cut", .text(ok + "Content-Le"), .close, says: ""),
        Broken("empty line missing", .text(ok + "Content-Length: 0\r\n"), .close, says: "ends within its header"),
        Broken("only an interim answer", .text("HTTP/1.1 103 Early\r\n\r\n"), .close, says: ""),
        Broken("fixed length cut", .text(ok + "Content-Length: 10\r\n\r\nabc"), .close, says: "7 bytes remaining"),
        Broken("fixed length reset", .text(ok + "Content-Length: 10\r\n\r\nabc"), .reset, says: ""),
        Broken(
            "two lengths", .text(ok + "Content-Length: 10\r\nContent-Length: 3\r\n\r\nabc"), .hang, says: "two lengths"),
        Broken(
            "length and chunks", .text(ok + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n"),
            .close, says: ""),
        Broken("chunk cut", .text(ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nabc"), .close, says: "transfer closed"),
        Broken(
            "no last chunk", .text(ok + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"), .close,
            says: "transfer closed"),
        Broken(
            "chunk size not a number", .text(ok + "Transfer-Encoding: chunked\r\n\r\nzz\r\nabc"), .close, says: "chunk"),
        Broken(
            "length not a number", .text(ok + "Content-Length: ten\r\n\r\n0123456789"), .close, says: "Content-Length"),
        Broken("negative length", .text(ok + "Content-Length: -1\r\n\r\n0123456789"), .close, says: "Content-Length"),
        Broken("not HTTP", .text("hello, who is there?\r\n\r\n"), .close, says: "HTTP/0.9"),
        Broken("broken gzip", .answer(headers: ["Content-Encoding: gzip"], body: "not gzip at all"), says: ""),
        Broken(
            "header over the limit",
            .text(ok + String(repeating: "A: \(String(repeating: "b", count: 1000))\r\n", count: 300)), .hang,
            says: "header"),
        Broken(
            "announced body over the limit", .answer(body: String(repeating: "x", count: 2000)),
            says: "longer than 1000 bytes"),
        Broken(
            "endless body", .text(ok + "\r\n" + String(repeating: "x", count: 2000)), .hang,
            says: "longer than 1000 bytes"),
        Broken("silence", .hang, says: "timed out"),
        Broken("silence within the body", .text(ok + "Content-Length: 10\r\n\r\nabc"), .hang, says: "timed out"),
        Broken(
            "dripping body", .text(ok + "Content-Length: 500\r\n\r\n"),
            .drip(Array(repeating: 97, count: 500), everyMilliseconds: 20), says: "timed out"),
        Broken(
            "dripping header", .text(ok + "A: "), .drip(Array(repeating: 97, count: 500), everyMilliseconds: 20),
            says: "timed out"),
    ]

    @Test(arguments: broken, ["GET", "POST"])
    func onceSentTheOutcomeIsUnknown(broken: Broken, method: String) async throws {
        let server = try RawHTTPServer { _ in broken.steps }
        let deadline: Duration = broken.message == "timed out" ? .milliseconds(400) : .seconds(20)
        let start = ContinuousClock.now
        let (ending, message) = await transport.ending(
            request(server, "/?token=secret", method: method, deadline: deadline, limit: 1000))
        #expect(ending == .unknownOutcome)
        #expect(message.hasPrefix("\(method) \(server.url): "))
        #expect(message.contains(broken.message))
        #expect(!message.contains("secret"))
        #expect(ContinuousClock.now - start < .seconds(10))
        #expect(server.requests.count == 1)
    }

    /// A kept connection that turns out closed: the first copy of the request may have been acted on.
    @Test(arguments: [("GET", Ending.answered(200), 3), ("POST", .unknownOutcome, 2), ("DELETE", .unknownOutcome, 2)])
    func onlyReadingIsSentAgain(method: String, expected: Ending, copies: Int) async throws {
        let server = try RawHTTPServer { request in
            request.target == "/second" && request.connection == 0 ? [.close] : [.answer()]
        }
        _ = await transport.ending(request(server, "/first"))
        let (ending, message) = await transport.ending(request(server, "/second", method: method))
        #expect(ending == expected)
        #expect(server.requests.count == copies)
        if expected == .unknownOutcome {
            #expect(message.hasSuffix("the server closed the connection without an answer"))
        }
    }

    struct Impossible: Sendable, CustomTestStringConvertible {
        var testDescription: String { "\(request.method) \(request.url)" }
        var request: HTTPRequest
        var message: String

        init(
            _ url: String, method: String = "GET", field: HTTPField = HTTPField("A", "b"), signed: Bool = false,
            says message: String
        ) {
            request = HTTPRequest(
                method: method, url: url, headers: [field], deadline: .seconds(10),
                signature: signed ? .testing(token: nil) : nil, bypassesProxy: true)
            self.message = message
        }
    }

    static let impossible: [Impossible] = [
        Impossible("ftp://127.0.0.1/", says: "not an absolute http or https"),
        Impossible("file:///etc/passwd", says: "not an absolute http or https"),
        Impossible("127.0.0.1:80", says: "not an absolute http or https"),
        Impossible("", says: "not an absolute http or https"),
        Impossible("http://", says: "not an absolute http or https"),
        Impossible("http://127.0.0.1/a b", says: "not an absolute http or https"),
        Impossible("http://127.0.0.1/a\r\nX: y", says: "not an absolute http or https"),
        Impossible("http://user:pa/ss@127.0.0.1/", says: "not an absolute http or https"),
        Impossible("http://127.0.0.1:99999/", says: "http://127.0.0.1:99999: "),
        Impossible("http://nowhere.invalid/", says: "http://nowhere.invalid: Could not resolve host"),
        Impossible("http://127.0.0.1/", method: "GET / HTTP/1.1\r\nX:", says: "not a word"),
        Impossible("http://127.0.0.1/", field: HTTPField("A", "b\r\nC: d"), says: "header field"),
        Impossible("http://127.0.0.1/", field: HTTPField("A: b", "c"), says: "header field"),
        Impossible("http://127.0.0.1/?a=b", method: "POST", signed: true, says: "only POST without a query"),
        Impossible("http://127.0.0.1/", signed: true, says: "only POST without a query"),
        Impossible("http://u:hidden@127.0.0.1/", method: "POST", signed: true, says: "http://127.0.0.1: "),
    ]

    @Test(arguments: impossible)
    func whatCannotBeSentIsNot(impossible: Impossible) async {
        let (ending, message) = await transport.ending(impossible.request)
        #expect(ending == .notSent)
        #expect(message.contains(impossible.message))
        #expect(!message.contains("hidden") && !message.contains("pa"), "secrets stay out of \(message)")
    }

    @Test func aRefusedConnectionIsNotSent() async throws {
        let port = try RawHTTPServer.unusedPort()
        let (ending, message) = await transport.ending(
            HTTPRequest(
                method: "POST", url: "http://me:hidden@127.0.0.1:\(port)/p?q=hidden", body: Array("x".utf8),
                deadline: .seconds(20), bypassesProxy: true))
        #expect(ending == .notSent)
        #expect(message.hasPrefix("POST http://127.0.0.1:\(port): Failed to connect"))
        #expect(!message.contains("hidden"))
    }

    @Test func aDeadlineBeforeTheConnectionIsUpIsNotSent() async throws {
        // It waits for the end of a header that a TLS greeting does not have.
        let server = try RawHTTPServer(always: .close)
        for deadline in [Duration.milliseconds(200), .zero, .seconds(-1)] {
            let (ending, _) = await transport.ending(
                HTTPRequest(url: "https://127.0.0.1:\(server.port)/", deadline: deadline, bypassesProxy: true))
            #expect(ending == .notSent)
        }
    }

    @Test func connectingHasALimitOfItsOwn() async throws {
        let server = try RawHTTPServer(always: .close)
        let hasty = HTTPTransport(configuration: .init(connectTimeout: .milliseconds(100)))
        let (ending, message) = await hasty.ending(
            HTTPRequest(url: "https://127.0.0.1:\(server.port)/", deadline: .seconds(50), bypassesProxy: true))
        #expect(ending == .notSent)
        #expect(message.contains("time"))
    }

    @Test(arguments: ["http", "https"])
    func throughAProxyNothingIsSentUntilItAgrees(scheme: String) async throws {
        let proxy = try RawHTTPServer { _ in [.answer(403, body: "no")] }
        let proxied = HTTPTransport(configuration: .init(proxy: "http://me:hidden@127.0.0.1:\(proxy.port)"))
        let (ending, message) = await proxied.ending(
            HTTPRequest(method: "POST", url: "\(scheme)://nowhere.invalid/", deadline: .seconds(20)))
        #expect(ending == (scheme == "http" ? .answered(403) : .notSent))
        #expect(proxy.requests.first?.method == (scheme == "http" ? "POST" : "CONNECT"))
        #expect(!message.contains("hidden"))
    }

    @Test(arguments: ["http://me:hidden@127.0.0.1:bad", "gopher://me:hidden@127.0.0.1"])
    func aBrokenProxySettingIsNotQuoted(proxy: String) async throws {
        let proxied = HTTPTransport(configuration: .init(proxy: proxy))
        let (ending, message) = await proxied.ending(HTTPRequest(url: "http://127.0.0.1/", deadline: .seconds(20)))
        #expect(ending == .notSent)
        #expect(!message.contains("hidden"))
    }

    @Test func theProxyIsBypassedOnDemand() async throws {
        let proxied = HTTPTransport(
            configuration: .init(proxy: "http://127.0.0.1:\(try RawHTTPServer.unusedPort())"))
        let server = try RawHTTPServer(always: .answer())
        var toServer = request(server)
        #expect(await proxied.ending(toServer).ending == .answered(200))
        toServer.bypassesProxy = false
        #expect(await proxied.ending(toServer).ending == .notSent)
    }
}
