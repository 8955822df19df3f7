import Admission
import Fleet
import NIOCore
import TestSupport
import Testing

@testable import Gateway

/// What a client or a replica may take, and what becomes of one that takes more.
@Suite struct LimitTests {
    @Test("A body over the limit is refused, announced or not, and no replica gets it")
    func bodySize() async throws {
        try await RunningGateway.run { settings, _, _ in
            settings.limits.bodyBytes = 1000
        } _: { gateway in
            let long = String(repeating: "x", count: 1001)
            for body in ["Content-Length: 1001\r\n\r\n\(long)", "Transfer-Encoding: chunked\r\n\r\n\(chunk(long))"] {
                let seen = try await gateway.ask("POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\n\(body)")
                #expect(seen.status == 413 && seen.body.contains("\"code\":\"request_too_large\""))
            }
            #expect(await gateway.demand?.arrivals == 0)
        }
    }

    @Test("Bodies that name no model yet have a limit together, and make room when they end")
    func unnamedBodies() async throws {
        try await RunningGateway.run { _, _, admission in
            admission.models["other"] = PoolID(rawValue: "q")
            admission.maximumHeldBodyBytes = 100_000
        } _: { gateway in
            let head = "POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n"
            let start = "{\"x\":\"\(String(repeating: "x", count: 40_000))\""
            var clients: [Wire] = []
            for _ in 0..<4 { clients.append(try await gateway.request(head + chunk(start))) }
            let first = try await withThrowingTaskGroup(of: Message.self) { group in
                for client in clients { group.addTask { try await client.message() } }
                let first = try await group.next()
                for client in clients { client.close() }
                while let _ = await group.nextResult() {}
                return first
            }
            #expect(first?.status == 429 && first?["retry-after"] == "1")
            #expect(first?.body.contains("\"code\":\"queue_full\"") == true)
            #expect(await eventually { gateway.logged.count == 4 })
            let last = try await gateway.request(head + chunk(start) + chunk(start.replacing("{", with: ",")))
            try await last.send(chunk(",\"stream\":true,\"model\":\"m\"}") + "0\r\n\r\n")
            #expect(await gateway.holds(1))
            last.close()
        }
    }

    @Test("A body that grows over the limit on its way to the replica ends both sides")
    func growingBody() async throws {
        try await RunningGateway.run { settings, _, _ in
            settings.limits.bodyBytes = 1000
        } _: { gateway in
            let origin = try await Origin()
            gateway.controller.serve(origin)
            let client = try await gateway.request(
                "POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + chunk("{\"model\":\"m\",\"stream\":false,"))
            let replica = try await origin.accept()
            _ = try await replica.read(through: "stream")
            try await client.send(chunk(String(repeating: "x", count: 1001)))
            #expect(try await client.message().status == 413)
            #expect(await !replica.rest().hasSuffix("0\r\n\r\n"))
            #expect(await gateway.isIdle())
        }
    }

    @Test(
        "A client that takes its time is told so, or just let go",
        arguments: [
            ("half a head", "POST /v1/chat/completions HTTP/1.1\r\nHo", 408),
            ("half a body", "POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nContent-Length: 30\r\n\r\n{\"mo", 408),
            ("nothing", "", 0),
            ("nothing more", "GET /health HTTP/1.1\r\nHost: g\r\n\r\n", 200),
        ])
    func slowClient(_ what: String, _ bytes: String, _ status: Int) async throws {
        try await RunningGateway.run { settings, _, _ in
            settings.limits.headTime = .milliseconds(300)
            settings.limits.bodyTime = .milliseconds(300)
            // Not before the bytes have come.
            settings.limits.idleTime = bytes.isEmpty ? .milliseconds(300) : .seconds(3)
        } _: { gateway in
            let client = try await gateway.request(bytes)
            if status > 0 { #expect(try await client.message().status == status) }
            #expect(await client.rest() == "")
        }
    }

    @Test("A body that comes slowly but steadily enough is awaited")
    func steadyBody() async throws {
        try await RunningGateway.run { settings, _, _ in
            // One loop, so that both clients are looked at together.
            settings.threads = 1
            settings.limits.bodyTime = .milliseconds(600)
            settings.limits.bodyBytesPerSecond = 1
        } _: { gateway in
            let origin = try await Origin()
            gateway.controller.serve(origin)
            let body = "{\"model\":\"m\",\"stream\":false,\"padding\":\"\(String(repeating: "x", count: 200))\"}"
            let client = try await gateway.request(
                "POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nContent-Length: \(body.utf8.count)\r\n\r\n")
            let half = String(body.prefix(100))
            try await client.send(half)
            let replica = try await origin.accept()
            _ = try await replica.read(through: half)
            // Two looks at the clock, each after half a second, find that the bytes have earned the time.
            let other = try await gateway.request(
                "POST /v1/completions HTTP/1.1\r\nHost: g\r\nContent-Length: 9\r\n\r\n")
            #expect(try await other.message().status == 408)
            try await client.send(String(body.dropFirst(100)))
            _ = try await replica.read(through: "}")
            try await replica.send(whole())
            #expect(try await client.message().status == 200)
        }
    }

    @Test("A replica that does not answer is given up, and one that stops in the middle is cut off")
    func silentReplica() async throws {
        try await RunningGateway.run { settings, _, _ in
            settings.upstream.silentTime = .milliseconds(300)
        } _: { gateway in
            let origin = try await Origin()
            gateway.controller.serve(origin)
            let first = try await gateway.request(chat(id: "first"))
            let mute = try await origin.accept()
            _ = try await mute.message()
            let seen = try await first.message()
            #expect(seen.status == 502 && seen.body.contains("\"code\":\"upstream_failed\""))
            #expect(await mute.rest() == "")

            let second = try await gateway.request(chat(stream: true, id: "second"))
            let stuck = try await origin.accept()
            _ = try await stuck.message()
            try await stuck.send(eventStream + chunk("data: 1\n\n"))
            #expect(await second.rest() == eventStream + chunk("data: 1\n\n"))
            #expect(await gateway.line("second")?.outcome == "broken_off")
        }
    }

    @Test("A client that does not read its answers gets no more of them, until it does")
    func unreadAnswers() async throws {
        let count = 600
        try await RunningGateway.run { settings, _, admission in
            settings.threads = 1
            // A long answer, so that few are more than the system takes.
            admission.models[String(repeating: "x", count: 64 << 10)] = pool
        } _: { gateway in
            let models = "GET /v1/models HTTP/1.1\r\nHost: g\r\n\r\n"
            let answer = try await gateway.ask(models)
            let client = try await gateway.client()
            client.reads(false)
            try await client.send(String(repeating: models, count: count))
            #expect(await eventually { gateway.logged.count > 1 })
            // By then all would be answered that is going to be.
            for _ in 0..<3 { _ = try await gateway.ask("GET /health HTTP/1.1\r\nHost: g\r\n\r\n") }
            #expect(gateway.logged.count < count / 2)
            client.reads(true)
            for _ in 0..<count { #expect(try await client.message().body.utf8.count == answer.body.utf8.count) }
        }
    }

    @Test("Connections over the limit are turned away with an error")
    func connections() async throws {
        try await RunningGateway.run { settings, _, _ in
            settings.limits.connections = 2
        } _: { gateway in
            let first = try await gateway.request("GET /health HTTP/1.1\r\nHost: g\r\n\r\n")
            #expect(try await first.message().status == 200)
            let second = try await gateway.request("GET /health HTTP/1.1\r\nHost: g\r\n\r\n")
            #expect(try await second.message().status == 200)
            let third = try await gateway.client()
            #expect(try await third.message().status == 503)
            #expect(await third.rest() == "")
            first.close()
            let isOpen = await eventually {
                // Until the place is free the refusal may come before the question.
                (try? await gateway.ask("GET /health HTTP/1.1\r\nHost: g\r\n\r\n").status) == 200
            }
            #expect(isOpen)
        }
    }
}
