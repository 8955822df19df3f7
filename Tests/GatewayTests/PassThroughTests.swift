import Admission
import NIOCore
import Synchronization
import TestSupport
import Testing

@testable import Gateway

/// What a replica and a client see of each other through the gateway.
@Suite struct PassThroughTests {
    @Test("A request goes on as it came, but for what belongs to one connection")
    func request() async throws {
        try await RunningGateway.run { gateway in
            let origin = try await Origin()
            gateway.controller.serve(origin)
            let body = "{\"model\":\"m\", \"x\": \"\u{E9}\"}"
            let client = try await gateway.request(
                "POST /v1/chat/completions?a=%2F&b HTTP/1.1\r\nhOsT: g:1\r\nX-One:  1\r\nKeep-Alive: 5\r\n"
                    + "Connection: keep-alive, x-named\r\nX-Named: n\r\nTE: trailers\r\nProxy-Authorization: p\r\n"
                    + "Upgrade: websocket\r\nProxy-Connection: close\r\nX-Two: 2\r\nX-One: 3\r\n"
                    + "Authorization: Bearer k\r\nx-request-id: id-1\r\ncontent-LENGTH: \(body.utf8.count)\r\n\r\n\(body)"
            )
            let seen = try await origin.accept().message()
            #expect(
                seen.head == "POST /v1/chat/completions?a=%2F&b HTTP/1.1\r\nhOsT: g:1\r\nX-One:  1\r\nX-Two: 2\r\n"
                    + "X-One: 3\r\nAuthorization: Bearer k\r\nx-request-id: id-1\r\n"
                    + "content-LENGTH: \(body.utf8.count)\r\n\r\n")
            #expect(seen.body == body)
            client.close()
        }
    }

    @Test("An answer comes back as the replica wrote it, but for what belongs to one connection")
    func answers() async throws {
        try await RunningGateway.run { gateway in
            let origin = try await Origin()
            gateway.controller.serve(origin)
            let client = try await gateway.request(chat())
            let replica = try await origin.accept()
            _ = try await replica.message()
            try await replica.send(
                "HTTP/1.1 418 I'm a  teapot\r\nx-A: 1\r\nKeep-Alive: timeout=5\r\nConnection: x-b\r\nX-B: 2\r\n"
                    + "Set-Cookie: a\r\nset-cookie: b\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\nabc")
            let seen = try await client.message()
            #expect(
                seen.head == "HTTP/1.1 418 I'm a  teapot\r\nx-A: 1\r\nSet-Cookie: a\r\nset-cookie: b\r\n"
                    + "Content-Length: 3\r\n\r\n")
            #expect(seen.body == "abc")
            // Both connections carry the next request.
            try await client.send(chat(id: "second"))
            #expect(try await replica.message()["x-request-id"] == "second")
            try await replica.send(whole(204, ""))
            #expect(try await client.message().status == 204)
        }
    }

    @Test("Chunks and trailers are passed on as they come, in both directions at once")
    func chunks() async throws {
        try await RunningGateway.run { gateway in
            let origin = try await Origin()
            gateway.controller.serve(origin)
            let client = try await gateway.request(
                "POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + chunk("{\"model\":\"m\",\"stream\":true,"))
            let replica = try await origin.accept()
            let head = try await replica.read(through: "\r\n\r\n")
            #expect(head.contains("Transfer-Encoding: chunked\r\n"))
            #expect(try await replica.read(through: ",\r\n") == chunk("{\"model\":\"m\",\"stream\":true,"))
            try await replica.send(eventStream)
            #expect(try await client.read(through: "\r\n\r\n") == eventStream)
            for turn in 0..<5 {
                try await client.send(chunk("\"k\(turn)\":1,"))
                #expect(try await replica.read(through: ",\r\n") == chunk("\"k\(turn)\":1,"))
                try await replica.send(chunk("data: \(turn)\n\n"))
                #expect(try await client.read(through: "\n\n\r\n") == chunk("data: \(turn)\n\n"))
            }
            try await client.send("0\r\nX-Sum: 1\r\n\r\n")
            #expect(try await replica.read(through: "\r\n\r\n") == "0\r\nX-Sum: 1\r\n\r\n")
            try await replica.send("0\r\nX-Tokens: 5\r\nX-Last: 6\r\n\r\n")
            #expect(try await client.read(through: "\r\n\r\n") == "0\r\nX-Tokens: 5\r\nX-Last: 6\r\n\r\n")
            try await client.send(chat(id: "next"))
            #expect(try await replica.message()["x-request-id"] == "next")
        }
    }

    @Test("Pipelined requests are answered in their order")
    func pipelining() async throws {
        try await RunningGateway.run { gateway in
            let origin = try await Origin()
            gateway.controller.serve(origin)
            let client = try await gateway.request(
                chat(id: "a") + chat(id: "b") + "GET /health HTTP/1.1\r\nHost: g\r\n\r\n")
            let replica = try await origin.accept()
            for id in ["a", "b"] {
                #expect(try await replica.message()["x-request-id"] == id)
                try await replica.send(whole(200, "for \(id)"))
                #expect(try await client.message().body == "for \(id)")
            }
            #expect(try await client.message().body == "{\"status\":\"ok\"}\n")
        }
    }

    @Test("Informational answers stay behind, and a client that waits to send its body is told to go on")
    func interim() async throws {
        try await RunningGateway.run { gateway in
            let origin = try await Origin()
            gateway.controller.serve(origin)
            let body = "{\"model\":\"m\",\"stream\":false}"
            let client = try await gateway.request(
                "POST /v1/completions HTTP/1.1\r\nHost: g\r\nExpect: 100-continue\r\n"
                    + "Content-Length: \(body.utf8.count)\r\n\r\n")
            #expect(try await client.read(through: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
            try await client.send(body)
            let replica = try await origin.accept()
            #expect(try await replica.message()["expect"] == nil)
            try await replica.send("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + whole(200, "late"))
            #expect(try await client.message().body == "late")
        }
    }

    @Test("A replica that changes the protocol is not followed")
    func upgrade() async throws {
        try await RunningGateway.run { gateway in
            let origin = try await Origin()
            gateway.controller.serve(origin)
            let client = try await gateway.request(chat(fields: "Upgrade: websocket\r\nConnection: Upgrade\r\n"))
            let replica = try await origin.accept()
            let seen = try await replica.message()
            #expect(seen["upgrade"] == nil && seen["connection"] == nil)
            try await replica.send(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
            #expect(try await client.message().status == 502)
            #expect(await replica.rest() == "")
        }
    }

    @Test("A client of HTTP/1.0 gets a body that the end of the connection ends")
    func old() async throws {
        try await RunningGateway.run { gateway in
            let origin = try await Origin()
            gateway.controller.serve(origin)
            let client = try await gateway.request(
                "POST /v1/chat/completions HTTP/1.0\r\nContent-Length: 13\r\n\r\n{\"model\":\"m\"}")
            let replica = try await origin.accept()
            #expect(try await replica.message().head.hasPrefix("POST /v1/chat/completions HTTP/1.1\r\n"))
            try await replica.send(eventStream + chunk("one,") + chunk("two") + "0\r\n\r\n")
            #expect(await client.rest().hasSuffix("Connection: close\r\n\r\none,two"))
        }
    }

    @Test("A body that the end of the replica's connection ends comes in chunks")
    func untilClose() async throws {
        try await RunningGateway.run { gateway in
            let origin = try await Origin()
            gateway.controller.serve(origin)
            let client = try await gateway.request(chat())
            let replica = try await origin.accept()
            _ = try await replica.message()
            try await replica.send("HTTP/1.1 200 OK\r\n\r\none,")
            #expect(try await client.read(through: "\r\n\r\n").contains("Transfer-Encoding: chunked"))
            #expect(try await client.read(through: ",\r\n") == chunk("one,"))
            try await replica.send("two")
            replica.close()
            #expect(try await client.read(through: "0\r\n\r\n") == chunk("two") + "0\r\n\r\n")
        }
    }

    // MARK: Back-pressure

    static let piece = String(repeating: "x", count: 64 << 10)
    static let pieces = 1024

    /// Sends 64 MiB as the other side takes them; returns how many bytes went out.
    static func flood(_ wire: Wire) async -> Int {
        for sent in 0..<pieces {
            do { try await wire.send(piece) } catch { return sent * piece.utf8.count }
        }
        return pieces * piece.utf8.count
    }

    @Test("What a client does not read stays with the replica, and a client that reads nothing is cut in the end")
    func slowReader() async throws {
        try await RunningGateway.run { settings, _, _ in
            settings.limits.unreadTime = .seconds(2)
        } _: { gateway in
            let origin = try await Origin()
            gateway.controller.serve(origin)
            let client = try await gateway.client()
            client.reads(false)
            try await client.send(chat(id: "slow"))
            let replica = try await origin.accept()
            _ = try await replica.message()
            try await replica.send("HTTP/1.1 200 OK\r\nContent-Length: \(Self.pieces * Self.piece.utf8.count)\r\n\r\n")
            // What fits into four socket buffers, and no more, although there is time for all of it.
            #expect(await Self.flood(replica) < 32 << 20)
            #expect(await gateway.line("slow")?.outcome == "cancelled")
            client.reads(true)
            #expect(await client.rest().utf8.count < 32 << 20)
        }
    }

    @Test("A client that reads late gets everything")
    func lateReader() async throws {
        try await RunningGateway.run { gateway in
            let origin = try await Origin()
            gateway.controller.serve(origin)
            let client = try await gateway.client()
            client.reads(false)
            try await client.send(chat())
            let replica = try await origin.accept()
            _ = try await replica.message()
            let total = Self.pieces * Self.piece.utf8.count
            try await replica.send("HTTP/1.1 200 OK\r\nContent-Length: \(total)\r\n\r\n")
            async let flood = Self.flood(replica)
            // Others are served meanwhile.
            for _ in 0..<20 { #expect(try await gateway.ask("GET /health HTTP/1.1\r\nHost: g\r\n\r\n").status == 200) }
            client.reads(true)
            _ = try await client.read(through: "\r\n\r\n")
            for _ in 0..<Self.pieces { #expect(try await client.read(Self.piece.utf8.count).utf8.count == 64 << 10) }
            #expect(await flood == total)
        }
    }

    @Test(
        "A held request's body is read up to a bound, and the rest when it has somewhere to go",
        arguments: [("/v1/embeddings", 256 << 10), ("/v1/chat/completions", 8 << 10)])
    func heldBody(_ path: String, _ bound: Int) async throws {
        try await RunningGateway.run { settings, _, _ in
            settings.threads = 1
            settings.limits.heldBodyBytes = 256 << 10
            settings.limits.bodyBytes = 128 << 20
        } _: { gateway in
            let origin = try await Origin()
            let client = try await gateway.request(
                "POST \(path) HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + chunk("{\"model\":\"m\",\"stream\":false,\"x\":\""))
            async let sent: Void = {
                for _ in 0..<Self.pieces { try await client.send(chunk(Self.piece)) }
                try await client.send(chunk("\"}") + "0\r\n\r\n")
            }()
            #expect(await eventually { await gateway.demand?.heldBodyBytes ?? 0 >= bound })
            // Each of these is a turn of the loop in which more could be read.
            for _ in 0..<100 { #expect(try await gateway.ask("GET /health HTTP/1.1\r\nHost: g\r\n\r\n").status == 200) }
            // One more read, of at most 64 KiB, may have begun below the bound.
            #expect(await gateway.demand?.heldBodyBytes ?? .max <= bound + (64 << 10))
            gateway.controller.serve(origin)
            let replica = try await origin.accept()
            let message = try await replica.message()
            #expect(message.body.utf8.count > Self.pieces * Self.piece.utf8.count)
            try await sent
            try await replica.send(whole())
            #expect(try await client.message().status == 200)
        }
    }
}
