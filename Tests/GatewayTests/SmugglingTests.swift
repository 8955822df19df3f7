import Admission
import NIOCore
import TestSupport
import Testing

@testable import Gateway

/// Bytes that two readers might cut differently. None of them reaches a replica, and the connection they came on ends.
@Suite struct SmugglingTests {
    static let next = chat(id: "smuggled")
    static let start = "POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\n"
    static let body = "{\"model\":\"m\"}"

    static let attacks: [(what: String, bytes: String, status: Int)] = [
        ("CL.TE", "\(start)Content-Length: 13\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n\(next)", 400),
        (
            "TE.CL", "\(start)Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nd\r\n\(body)\r\n0\r\n\r\n\(next)",
            400
        ),
        ("two lengths", "\(start)Content-Length: 13\r\nContent-Length: 0\r\n\r\n\(body)\(next)", 400),
        ("two equal lengths", "\(start)Content-Length: 13\r\nContent-Length: 13\r\n\r\n\(body)\(next)", 400),
        ("a list of lengths", "\(start)Content-Length: 13, 13\r\n\r\n\(body)\(next)", 400),
        ("a signed length", "\(start)Content-Length: +13\r\n\r\n\(body)\(next)", 400),
        ("a hexadecimal length", "\(start)Content-Length: 0xd\r\n\r\n\(body)\(next)", 400),
        ("a huge length", "\(start)Content-Length: 99999999999999999999\r\n\r\n\(body)\(next)", 400),
        ("two codings", "\(start)Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n\(next)", 400),
        ("a coding twice", "\(start)Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("an unknown coding", "\(start)Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n\(next)", 400),
        ("a coding in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n\(next)", 400),
        ("a blank before the colon", "\(start)Transfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400),
        ("a folded field", "\(start)X: 1\r\n Transfer-Encoding: chunked\r\nContent-Length: 13\r\n\r\n\(body)", 400),
        ("bare line feeds", "POST / HTTP/1.1\nHost: g\nContent-Length: 0\n\n\(next)", 400),
        ("a bare line feed in a field", "\(start)X: 1\nContent-Length: 0\r\n\r\n\(next)", 400),
        ("a bare carriage return", "\(start)X: 1\rContent-Length: 0\r\n\r\n\(next)", 400),
        ("a zero byte", "\(start)X: \0\r\nContent-Length: 0\r\n\r\n\(next)", 400),
        ("a chunk extension", "\(start)Transfer-Encoding: chunked\r\n\r\nd;x=1\r\n\(body)\r\n0\r\n\r\n\(next)", 400),
        ("a chunk line with a line feed", "\(start)Transfer-Encoding: chunked\r\n\r\nd\n\(body)\r\n0\r\n\r\n", 400),
        ("a chunk longer than it says", "\(start)Transfer-Encoding: chunked\r\n\r\n3\r\n\(body)\r\n0\r\n\r\n", 400),
        ("a signed chunk", "\(start)Transfer-Encoding: chunked\r\n\r\n+d\r\n\(body)\r\n0\r\n\r\n\(next)", 400),
        ("a huge chunk", "\(start)Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n\(body)\r\n0\r\n\r\n", 400),
        (
            "a length in the trailers",
            "\(start)Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 9\r\n\r\n\(next)", 400
        ),
        ("two hosts", "\(start)Host: h\r\nContent-Length: 0\r\n\r\n\(next)", 400),
        ("no host", "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n\(next)", 400),
        ("another host in the target", "POST http://h/ HTTP/1.1\r\nHost: g\r\nContent-Length: 0\r\n\r\n\(next)", 400),
        ("a tunnel", "CONNECT g:80 HTTP/1.1\r\nHost: g:80\r\n\r\n\(next)", 400),
        ("two blanks", "POST  / HTTP/1.1\r\nHost: g\r\nContent-Length: 0\r\n\r\n\(next)", 400),
        ("another version", "POST / HTTP/1.9\r\nHost: g\r\nContent-Length: 0\r\n\r\n\(next)", 505),
        ("an oversized line", "POST /\(String(repeating: "a", count: 70_000)) HTTP/1.1\r\nHost: g\r\n\r\n", 414),
        ("an oversized head", "\(start)X: \(String(repeating: "a", count: 70_000))\r\n\r\n", 431),
        ("too many fields", start + String(repeating: "X: 1\r\n", count: 200) + "\r\n", 431),
    ]

    @Test("Nothing ambiguous gets through")
    func attacks() async throws {
        try await RunningGateway.run { gateway in
            let origin = try await Origin()
            gateway.controller.serve(origin)
            for attack in Self.attacks {
                let client = try await gateway.request(attack.bytes)
                let answer = try await client.message()
                #expect(answer.status == attack.status, "\(attack.what)")
                #expect(answer["connection"] == "close", "\(attack.what)")
                #expect(answer.body.contains("\"code\":\"bad_request\""), "\(attack.what)")
                // Not a second answer, to what was hidden.
                #expect(await client.rest() == "", "\(attack.what)")
            }
            // All of them are counted, and told in short lines.
            let counted = await gateway.server.numbers()?.requests ?? [:]
            for status in [400, 414, 431, 505] {
                #expect(counted["\(status) bad_request"] == Self.attacks.count { $0.status == status })
            }
            #expect(gateway.logged.count == Self.attacks.count)
            #expect(gateway.logged.allSatisfy { $0.path.utf8.count < 32 && $0.remote != nil })
            // The first that a replica sees is this one.
            let client = try await gateway.request(chat(id: "honest"))
            #expect(try await origin.accept().message()["x-request-id"] == "honest")
            client.close()
            #expect(await gateway.demand?.arrivals == 1)
        }
    }

    static let answers: [(what: String, bytes: String)] = [
        ("length and coding", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
        ("bare line feeds", "HTTP/1.1 200 OK\nContent-Length: 1\n\na"),
        ("a folded field", "HTTP/1.1 200 OK\r\nX: 1\r\n 2\r\nContent-Length: 1\r\n\r\na"),
        ("another protocol", "SSH-2.0-x\r\n\r\n"),
        ("an endless head", "HTTP/1.1 200 OK\r\nX: \(String(repeating: "a", count: 70_000))"),
    ]

    @Test("An answer that can be read in two ways is not passed on", arguments: answers)
    func answer(_ attack: (what: String, bytes: String)) async throws {
        try await RunningGateway.run { gateway in
            let origin = try await Origin()
            gateway.controller.serve(origin)
            let client = try await gateway.request(chat())
            let replica = try await origin.accept()
            _ = try await replica.message()
            try await replica.send(attack.bytes)
            let seen = try await client.message()
            #expect(seen.status == 502 && seen.body.contains("\"code\":\"upstream_failed\""))
            #expect(await replica.rest() == "")
        }
    }

    @Test("What a replica says unasked is given to nobody")
    func unasked() async throws {
        try await RunningGateway.run { settings, _, _ in
            // So that the second request could use the first one's connection.
            settings.threads = 1
        } _: { gateway in
            let origin = try await Origin()
            gateway.controller.serve(origin)
            let first = try await gateway.request(chat(id: "first"))
            let replica = try await origin.accept()
            _ = try await replica.message()
            try await replica.send(whole(200, "mine") + whole(200, "poison"))
            #expect(try await first.message().body == "mine")
            let second = try await gateway.request(chat(id: "second"))
            let fresh = try await origin.accept()
            #expect(try await fresh.message()["x-request-id"] == "second")
            try await fresh.send(whole(200, "yours"))
            #expect(try await second.message().body == "yours")
            #expect(await replica.rest() == "")
        }
    }
}
