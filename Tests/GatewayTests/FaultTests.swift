import Admission
import Fleet
import NIOCore
import TestSupport
import Synchronization
import Testing

@testable import Gateway

/// Replicas that fail, each in its own way.
@Suite struct FaultTests {
    @Test(
        "A generation that a replica has seen is not run twice",
        arguments: ["", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"])
    func diesBeforeItsAnswer(_ bytes: String) async throws {
        try await RunningGateway.run { gateway in
            let (bad, good) = (try await Origin(), try await Origin())
            gateway.controller.serve(bad)
            let client = try await gateway.request(chat(stream: true))
            let replica = try await bad.accept()
            _ = try await replica.message()
            gateway.controller.serve(bad, good)
            #expect(await eventually { await gateway.demand?.ready == 2 })
            try await replica.send(bytes)
            replica.reset()
            let seen = try await client.message()
            #expect(seen.status == 502 && seen.body.contains("\"code\":\"upstream_failed\""))
            #expect(gateway.logged.map(\.attempts) == [1])
        }
    }

    @Test("What is safe to repeat goes to another replica")
    func repeated() async throws {
        try await RunningGateway.run { gateway in
            let (bad, good) = (try await Origin(), try await Origin())
            gateway.controller.serve(bad)
            let client = try await gateway.request(chat(path: "/v1/embeddings"))
            let replica = try await bad.accept()
            let first = try await replica.message()
            gateway.controller.serve(bad, good)
            #expect(await eventually { await gateway.demand?.ready == 2 })
            replica.close()
            let other = try await good.accept()
            let second = try await other.message()
            #expect(second.head == first.head && second.body == first.body)
            try await other.send(whole(200, "vector"))
            #expect(try await client.message().body == "vector")
            #expect(await eventually { gateway.logged.map(\.attempts) == [2] })
        }
    }

    @Test("A replica that nobody listens at has seen nothing, so the next one gets the request")
    func unreachable() async throws {
        try await RunningGateway.run { gateway in
            let good = try await Origin()
            gateway.controller.tell([RunningGateway.nobody, good.url])
            for _ in 0..<2 {
                let client = try await gateway.request(chat())
                let replica = try await good.accept()
                _ = try await replica.message()
                try await replica.send(whole(fields: "Connection: close\r\n"))
                #expect(try await client.message().status == 200)
            }
        }
    }

    @Test("A replica that turns a request away at once has not begun with it, so the next one gets it")
    func turnedAway() async throws {
        try await RunningGateway.run { gateway in
            let (full, good) = (try await Origin(), try await Origin())
            gateway.controller.serve(full)
            let client = try await gateway.request(chat())
            let replica = try await full.accept()
            _ = try await replica.message()
            gateway.controller.serve(full, good)
            #expect(await eventually { await gateway.demand?.ready == 2 })
            try await replica.send(whole(503, "busy"))
            let other = try await good.accept()
            _ = try await other.message()
            try await other.send(whole())
            #expect(try await client.message().status == 200)
        }
    }

    @Test(
        "A stream that breaks in the middle is broken for the client too",
        arguments: [
            eventStream + chunk("data: 1\n\n"),
            eventStream + chunk("data: 1\n\n") + "9\r\ndata",
            "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        ])
    func diesMidway(_ bytes: String) async throws {
        try await RunningGateway.run { gateway in
            for isReset in [false, true] {
                let origin = try await Origin()
                gateway.controller.tell([])
                gateway.controller.serve(origin)
                let client = try await gateway.request(chat(stream: true))
                let replica = try await origin.accept()
                _ = try await replica.message()
                try await replica.send(bytes)
                let first = try await client.read(bytes.utf8.count)
                if isReset { replica.reset() } else { replica.close() }
                // No last chunk that would make it look whole.
                #expect(await first + client.rest() == bytes)
            }
        }
    }

    @Test("Where the end of the connection is the only mark of the end, a client of HTTP/1.0 gets a reset instead")
    func diesMidwayForOldClient() async throws {
        try await RunningGateway.run { gateway in
            let origin = try await Origin()
            gateway.controller.serve(origin)
            let client = try await gateway.request(
                "POST /v1/chat/completions HTTP/1.0\r\nContent-Length: 13\r\n\r\n{\"model\":\"m\"}")
            let replica = try await origin.accept()
            _ = try await replica.message()
            try await replica.send(eventStream + chunk("data: 1\n\n"))
            _ = try await client.read(through: "data: 1\n\n")
            replica.close()
            _ = await client.rest()
            #expect(client.wasReset)
        }
    }

    @Test("A replica that dies before it is ready costs the waiters nothing but time")
    func diesBeforeReady() async throws {
        try await RunningGateway.run { _, limits, _ in
            limits.ladder = [.health]
        } _: { gateway in
            let (first, second) = (try await Origin(), try await Origin())
            let client = try await gateway.request(chat())
            gateway.controller.serve(first)
            let probe = try await first.accept()
            _ = try await probe.message()
            probe.reset()
            // Asked again, and gone for good.
            let again = try await first.accept()
            _ = try await again.message()
            gateway.controller.tell([RunningGateway.nobody])
            again.close()
            #expect(await gateway.demand?.held == 1)
            gateway.controller.serve(second)
            let health = try await second.accept()
            _ = try await health.message()
            try await health.send(whole())
            let replica = try await second.accept()
            _ = try await replica.message()
            try await replica.send(whole())
            #expect(try await client.message().status == 200)
            #expect(gateway.controller.wakes == 1)
        }
    }

    @Test("A pooled connection that has gone stale is replaced, once and unseen")
    func stale() async throws {
        try await RunningGateway.run { settings, _, _ in
            settings.threads = 1
            settings.upstream.staleTime = .seconds(60)
        } _: { gateway in
            let origin = try await Origin()
            gateway.controller.serve(origin)
            let client = try await gateway.request(chat(id: "one"))
            let replica = try await origin.accept()
            _ = try await replica.message()
            try await replica.send(whole())
            _ = try await client.message()
            try await client.send(chat(id: "two"))
            _ = try await replica.message()
            // As if the end and the request had crossed.
            replica.reset()
            let fresh = try await origin.accept()
            #expect(try await fresh.message()["x-request-id"] == "two")
            // But not a second time.
            fresh.reset()
            #expect(try await client.message().status == 502)
        }
    }

    @Test("What a stale connection may have delivered goes to no other replica")
    func staleAndGone() async throws {
        try await RunningGateway.run { settings, _, _ in
            settings.threads = 1
            settings.upstream.staleTime = .seconds(60)
        } _: { gateway in
            let (bad, good) = (try await Origin(), try await Origin())
            gateway.controller.serve(bad)
            let client = try await gateway.request(chat(id: "one"))
            let replica = try await bad.accept()
            _ = try await replica.message()
            try await replica.send(whole())
            _ = try await client.message()
            gateway.controller.serve(bad, good)
            #expect(await eventually { await gateway.demand?.ready == 2 })
            let busy = try await gateway.request(chat())
            _ = try await good.accept().message()
            try await client.send(chat(id: "two"))
            #expect(try await replica.message()["x-request-id"] == "two")
            try await bad.stop()
            replica.reset()
            #expect(try await client.message().status == 502)
            busy.close()
        }
    }

    @Test("Requests on a replica that is gone and silent are given up, or repeated where that is safe")
    func gone() async throws {
        try await RunningGateway.run { settings, _, _ in
            settings.upstream.goneTime = .seconds(5)
        } _: { gateway in
            let origins = [try await Origin(), try await Origin(), try await Origin(), try await Origin()]
            func list(_ numbers: ClosedRange<Int>) {
                let replicas = numbers.map { number in
                    GatewayReplica(
                        ObservedReplica(id: ReplicaID(rawValue: "r\(number)"), state: .up),
                        endpoint: origins[number].url)
                }
                gateway.controller.tell(.replicas(pool, replicas))
            }
            func send(_ count: Int, _ text: String) async throws -> (client: Wire, replica: Wire) {
                // The new one has the least to do.
                list(0...count)
                #expect(await eventually { await gateway.demand?.ready == count + 1 })
                let client = try await gateway.request(text)
                let replica = try await origins[count].accept()
                _ = try await replica.message()
                return (client, replica)
            }
            let stream = chat(stream: true)
            let silent = try await send(0, stream)
            try await silent.replica.send(eventStream)
            let talking = try await send(1, stream)
            try await talking.replica.send(eventStream)
            let back = try await send(2, stream)
            try await back.replica.send(eventStream)
            _ = try await back.client.read(through: "\r\n\r\n")
            let vector = try await send(3, chat(path: "/v1/embeddings"))
            // The third one is there again at once; the others are not.
            gateway.controller.tell([])
            list(2...2)
            #expect(try await talking.client.read(through: "\r\n\r\n") == eventStream)
            // Each word is heard before the next is said.
            let word = chunk("data: 1\n\n")
            let isOver = Mutex(false)
            let speaks = Task {
                while !isOver.withLock({ $0 }) {
                    try await talking.replica.send(word)
                    _ = try await talking.client.read(through: word)
                }
            }
            #expect(await silent.client.rest() == eventStream)
            let again = try await origins[2].accept()
            #expect(try await again.message().head.hasPrefix("POST /v1/embeddings"))
            try await again.send(whole(200, "vector"))
            #expect(try await vector.client.message().body == "vector")
            isOver.withLock { $0 = true }
            try await speaks.value
            try await talking.replica.send("0\r\n\r\n")
            #expect(try await talking.client.read(through: "0\r\n\r\n") == "0\r\n\r\n")
            try await back.replica.send("0\r\n\r\n")
            #expect(try await back.client.read(through: "0\r\n\r\n") == "0\r\n\r\n")
        }
    }

    @Test("The connections of a replica that slept are not used again")
    func slept() async throws {
        try await RunningGateway.run { gateway in
            let origin = try await Origin()
            gateway.controller.serve(origin)
            let client = try await gateway.request(chat())
            let before = try await origin.accept()
            _ = try await before.message()
            try await before.send(whole())
            _ = try await client.message()
            gateway.controller.tell([origin.url], state: .down)
            #expect(await before.rest() == "")
        }
    }

    @Test("A replica that fails again and again gets nothing for a while, and then has to climb the ladder")
    func ejection() async throws {
        try await RunningGateway.run { _, limits, admission in
            limits.ladder = [.health]
            admission.ejectionFailures = 3
            admission.ejection = .milliseconds(500)
        } _: { gateway in
            let (bad, good) = (try await Origin(), try await Origin())
            gateway.controller.serve(bad, good)
            for origin in [bad, good] {
                let probe = try await origin.accept()
                _ = try await probe.message()
                try await probe.send(whole())
            }
            #expect(await eventually { await gateway.demand?.ready == 2 })
            // The one answers as long as it takes, the other never does, so that only the first one is free.
            let held = try await gateway.request(chat())
            let other = try await gateway.request(chat())
            let (a, b) = (try await bad.accept(), try await good.accept())
            _ = try await a.message()
            _ = try await b.message()
            try await a.send(whole(500, "", fields: "Connection: close\r\n"))
            for _ in 0..<2 {
                let client = try await gateway.request(chat())
                let replica = try await bad.accept()
                _ = try await replica.message()
                try await replica.send(whole(500, "", fields: "Connection: close\r\n"))
                #expect(try await client.message().status == 500)
            }
            let ejected = await gateway.controller.next { if case .ejected(let which, _) = $0 { which } else { nil } }
            #expect(ejected?.replica == ReplicaID(rawValue: "r0"))
            let next = try await gateway.request(chat(id: "next"))
            let served = try await good.accept()
            #expect(try await served.message()["x-request-id"] == "next")
            // Its next connection is a probe.
            let probe = try await bad.accept()
            #expect(try await probe.message().head.hasPrefix("GET /health"))
            try await probe.send(whole())
            #expect(await eventually { await gateway.demand?.ready == 2 })
            for client in [held, other, next] { client.close() }
        }
    }
}
