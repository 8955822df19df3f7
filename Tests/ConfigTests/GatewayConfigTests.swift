import Admission
import Fleet
import Testing

@testable import Config

@Suite struct GatewayConfigTests {
    /// A gateway with fixed replicas and some more lines, which start in line 5, column 3.
    static func fixed(_ lines: String) -> String {
        let indented = lines.split(separator: "\n").map { "  \($0)\n" }.joined()
        return "gateway:\n  listen: 127.0.0.1:8080\n  models: {llama: chat}\n"
            + "  pools: [{name: chat, endpoints: [\"http://a:1\"]}]\n" + indented
    }

    /// A pool in this process, and a gateway with the given lines, which start in line 2.
    static func controlled(_ lines: String) -> String {
        "gateway:\n" + lines.split(separator: "\n").map { "  \($0)\n" }.joined() + pool("max: 1")
    }

    @Test("a gateway before fixed replicas needs neither pools nor a controller")
    func alone() throws {
        let config = try parse(Self.fixed(""))
        let gateway = try #require(config.gateway)
        #expect(config.pools.isEmpty && gateway.controller == nil)
        #expect(gateway.endpoints == [PoolID(rawValue: "chat"): ["http://a:1"]])
        #expect(gateway.admission.models == ["llama": PoolID(rawValue: "chat")])
        #expect(gateway.admission.pools == [PoolID(rawValue: "chat"): PoolLimits()])
        #expect(gateway.admission.heartbeat == .seconds(10) && gateway.limits == GatewayLimits())
        #expect(gateway.listeners == [GatewayListener(address: .tcp(ListenAddress(host: "127.0.0.1", port: 8080)))])
        #expect(config.warnings.isEmpty)
    }

    @Test("a gateway with a controller knows no replicas of its own")
    func remote() throws {
        let config = try parse(
            """
            gateway:
              listen: "[::1]:8080"
              controller: http://10.0.0.5:9839/
              token: ${env:VLLM_KEY}
              models: {llama: chat, mistral: other}
            """)
        let gateway = try #require(config.gateway)
        #expect(gateway.controller == GatewayControllerAddress(url: "http://10.0.0.5:9839", token: Secret("hunter2")))
        #expect(Set(gateway.admission.pools.keys.map(\.rawValue)) == ["chat", "other"])
        #expect(!config.describe().contains("hunter2"))
    }

    @Test("everything that can be said reads back")
    func readsBack() throws {
        let config = try parse(
            """
            gateway_token: 0123456789abcdef
            gateway:
              listen:
                - unix:/run/gateway.sock
                - {address: 0.0.0.0:443, tls: {certificate: a.crt, key: /b.key}, allow: [10.0.0.0/8, "fd00::/8"], keys: false}
              keys: keys.txt
              engine_authorization: Bearer x
              models: {"meta/llama 8B": chat}
              hold: {budget: 2m, at_most: 3m, requests: 7, body_bytes: 3MiB}
              heartbeat: 12s
              drain: 9s
              limits: {connections: 9, body_bytes: 2KiB, held_body_bytes: 1KiB, head_time: 2s, idle_time: 3s, unread_time: 4s, silent_time: 5s}
              pools: [{name: chat, slots: 3, idle_grace: 1s, ladder: [health, token]}]
              key_limits: [{key: a, wake: false, priority: -2, models: ["meta/llama 8B"], concurrent: 3, per_minute: 4}]
            """ + "\n" + pool("max: 1"), file: "/etc/x.yaml")
        let gateway = try #require(config.gateway)
        #expect(gateway.keyFile == "/etc/keys.txt")
        #expect(gateway.listeners[0].address == .unix(path: "/run/gateway.sock"))
        #expect(gateway.listeners[1].tls == .init(certificate: "/etc/a.crt", key: "/b.key"))
        #expect(gateway.listeners[1].allow == ["10.0.0.0/8", "fd00::/8"] && !gateway.listeners[1].needsKey)
        let limits = try #require(gateway.admission.pools[PoolID(rawValue: "chat")])
        #expect((limits.slots, limits.maximumHeld, limits.wakeBudget) == (3, 7, .seconds(120)))
        #expect(limits.ladder == [.health, .token])
        #expect(gateway.admission.maximumHeldBodyBytes == 6 << 20)
        #expect(gateway.admission.keys[KeyID(rawValue: "a")]?.mayWake == false)

        var shown = config
        shown.gatewayToken = Secret("<redacted> <redacted>")
        shown.gateway?.engineAuthorization = Secret("<redacted>")
        let text = config.describe().replacing(
            "gateway_token: \"<redacted>\"", with: "gateway_token: <redacted> <redacted>")
        #expect(try parse(text, file: "/elsewhere/x.yaml") == shown)
    }

    @Test("a shorter hold shortens the budget with it")
    func shorterHold() throws {
        let limits = try parse(Self.fixed("hold: {at_most: 1m}")).gateway?.admission.pools.values.first
        #expect(limits?.wakeBudget == .seconds(60))
    }

    @Test("a door that is open to all hosts is warned about")
    func openDoor() throws {
        let open = Self.fixed("").replacing("127.0.0.1:8080", with: "0.0.0.0:8080")
        #expect(try parse(open).warnings.map(\.path) == ["gateway.listen"])
        #expect(try parse(open + "  keys: k.txt\n").warnings.isEmpty)
        let allowed = open.replacing("0.0.0.0:8080", with: "[{address: 0.0.0.0:8080, allow: [10.0.0.0/8]}]")
        #expect(try parse(allowed).warnings.isEmpty)
    }

    @Test(
        "one wrong thing, one message",
        arguments: [
            (
                "hold: {budget: 9m, at_most: 5m}",
                "gateway.hold.budget: a wake may take longer than a request is held, 5m; write budget <= at_most"
            ),
            (
                "hold: {body_bytes: 12}",
                "gateway.hold.body_bytes: expected 1KiB to 1024GiB, found \"12\"; write for example 256MiB"
            ),
            ("token: x", "gateway.token: it is for a controller, and none is named; write controller: URL"),
            ("heartbaet: 3s", "gateway.heartbaet: unknown key; did you mean heartbeat?"),
            (
                "key_limits: [{key: a, models: [gpt]}]",
                "gateway.key_limits[0].models: there is no model \"gpt\"; name one of gateway.models"
            ),
            (
                "limits: {body_bytes: 1KiB}",
                "gateway.limits.held_body_bytes: it is more than body_bytes; write held_body_bytes <= body_bytes"
            ),
        ])
    func problem(lines: String, message: String) {
        let found = problems(Self.fixed(lines))
        #expect(found.count == 1 && found[0].contains(": \(message)"), "\(found)")
    }

    @Test(
        "what does not go together",
        arguments: [
            ("listen: 127.0.0.1:8080", "gateway.models: this key is missing"),
            (
                "listen: 127.0.0.1:8080\nmodels: {a: chta}",
                "gateway.models.a: there is no pool \"chta\"; pools are chat"
            ),
            ("models: {a: chat}", "gateway.listen: this key is missing"),
            ("listen: 127.0.0.1:9839\nmodels: {a: chat}", "listen: the gateway listens there already"),
            ("listen: 127.0.0.1\nmodels: {a: chat}", "gateway.listen[0].address: expected host:port, or unix:/path"),
            (
                "listen: [{address: \"unix:/x\", allow: [\"::1\"]}]\nmodels: {a: chat}",
                "gateway.listen[0].allow: a socket of this host has no addresses"
            ),
            (
                "listen: [{address: \"a:1\", allow: [\"1.2.3.4/33\"]}]\nmodels: {a: chat}",
                "gateway.listen[0].allow[0]: expected an address, or a block of them"
            ),
            (
                "listen: [{address: \"a:1\", tls: {key: k}}]\nkeys: k\nmodels: {a: chat}",
                "gateway.listen[0].tls.certificate: this key is missing"
            ),
            (
                "listen: 127.0.0.1:1\ncontroller: http://b:2\nmodels: {a: chat}",
                "gateway.controller: the pools of this file are controlled by this process"
            ),
            (
                "listen: 127.0.0.1:1\nmodels: {a: chat}\npools: [{name: chat, endpoints: [\"http://a:1\"]}]",
                "gateway.pools[0].endpoints: the controller knows its replicas"
            ),
            (
                "listen: 127.0.0.1:1\nmodels: {a: chat}\npools: [{name: other}]",
                "gateway.pools: no model is served by \"other\""
            ),
        ])
    func together(lines: String, message: String) {
        let found = problems(Self.controlled(lines))
        #expect(found.contains { $0.contains(message) }, "\(found)")
    }

    @Test("before a start its files have to be there, and limits are for keys that there are")
    func files() throws {
        let text = """
            listen: [{address: "127.0.0.1:1", tls: {certificate: a.crt, key: /run/key}}]
            keys: keys.txt
            key_limits: [{key: team}, {key: nosuch}]
            models: {a: chat}
            """
        func found(_ names: Set<String>?) -> (problems: [String], warnings: [String]) {
            do {
                let config = try AgentConfig.parse(
                    text: Array(Self.controlled(text).utf8), file: example, environment: [:],
                    readFile: { path throws(UnreadableFile) in
                        if path == "a.crt" || path == "/run/key", names?.contains("tls") == true { return [] }
                        throw UnreadableFile(reason: "there is no such file")
                    },
                    keyNames: { path throws(UnreadableFile) in
                        guard path == "keys.txt", let names else { throw UnreadableFile(reason: "\(path):3: no key") }
                        return names
                    })
                return ([], config.warnings.map(\.description))
            } catch {
                return (error.problems.map(\.description), [])
            }
        }
        #expect(found(["team", "tls"]).warnings.map { $0.contains("there is no key \"nosuch\"") } == [true])
        #expect(found(["team", "nosuch", "tls"]).warnings.isEmpty)
        let missing = found(nil).problems
        #expect(missing.count == 3)
        #expect(missing.contains { $0.contains(":3: no key; a line has the SHA-256") })
        #expect(missing.contains { $0.contains("tls.certificate: \"a.crt\" cannot be read: there is no such file") })
        // Who only reads a configuration need not be able to read its secrets.
        #expect(problems(Self.controlled(text)).isEmpty)
    }

    @Test("engines behind a gateway are not at https://, wherever that is written")
    func engineOverTLS() {
        let fixed = problems(Self.fixed("").replacing("http://", with: "https://"))
        #expect(fixed.count == 1 && fixed[0].contains("the gateway speaks plain HTTP to engines"), "\(fixed)")
        let controlled = Self.controlled("listen: 127.0.0.1:1\nmodels: {a: chat}")
        #expect(problems(controlled).isEmpty)
        let found = problems(controlled.replacing("http://", with: "https://"))
        #expect(found.count == 1 && found[0].contains("\"chat\" has engines at https://"), "\(found)")
    }

    @Test("a gateway with neither pools, nor a controller, nor endpoints is told what it lacks")
    func lacks() {
        #expect(
            problems("gateway: {listen: \"127.0.0.1:1\", models: {a: chat}}").contains {
                $0.contains("there is no pool \"chat\"; add it below gateway.pools, with endpoints")
            })
        #expect(problems("gateway_token: short\n" + pool("max: 1")).contains { $0.contains("it can be guessed") })
    }
}
