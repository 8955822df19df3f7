import Admission
import Fleet
import NIOCore
import TestSupport
import Testing

@testable import Gateway

/// Waking, waiting and being let through, over sockets.
@Suite struct HoldTests {
    @Test("300 requests that wait for one wake: one start, never more at once than slots, all served in their order")
    func crowd() async throws {
        let count = 300
        let slots = 8
        try await RunningGateway.run { settings, limits, _ in
            settings.threads = 2
            limits.slots = slots
        } _: { gateway in
            let origin = try await Origin()
            var clients: [Wire] = []
            for number in 0..<count {
                clients.append(try await gateway.request(chat(id: "\(number)")))
                #expect(await gateway.holds(number + 1))
            }
            #expect(gateway.controller.wakes == 1)
            gateway.controller.serve(origin)

            var running: [(wire: Wire, number: Int)] = []
            for _ in 0..<slots {
                let wire = try await origin.accept()
                running.append((wire, Int(try await wire.message()["x-request-id"] ?? "") ?? -1))
            }
            // The first ones, over connections that may overtake each other; from here on one by one.
            #expect(Set(running.map(\.number)) == Set(0..<slots))
            running.sort { $0.number < $1.number }
            for expected in slots..<count {
                #expect(await gateway.demand?.inFlight == slots)
                let (wire, number) = running.removeFirst()
                try await wire.send(whole(200, "\(number)"))
                #expect(try await clients[number].message().body == "\(number)")
                // It goes to the one whose turn it is, over the connection that is free, or a new one when another event
                // loop holds the client.
                let next = try await nextRequest(wire, origin)
                #expect(next.number == expected)
                running.append(next)
            }
            for (wire, number) in running {
                try await wire.send(whole(200, "\(number)"))
                #expect(try await clients[number].message().body == "\(number)")
            }
            #expect(await gateway.isIdle())
            #expect(gateway.logged.count { $0.outcome == "served" && $0.isCold && $0.attempts == 1 } == count)
            #expect(gateway.controller.wakes == 1)
        }
    }

    /// The request that follows an answer.
    private func nextRequest(_ free: Wire, _ origin: Origin) async throws -> (wire: Wire, number: Int) {
        // Whichever of the two brings it; the other one waits in vain and is called off.
        try await withThrowingTaskGroup(of: (Wire, Int).self) { group in
            for source in [free, nil] {
                group.addTask {
                    let wire = if let source { source } else { try await origin.accept() }
                    return (wire, Int(try await wire.message()["x-request-id"] ?? "") ?? -1)
                }
            }
            defer { group.cancelAll() }
            while let result = await group.nextResult() {
                if case .success(let (wire, number)) = result { return (wire, number) }
            }
            throw Wire.Ended(rest: "")
        }
    }

    @Test("A replica gets its first request after the whole ladder, over a connection that is not a probe's")
    func ladder() async throws {
        try await RunningGateway.run { _, limits, _ in
            limits.ladder = ProbeStep.allCases
        } _: { gateway in
            let origin = try await Origin()
            let client = try await gateway.request(chat(id: "mine"))
            #expect(await gateway.holds(1))
            gateway.controller.serve(origin)
            func probe(_ path: String, _ bytes: String) async throws {
                let wire = try await origin.accept()
                let message = try await wire.message()
                #expect(message.head.hasPrefix(path))
                if path.hasPrefix("POST") { #expect(message.body.contains("\"model\":\"m\"")) }
                try await wire.send(bytes)
            }
            try await probe("GET /health", whole(503, ""))
            try await probe("GET /health", whole(503, ""))
            try await probe("GET /health", whole(200, ""))
            try await probe("GET /v1/models", whole(200, "{\"data\":[{\"id\":\"other\"}]}"))
            // It begins again.
            try await probe("GET /health", whole(200, ""))
            try await probe("GET /v1/models", whole(200, "{\"data\":[{\"id\":\"m\"}]}"))
            try await probe("POST /v1/completions", whole(500, ""))
            try await probe("GET /health", whole(200, ""))
            try await probe("GET /v1/models", whole(200, "{\"data\":[{\"id\":\"m\"}]}"))
            #expect(await gateway.demand?.held == 1)
            #expect(
                gateway.notes == [
                    "p/r0 is not ready: /health answers 503",
                    "p/r0 is not ready: /v1/models does not list \"m\", it lists other",
                    "p/r0 is not ready: /v1/completions answers 500",
                ])
            try await probe("POST /v1/completions", whole(200, "{}"))
            let replica = try await origin.accept()
            #expect(try await replica.message()["x-request-id"] == "mine")
            try await replica.send(whole())
            #expect(try await client.message().status == 200)
        }
    }

    @Test("A client that leaves is forgotten at once")
    func leaving() async throws {
        try await RunningGateway.run { gateway in
            let stays = try await gateway.request(chat(id: "stays"))
            let leaves = try await gateway.request(chat(id: "leaves"))
            let resets = try await gateway.request(chat(id: "resets"))
            // Most of its body is still in the socket.
            let body = "{\"model\":\"m\",\"stream\":false,\"x\":\"\(String(repeating: "x", count: 30_000))"
            let unread = try await gateway.request(
                "POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nContent-Length: 40000\r\n\r\n\(body)")
            #expect(await gateway.holds(4))
            leaves.close()
            resets.reset()
            unread.close()
            #expect(await gateway.holds(1))
            #expect(await gateway.line("leaves")?.outcome == "cancelled")
            #expect(await gateway.line("resets")?.outcome == "cancelled")
            stays.close()
            #expect(await gateway.holds(0))
            // Nobody waits, so the wake is over.
            let end = await gateway.controller.next { if case .wakeEnded(let record) = $0 { record } else { nil } }
            #expect(end?.outcome == .abandoned)
        }
    }

    @Test("A client is noticed to leave behind a long body too, as long as there is room for bodies")
    func leavingBehindBody() async throws {
        try await RunningGateway.run { gateway in
            let body = "{\"model\":\"m\",\"stream\":false,\"x\":\"\(String(repeating: "x", count: 900_000))\"}"
            let head = "POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\n"
            let leaves = try await gateway.request("\(head)Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
            #expect(await gateway.holds(1))
            leaves.close()
            #expect(await gateway.holds(0))
            // And one that stays gets all of its body through.
            let stays = try await gateway.request("\(head)Transfer-Encoding: chunked\r\n\r\n\(chunk(body))0\r\n\r\n")
            #expect(await gateway.holds(1))
            let origin = try await Origin()
            gateway.controller.serve(origin)
            let replica = try await origin.accept()
            #expect(try await replica.message().body == body)
            try await replica.send(whole())
            #expect(try await stays.message().status == 200)
        }
    }

    @Test("A client that leaves while it is served frees the slot, and the replica's connection ends")
    func leavingLate() async throws {
        try await RunningGateway.run { _, limits, _ in
            limits.slots = 1
        } _: { gateway in
            let origin = try await Origin()
            gateway.controller.serve(origin)
            let first = try await gateway.request(chat(stream: true, id: "first"))
            let replica = try await origin.accept()
            _ = try await replica.message()
            try await replica.send(eventStream)
            _ = try await first.read(through: "\r\n\r\n")
            let second = try await gateway.request(chat(id: "second"))
            #expect(await gateway.holds(1))
            first.close()
            #expect(await replica.rest() == "")
            let next = try await origin.accept()
            #expect(try await next.message()["x-request-id"] == "second")
            second.close()
        }
    }

    // MARK: Heartbeats

    @Test("A stream is kept alive by comments until its first byte, during the wake and while the replica reads")
    func heartbeats() async throws {
        try await RunningGateway.run { _, _, admission in
            admission.firstHeartbeat = .milliseconds(100)
            admission.heartbeat = .milliseconds(100)
        } _: { gateway in
            let origin = try await Origin()
            gateway.controller.tell(.boot(pool, BootOutlook(typical: .seconds(300))))
            let client = try await gateway.request(chat(stream: true))
            let head = try await client.read(through: "\r\n\r\n")
            #expect(head.hasPrefix("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream"))
            #expect(head.contains("\r\nCache-Control: no-cache, no-transform\r\nX-Accel-Buffering: no\r\n"))
            #expect(try await client.read(through: "\n\n\r\n").contains(": waking eta="))

            gateway.controller.serve(origin)
            let replica = try await origin.accept()
            _ = try await replica.message()
            _ = try await client.read(through: ": working\n\n\r\n")
            try await replica.send(eventStream)
            // An engine sends its head first and then reads the prompt.
            _ = try await client.read(through: ": working\n\n\r\n")
            _ = try await client.read(through: ": working\n\n\r\n")
            try await replica.send(chunk("data: 1\n\n"))
            _ = try await client.read(through: chunk("data: 1\n\n"))

            // While another request gets three comments, this one gets none.
            let other = try await gateway.request(chat(stream: true))
            let busy = try await origin.accept()
            _ = try await busy.message()
            for _ in 0..<3 { _ = try await other.read(through: ": working\n\n\r\n") }
            try await replica.send(chunk("data: 2\n\n") + "0\r\n\r\n")
            #expect(try await client.read(through: "0\r\n\r\n") == chunk("data: 2\n\n") + "0\r\n\r\n")
            other.close()
        }
    }

    @Test("Comments go between an answer's head and its first byte, and never into it")
    func commentsBeforeTheFirstByte() async throws {
        try await RunningGateway.run { _, _, admission in
            admission.firstHeartbeat = .milliseconds(100)
            admission.heartbeat = .milliseconds(100)
        } _: { gateway in
            let origin = try await Origin()
            gateway.controller.serve(origin)
            let client = try await gateway.request(chat(stream: true))
            let replica = try await origin.accept()
            _ = try await replica.message()
            try await replica.send(eventStream)
            _ = try await client.read(through: "\r\n\r\n")
            _ = try await client.read(through: chunk(": working\n\n"))
            // Half a chunk line: nothing may come between.
            try await replica.send("9\r")
            _ = try await client.read(through: "9\r")
            let other = try await gateway.request(chat(stream: true, id: "other"))
            let busy = try await origin.accept()
            _ = try await busy.message()
            for _ in 0..<3 { _ = try await other.read(through: ": working\n\n\r\n") }
            try await replica.send("\ndata: 1\n\n\r\n0\r\n\r\n")
            #expect(try await client.read(through: "0\r\n\r\n") == "\ndata: 1\n\n\r\n0\r\n\r\n")
            other.close()
        }
    }

    @Test("A request that is not a stream is held without a word")
    func silence() async throws {
        try await RunningGateway.run { _, _, admission in
            admission.firstHeartbeat = .milliseconds(50)
            admission.heartbeat = .milliseconds(50)
        } _: { gateway in
            let origin = try await Origin()
            let quiet = try await gateway.request(chat())
            #expect(await gateway.holds(1))
            let stream = try await gateway.request(chat(stream: true))
            for _ in 0..<3 { _ = try await stream.read(through: ": waking\n\n\r\n") }
            stream.close()
            #expect(await gateway.holds(1))
            gateway.controller.serve(origin)
            let replica = try await origin.accept()
            _ = try await replica.message()
            try await replica.send(whole(201, "x"))
            #expect(try await quiet.read(through: "\r\n\r\n").hasPrefix("HTTP/1.1 201 Status\r\n"))
        }
    }

    @Test("After the 200 a failure is an event, in the shape of the API, and the stream ends in order")
    func lateFailure() async throws {
        try await RunningGateway.run { _, _, admission in
            admission.firstHeartbeat = .milliseconds(50)
        } _: { gateway in
            let openAI = try await gateway.request(chat(stream: true))
            let anthropic = try await gateway.request(chat(stream: true, path: "/v1/messages"))
            for client in [openAI, anthropic] { _ = try await client.read(through: ": waking\n\n\r\n") }
            gateway.controller.tell(.wakeFailed(pool, reason: "no \"capacity\""))
            let event = try await openAI.read(through: "0\r\n\r\n")
            #expect(event.contains("\r\ndata: {\"type\":\"error\",\"error\":{\"message\":"))
            #expect(event.contains("no \\\"capacity\\\"") && event.contains("\"code\":\"wake_failed\"}}\n\n\r\n"))
            #expect(
                try await anthropic.read(through: "0\r\n\r\n").contains("\r\nevent: error\ndata: {\"type\":\"error\","))
        }
    }

    @Test("An error of the replica's, and an answer that is no stream, come as events after the 200")
    func collected() async throws {
        try await RunningGateway.run { _, _, admission in
            admission.firstHeartbeat = .milliseconds(50)
        } _: { gateway in
            let origin = try await Origin()
            let error = "{\"error\":{\"message\":\"too long\"}}"
            let answers = [
                (whole(400, error), "data: \(error)\n\n"),
                (whole(200, "{\n\"a\":1}"), "data: {\ndata: \"a\":1}\n\n"),
                (whole(500, "oops"), "\"code\":\"upstream_error\"}}\n\n"),
            ]
            for (answer, expected) in answers {
                gateway.controller.tell([])
                let client = try await gateway.request(chat(stream: true))
                _ = try await client.read(through: ": waking\n\n\r\n")
                gateway.controller.serve(origin)
                let replica = try await origin.accept()
                _ = try await replica.message()
                try await replica.send(answer)
                let event = try await client.read(through: "0\r\n\r\n")
                #expect(event.contains(expected))
                replica.close()
                #expect(await gateway.isIdle())
            }
        }
    }

    // MARK: Waking in vain

    @Test("A wake that takes too long is a 504 that clients do not repeat")
    func timeout() async throws {
        try await RunningGateway.run { _, limits, _ in
            limits.wakeBudget = .milliseconds(200)
        } _: { gateway in
            let seen = try await gateway.ask(chat(id: "late"))
            #expect(seen.status == 504)
            #expect(seen["x-should-retry"] == "false" && seen["retry-after"].flatMap { Int($0) } ?? 0 > 0)
            #expect(seen["x-request-id"] == "late" && seen["content-type"] == "application/json")
            #expect(
                seen.body.hasPrefix("{\"type\":\"error\",\"error\":{\"message\":\"The model did not wake up in time.\"")
            )
            #expect(seen.body.contains("\"type\":\"server_error\",\"param\":null,\"code\":\"wake_timeout\"}}"))
        }
    }

    @Test("A boot that cannot be in time is said at once, and begins nevertheless")
    func earlyTimeout() async throws {
        try await RunningGateway.run { _, limits, _ in
            limits.wakeBudget = .seconds(480)
        } _: { gateway in
            gateway.controller.tell(.boot(pool, BootOutlook(typical: .seconds(900))))
            // News and requests come by different ways.
            let early = try await eventually {
                let client = try await gateway.request(chat())
                defer { client.close() }
                return try await client.read(12) == "HTTP/1.1 504"
            }
            #expect(early)
            let seen = try await gateway.ask(chat())
            #expect(seen.status == 504 && seen["retry-after"].flatMap { Int($0) } ?? 0 > 800)
            #expect(gateway.controller.wakes == 1)
        }
    }

    @Test("A boot that is in time by the controller's clock is waited for, whatever that clock shows")
    func otherClock() async throws {
        try await RunningGateway.run { _, limits, _ in
            limits.wakeBudget = .seconds(480)
        } _: { gateway in
            let theirs = SteadyClock().now + .seconds(900)
            gateway.controller.tell(.boot(pool, BootOutlook(readyAt: theirs + .seconds(30)), now: theirs))
            // What is told later has been heard later.
            gateway.controller.tell(.closeIfIdle(pool))
            #expect(await gateway.controller.next { if case .closed = $0 { true } else { nil } } == true)
            gateway.controller.tell(.reopen(pool))
            let client = try await gateway.request(chat())
            #expect(await gateway.holds(1))
            client.close()
        }
    }

    @Test("A failed wake answers for a while for those who come after it")
    func failedWake() async throws {
        try await RunningGateway.run { gateway in
            let waiter = try await gateway.request(chat())
            #expect(await gateway.holds(1))
            gateway.controller.tell(.wakeFailed(pool, reason: "no capacity"))
            for seen in [try await waiter.message(), try await gateway.ask(chat()), try await gateway.ask(chat())] {
                #expect(seen.status == 503 && seen.body.contains("\"code\":\"wake_failed\""))
                #expect(seen["x-should-retry"] == "false" && seen["retry-after"] != nil)
            }
            #expect(gateway.controller.wakes == 1)
        }
    }

    @Test("A queue has an end")
    func full() async throws {
        try await RunningGateway.run { _, limits, _ in
            limits.maximumHeld = 2
        } _: { gateway in
            let first = try await gateway.request(chat())
            let second = try await gateway.request(chat())
            #expect(await gateway.holds(2))
            let third = try await gateway.ask(chat())
            #expect(
                third.status == 429 && third["retry-after"] != nil && third.body.contains("\"code\":\"queue_full\""))
            first.close()
            second.close()
        }
    }
}
