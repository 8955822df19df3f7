import Admission
import Fleet
import Foundation
import NIOCore
import TestSupport
import Testing

@testable import Gateway

/// Who gets in, and what of all that comes to the door wakes nothing and keeps nothing awake.
@Suite struct DoorTests {
    static let get = "GET /v1/models HTTP/1.1\r\nHost: g\r\n\r\n"
    static let knocks: [(what: String, bytes: String, status: Int, code: String)] = [
        ("health", "GET /health HTTP/1.1\r\nHost: g\r\n\r\n", 200, "ok"),
        ("models", "GET /v1/models HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer secret\r\n\r\n", 200, "\"id\":\"m\""),
        ("options", "OPTIONS * HTTP/1.1\r\nHost: g\r\n\r\n", 204, ""),
        ("models without a key", get, 401, "invalid_api_key"),
        ("no key", chat(), 401, "invalid_api_key"),
        ("another key", chat(fields: "Authorization: Bearer secre\r\n"), 401, "invalid_api_key"),
        ("an empty key", chat(fields: "Authorization: Bearer \r\n"), 401, "invalid_api_key"),
        ("another scheme", chat(fields: "Authorization: Basic secret\r\n"), 401, "invalid_api_key"),
        ("an unknown path", chat(path: "/v1/props", fields: "x-api-key: secret\r\n"), 404, "not_found"),
        (
            "a path written otherwise", chat(path: "/v1/%63ompletions", fields: "x-api-key: secret\r\n"), 404,
            "not_found"
        ),
        ("an unknown model", chat(model: "n", fields: "x-api-key: secret\r\n"), 404, "model_not_found"),
        (
            "another method", "PUT /v1/completions HTTP/1.1\r\nHost: g\r\nx-api-key: secret\r\n\r\n", 405,
            "method_not_allowed"
        ),
        (
            "metrics that there are none of", "GET /metrics HTTP/1.1\r\nHost: g\r\nx-api-key: secret\r\n\r\n", 404,
            "not_found"
        ),
    ]

    private func keyFile(_ keys: [(secret: String, name: String)]) throws -> String {
        let path = FileManager.default.temporaryDirectory.appending(path: "keys-\(UUID().uuidString)").path
        let lines = keys.map { key in
            sha256(Array(key.secret.utf8)).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
                + " \(key.name)\n"
        }
        try Data(lines.joined().utf8).write(to: URL(filePath: path))
        return path
    }

    @Test("What is not an authenticated request to a known model is answered here, and wakes nothing")
    func knocks() async throws {
        let keys = try keyFile([("secret", "team-a")])
        defer { try? FileManager.default.removeItem(atPath: keys) }
        try await RunningGateway.run { settings, _, admission in
            settings.keyFile = keys
            // With two, the body has to name one.
            admission.models["other"] = PoolID(rawValue: "q")
        } _: { gateway in
            let before = await gateway.demand?.idleSince
            #expect(before != nil)
            for knock in Self.knocks {
                let seen = try await gateway.ask(knock.bytes)
                #expect(seen.status == knock.status, "\(knock.what)")
                #expect(knock.code.isEmpty ? seen.body.isEmpty : seen.body.contains(knock.code), "\(knock.what)")
            }
            let counted = await gateway.server.numbers()?.requests
            #expect(counted?["401 invalid_api_key"] == 5 && counted?["405 method_not_allowed"] == 1)
            let long = chat(
                path: "/" + String(repeating: "x", count: 1000), id: "long", fields: "x-api-key: secret\r\n")
            #expect(try await gateway.ask(long).status == 404)
            #expect(await gateway.line("long")?.path.utf8.count == 256)
            // HEAD has no body to read.
            let client = try await gateway.request("HEAD /health HTTP/1.1\r\nHost: g\r\n\r\n\(Self.get)")
            #expect(try await client.read(through: "\r\n\r\n").contains("200 OK"))
            #expect(try await client.message().status == 401)

            let after = try #require(await gateway.demand)
            #expect(after.arrivals == 0 && after.idleSince == before)
            #expect(gateway.controller.wakes == 0)
            // And one that does wake shows that it could.
            let waiter = try await gateway.request(chat(id: "good", fields: "Authorization: bearer secret\r\n"))
            #expect(await eventually { gateway.controller.wakes == 1 })
            waiter.close()
            #expect(await gateway.line("good")?.key == "team-a")
        }
    }

    @Test("The key stays at the door, and the replica gets its own")
    func engineKey() async throws {
        let keys = try keyFile([("secret", "team-a")])
        defer { try? FileManager.default.removeItem(atPath: keys) }
        try await RunningGateway.run { settings, _, _ in
            settings.keyFile = keys
            settings.upstream.authorization = "Bearer engine"
        } _: { gateway in
            let origin = try await Origin()
            gateway.controller.serve(origin)
            let client = try await gateway.request(
                chat(fields: "Authorization: Bearer secret\r\nX-Api-Key: secret\r\n"))
            let seen = try await origin.accept().message()
            #expect(seen["authorization"] == "Bearer engine" && seen["x-api-key"] == nil)
            #expect(!seen.head.contains("secret"))
            client.close()
        }
    }

    @Test("Keys come and go with their file, and a broken file changes nothing")
    func reload() async throws {
        let keys = try keyFile([("old", "a")])
        defer { try? FileManager.default.removeItem(atPath: keys) }
        try await RunningGateway.run { settings, _, _ in
            settings.keyFile = keys
        } _: { gateway in
            func status(_ key: String) async throws -> Int {
                try await gateway.ask("GET /v1/models HTTP/1.1\r\nHost: g\r\nx-api-key: \(key)\r\n\r\n").status
            }
            #expect(try await status("old") == 200)
            let other = try keyFile([("new", "b")])
            defer { try? FileManager.default.removeItem(atPath: other) }
            try Data(contentsOf: URL(filePath: other)).write(to: URL(filePath: keys))
            try gateway.server.reloadKeys()
            #expect(try await status("old") == 401)
            #expect(try await status("new") == 200)
            try Data("not a hash\n".utf8).write(to: URL(filePath: keys))
            #expect(throws: KeyRing.Problem.self) { try gateway.server.reloadKeys() }
            #expect(try await status("new") == 200)
        }
    }

    @Test("A key has its own limits, and may be one that does not wake")
    func keyLimits() async throws {
        let keys = try keyFile([("one", "limited"), ("two", "guest")])
        defer { try? FileManager.default.removeItem(atPath: keys) }
        try await RunningGateway.run { settings, _, admission in
            settings.keyFile = keys
            var limited = KeyLimits()
            limited.maximumConcurrent = 1
            var guest = KeyLimits()
            guest.mayWake = false
            admission.keys = [KeyID(rawValue: "limited"): limited, KeyID(rawValue: "guest"): guest]
        } _: { gateway in
            let asleep = try await gateway.ask(chat(fields: "x-api-key: two\r\n"))
            #expect(asleep.status == 503 && asleep.body.contains("\"code\":\"model_asleep\""))
            #expect(gateway.controller.wakes == 0)
            let first = try await gateway.request(chat(fields: "x-api-key: one\r\n"))
            #expect(await gateway.holds(1))
            let second = try await gateway.ask(chat(fields: "x-api-key: one\r\n"))
            #expect(second.status == 429 && second["retry-after"] != nil)
            first.close()
        }
    }

    @Test("A listener can be for some addresses only, or a Unix socket without keys")
    func listeners() async throws {
        let keys = try keyFile([("secret", "team-a")])
        defer { try? FileManager.default.removeItem(atPath: keys) }
        let path = FileManager.default.temporaryDirectory.appending(path: "g-\(UUID().uuidString.prefix(8))").path
        try await RunningGateway.run { settings, _, _ in
            settings.keyFile = keys
            var closed = GatewaySettings.Listener(.tcp(host: "127.0.0.1", port: 0))
            closed.allow = [AddressBlock("10.0.0.0/8")].compactMap { $0 }
            var socket = GatewaySettings.Listener(.unix(path: path))
            socket.needsKey = false
            settings.listeners += [closed, socket]
        } _: { gateway in
            let stranger = try await gateway.client(1)
            #expect(await stranger.rest() == "")
            #expect(await gateway.server.numbers()?.refusedConnections == 1)
            #expect(try await gateway.ask(Self.get).status == 401)
            let local = try await Wire.connect(to: SocketAddress(unixDomainSocketPath: path))
            try await local.send(Self.get)
            #expect(try await local.message().status == 200)
        }
    }
}
