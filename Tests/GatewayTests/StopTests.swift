import Admission
import Fleet
import NIOCore
import TestSupport
import Testing

@testable import Gateway

/// The end of a replica, of a pool, and of the gateway itself.
@Suite struct StopTests {
    @Test("A stopping gateway finishes what it serves, refuses what it holds for a wake, and takes nothing more")
    func drain() async throws {
        try await RunningGateway.run { settings, _, admission in
            settings.drain = .seconds(60)
            admission.models["asleep"] = PoolID(rawValue: "q")
        } _: { gateway in
            let origin = try await Origin()
            gateway.controller.serve(origin)
            let idle = try await gateway.request("GET /health HTTP/1.1\r\nHost: g\r\n\r\n")
            _ = try await idle.message()
            let client = try await gateway.request(chat(stream: true, id: "served"))
            let replica = try await origin.accept()
            _ = try await replica.message()
            let waiter = try await gateway.request(chat(model: "asleep"))
            #expect(
                await eventually { await gateway.server.numbers()?.demand.contains { $0.held == 1 } ?? false })

            gateway.beginStop()
            let refused = try await waiter.message()
            #expect(refused.status == 503 && refused.body.contains("\"code\":\"gateway_draining\""))
            #expect(await idle.rest() == "")
            #expect(await eventually { await !gateway.isListening() })
            try await replica.send(eventStream + chunk("data: 1\n\n"))
            #expect(try await client.read(through: "\r\n\r\n").contains("Connection: close\r\n"))
            try await replica.send(chunk("data: 2\n\n") + "0\r\n\r\n")
            #expect(await client.rest() == chunk("data: 1\n\n") + chunk("data: 2\n\n") + "0\r\n\r\n")
            #expect(try await gateway.stop() == 0)
        }
    }

    @Test(
        "A stop awaits clients that have not read their answers yet, and counts those that do not",
        arguments: [true, false])
    func unread(_ isInTime: Bool) async throws {
        try await RunningGateway.run { settings, _, admission in
            settings.drain = isInTime ? .seconds(60) : .milliseconds(300)
            // More than the system takes.
            admission.models[String(repeating: "x", count: 8 << 20)] = pool
        } _: { gateway in
            let client = try await gateway.client()
            client.reads(false)
            try await client.send("GET /v1/models HTTP/1.1\r\nHost: g\r\n\r\n")
            #expect(await eventually { gateway.logged.count == 1 })
            gateway.beginStop()
            if isInTime {
                #expect(await eventually { await !gateway.isListening() })
                client.reads(true)
                #expect(try await client.message().body.hasSuffix("}]}\n"))
                #expect(await client.rest() == "")
                #expect(try await gateway.stop() == 0)
            } else {
                #expect(try await gateway.stop() == 1)
            }
        }
    }

    @Test("While the gateway drains it hears the controller, and is heard")
    func newsWhileDraining() async throws {
        try await RunningGateway.run { settings, _, _ in
            settings.drain = .seconds(60)
        } _: { gateway in
            let origin = try await Origin()
            gateway.controller.serve(origin)
            let client = try await gateway.request(chat(stream: true))
            let replica = try await origin.accept()
            _ = try await replica.message()
            gateway.beginStop()
            #expect(await eventually { await !gateway.isListening() })
            gateway.controller.tell([origin.url], state: .draining(by: SteadyClock().now))
            #expect(await client.rest() == "")
            let cut = await gateway.controller.next { if case .drained(_, let cut) = $0 { cut } else { nil } }
            #expect(cut == 1)
        }
    }

    @Test("What is not done by the deadline of a stop is cut, and counted")
    func drainDeadline() async throws {
        try await RunningGateway.run { settings, _, _ in
            settings.drain = .milliseconds(300)
        } _: { gateway in
            let origin = try await Origin()
            gateway.controller.serve(origin)
            let client = try await gateway.request(chat(stream: true, id: "long"))
            let replica = try await origin.accept()
            _ = try await replica.message()
            try await replica.send(eventStream + chunk("data: 1\n\n"))
            _ = try await client.read(through: "data: 1\n\n\r\n")
            #expect(try await gateway.stop() == 1)
            #expect(await client.rest() == "")
            #expect(await gateway.line("long")?.outcome == "drain_deadline")
        }
    }

    @Test(
        "A cordoned replica finishes what it has, or is cut at its deadline, whatever the controller's clock shows",
        arguments: [true, false])
    func drainReplica(_ isInTime: Bool) async throws {
        try await RunningGateway.run { gateway in
            let (leaving, staying) = (try await Origin(), try await Origin())
            gateway.controller.serve(leaving)
            let client = try await gateway.request(chat(stream: true))
            let replica = try await leaving.accept()
            _ = try await replica.message()
            try await replica.send(eventStream)
            _ = try await client.read(through: "\r\n\r\n")
            let theirs = SteadyClock().now + .seconds(isInTime ? -7200 : 7200)
            let deadline = isInTime ? theirs + .seconds(3600) : theirs
            func observed(_ id: String, _ origin: Origin, _ state: ObservedReplica.State) -> GatewayReplica {
                GatewayReplica(ObservedReplica(id: ReplicaID(rawValue: id), state: state), endpoint: origin.url)
            }
            gateway.controller.tell(
                .replicas(
                    pool, [observed("r0", leaving, .draining(by: deadline)), observed("r1", staying, .up)], now: theirs)
            )
            if isInTime {
                #expect(await eventually { await gateway.demand?.ready == 1 })
                let other = try await gateway.request(chat(id: "other"))
                #expect(try await staying.accept().message()["x-request-id"] == "other")
                other.close()
                try await replica.send("0\r\n\r\n")
                #expect(try await client.read(through: "0\r\n\r\n") == "0\r\n\r\n")
            } else {
                #expect(await !client.rest().hasSuffix("0\r\n\r\n"))
            }
            let cut = await gateway.controller.next {
                if case .drained(let which, let cut) = $0, which.replica.rawValue == "r0" { cut } else { nil }
            }
            #expect(cut == (isInTime ? 0 : 1))
        }
    }

    private func closing(_ gateway: RunningGateway) async -> Bool? {
        let before = gateway.controller.notices.count
        gateway.controller.tell(.closeIfIdle(pool))
        var isClosed: Bool?
        _ = await eventually {
            gateway.controller.notices.count > before
        }
        for notice in gateway.controller.notices[before...] {
            if case .closed = notice { isClosed = true }
            if case .notIdle = notice { isClosed = false }
        }
        return isClosed
    }

    @Test("A pool with a stream under way is not idle, however silent the stream; an idle one is closed in one step")
    func closing() async throws {
        try await RunningGateway.run { gateway in
            let origin = try await Origin()
            gateway.controller.serve(origin)
            let client = try await gateway.request(chat(stream: true))
            let replica = try await origin.accept()
            _ = try await replica.message()
            try await replica.send(eventStream)
            _ = try await client.read(through: "\r\n\r\n")
            // Demand that has changed is told too.
            #expect(await eventually { await self.closing(gateway) == false })
            try await replica.send("0\r\n\r\n")
            _ = try await client.read(through: "0\r\n\r\n")
            #expect(await gateway.isIdle())
            #expect(await eventually { await self.closing(gateway) == true })

            // From here on a request wakes; a stop that is called off serves it.
            let late = try await gateway.request(chat(id: "late"))
            #expect(await gateway.holds(1))
            #expect(await eventually { gateway.controller.wakes == 1 })
            gateway.controller.tell(.reopen(pool))
            let again = try await origin.accept()
            #expect(try await again.message()["x-request-id"] == "late")
            late.close()
        }
    }

    @Test("Requests that come while a pool is being stopped wake it at most once for each stop, and none is lost")
    func storm() async throws {
        try await RunningGateway.run { gateway in
            let origin = try await Origin()
            let replica = Task { await origin.answerAll() }
            defer { replica.cancel() }
            let url = origin.url
            gateway.controller.react { notice, controller in
                switch notice {
                case .closed: controller.tell([url], state: .down)
                case .wake: controller.tell([url])
                default: break
                }
            }
            gateway.controller.tell([url])
            #expect(await eventually { await gateway.demand?.ready == 1 })
            for round in 0..<20 {
                let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                    for number in 0..<20 {
                        if number == round { gateway.controller.tell(.closeIfIdle(pool)) }
                        group.addTask { try await gateway.ask(chat()).status }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(statuses == Array(repeating: 200, count: 20))
            }
            let closed = gateway.controller.notices.count { if case .closed = $0 { true } else { false } }
            #expect(gateway.controller.wakes <= closed)
            #expect(await gateway.isIdle())
            #expect(gateway.logged.count { $0.outcome == "served" && $0.attempts == 1 } == 400)
        }
    }
}
