import Admission
import Fleet
import Foundation
import NIOCore
import TestSupport
import Testing

@testable import Gateway

/// HTTP/2 in front, HTTP/1.1 behind.
@Suite struct HTTP2Tests {
    @Test("Requests of one connection are served side by side, each as one of HTTP/1.1")
    func sideBySide() async throws {
        try await RunningGateway.run { gateway in
            let origin = try await Origin()
            gateway.controller.serve(origin)
            let client = try await HTTP2Wire(gateway)
            try await client.post([("content-length", "13"), ("x-a", "1")], stream: 1)
            let first = try await origin.accept()
            let seen = try await first.message()
            #expect(
                seen.head.hasPrefix("POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\ncontent-length: 13\r\nx-a: 1\r\n")
            )
            #expect(seen.body == "{\"model\":\"m\"}")
            try await client.post(stream: 3)
            let second = try await origin.accept()
            #expect(try await second.message()["transfer-encoding"] == "chunked")

            try await second.send(whole(200, "second", fields: "Connection: x-b\r\nX-B: 1\r\n"))
            #expect(try await client.frame(of: 3).kind == .headers)
            #expect(try await client.rest(of: 3) == ("second", true))
            try await first.send(eventStream)
            #expect(try await client.frame(of: 1).kind == .headers)
            for turn in 0..<3 {
                try await first.send(chunk("data: \(turn)\n\n"))
                #expect(try await client.frame(of: 1).text == "data: \(turn)\n\n")
            }
            try await first.send("0\r\nX-Sum: 1\r\n\r\n")
            let end = try await client.frame(of: 1)
            #expect(end.kind == .headers && end.endsStream)
        }
    }

    @Test("A stream that breaks in the middle is reset, never ended")
    func breaks() async throws {
        try await RunningGateway.run { gateway in
            let origin = try await Origin()
            gateway.controller.serve(origin)
            let client = try await HTTP2Wire(gateway)
            try await client.post(stream: 1)
            let replica = try await origin.accept()
            _ = try await replica.message()
            try await replica.send(eventStream + chunk("data: 1\n\n"))
            #expect(try await client.frame(of: 1).kind == .headers)
            #expect(try await client.frame(of: 1).text == "data: 1\n\n")
            replica.close()
            #expect(try await client.rest(of: 1) == ("", false))
            // The connection goes on.
            try await client.headers(
                [(":method", "GET"), (":scheme", "http"), (":authority", "g"), (":path", "/health")], stream: 3,
                ends: true)
            #expect(try await client.frame(of: 3).kind == .headers)
            #expect(try await client.rest(of: 3) == ("{\"status\":\"ok\"}\n", true))
        }
    }

    @Test("A held stream gets its comments, and one that the client resets is forgotten at once")
    func held() async throws {
        try await RunningGateway.run { _, _, admission in
            admission.firstHeartbeat = .milliseconds(50)
        } _: { gateway in
            let client = try await HTTP2Wire(gateway)
            try await client.post(stream: 1, body: "{\"model\":\"m\",\"stream\":true}")
            try await client.post(stream: 3)
            #expect(try await client.frame(of: 1).kind == .headers)
            #expect(try await client.frame(of: 1).text == ": waking\n\n")
            #expect(await gateway.holds(2))
            try await client.send(.reset, stream: 3, [0, 0, 0, 8])
            #expect(await gateway.holds(1))
            gateway.controller.tell(.wakeFailed(pool, reason: "none"))
            let end = try await client.rest(of: 1)
            #expect(end.isWhole && end.body.hasPrefix("data: {\"type\":\"error\""))
        }
    }

    @Test("A client that gives no window holds the replica back, and the others of its connection go on")
    func window() async throws {
        try await RunningGateway.run { settings, _, _ in
            settings.limits.unreadTime = .seconds(2)
        } _: { gateway in
            let origin = try await Origin()
            gateway.controller.serve(origin)
            let client = try await HTTP2Wire(gateway, window: 1000)
            try await client.post(stream: 1)
            let replica = try await origin.accept()
            _ = try await replica.message()
            try await replica.send("HTTP/1.1 200 OK\r\nContent-Length: \(64 << 20)\r\n\r\n")
            async let sent = PassThroughTests.flood(replica)
            #expect(try await client.frame(of: 1).kind == .headers)
            try await client.headers(
                [(":method", "GET"), (":scheme", "http"), (":authority", "g"), (":path", "/health")], stream: 3,
                ends: true)
            #expect(try await client.frame(of: 3).kind == .headers)
            // In the end it is given up.
            #expect(await sent < 32 << 20)
        }
    }

    static let attacks: [(what: String, fields: [(String, String)])] = [
        ("a line end in a value", HTTP2Wire.post + [("x", "1\r\ntransfer-encoding: chunked")]),
        ("a line feed in a value", HTTP2Wire.post + [("x", "1\n")]),
        ("a line end in a name", HTTP2Wire.post + [("x\r\ny", "1")]),
        ("a colon in a name", HTTP2Wire.post + [("x: 1\r\ny", "1")]),
        ("a coding", HTTP2Wire.post + [("transfer-encoding", "chunked")]),
        ("a connection's own field", HTTP2Wire.post + [("connection", "x")]),
        ("two lengths", HTTP2Wire.post + [("content-length", "13"), ("content-length", "1")]),
        ("a line end in the path", HTTP2Wire.post.dropLast() + [(":path", "/ HTTP/1.1\r\nx: 1\r\n\r\n")]),
        ("a blank in the path", HTTP2Wire.post.dropLast() + [(":path", "/v1/chat/completions HTTP/1.1")]),
        ("a blank in the method", [(":method", "POST / HTTP/1.1\r\n")] + HTTP2Wire.post.dropFirst()),
        ("a line end in the host", [("host", "g\r\nx: 1")] + HTTP2Wire.post),
        ("no path", Array(HTTP2Wire.post.dropLast())),
        ("a name in capitals", HTTP2Wire.post + [("X-A", "1")]),
        ("a pseudo field too late", HTTP2Wire.post + [("x", "1"), (":path", "/v1/models")]),
    ]

    @Test("What cannot be written in HTTP/1.1 goes no further")
    func attacks() async throws {
        try await RunningGateway.run { gateway in
            let origin = try await Origin()
            gateway.controller.serve(origin)
            for attack in Self.attacks {
                let client = try await HTTP2Wire(gateway)
                try await client.headers(attack.fields, stream: 1)
                try? await client.send(.data, flags: 1, stream: 1, Array("{\"model\":\"m\"}".utf8))
                var isRefused = false
                // A reset, the end of the connection, or an error of ours.
                do {
                    let frame = try await client.frame(of: 1)
                    isRefused = frame.kind == .reset
                    if frame.kind == .headers {
                        isRefused = try await client.rest(of: 1).body.contains("\"bad_request\"")
                    }
                } catch is Wire.Ended { isRefused = true }
                #expect(isRefused, "\(attack.what)")
                client.wire.close()
            }
            #expect(await gateway.demand?.arrivals == 0)
        }
    }

    @Test("A length that the body does not keep reaches nobody as a whole request", arguments: ["12", "14"])
    func length(_ announced: String) async throws {
        try await RunningGateway.run { gateway in
            let origin = try await Origin()
            gateway.controller.serve(origin)
            let client = try await HTTP2Wire(gateway)
            try await client.post([("content-length", announced)], stream: 1)
            var isRefused = false
            do { isRefused = try await client.frame(of: 1).kind == .reset } catch is Wire.Ended { isRefused = true }
            #expect(isRefused)
            #expect(await gateway.isIdle())
        }
    }

    @Test(
        "Over TLS both versions are spoken, as the client wishes",
        .enabled(if: Tool("curl") != nil && Tool("openssl") != nil, "needs curl and openssl"))
    func tls() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (key, certificate) = (folder.appending(path: "key.pem").path, folder.appending(path: "cert.pem").path)
        let made = try await run(
            "openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate,
            ])
        try #require(made.status == 0, "\(made.output)")
        try await RunningGateway.run { settings, _, _ in
            settings.listeners[0].tls = .init(certificateChain: certificate, privateKey: key)
        } _: { gateway in
            let origin = try await Origin()
            let replica = Task { await origin.answerAll() }
            defer { replica.cancel() }
            gateway.controller.serve(origin)
            let url = "https://127.0.0.1:\(gateway.addresses[0].port ?? 0)/v1/chat/completions"
            for (option, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
                let seen = try await run(
                    "curl",
                    ["-sS", option, "--cacert", certificate, "-d", "{\"model\":\"m\"}", "-w", " %{http_version}", url])
                #expect(seen.output == "ok \(version)")
            }
            // Nothing is said in clear.
            let plain = try await gateway.request(chat())
            #expect(await !plain.rest().contains("HTTP/1.1"))
        }
    }

    /// On a thread of its own: the tasks here need theirs.
    private func run(_ name: String, _ arguments: [String]) async throws -> (status: Int32, output: String) {
        let tool = try #require(Tool(name))
        return try await withCheckedThrowingContinuation { done in
            Thread.detachNewThread { done.resume(with: Result { try tool.run(arguments) }) }
        }
    }
}
