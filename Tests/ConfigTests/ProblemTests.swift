import Policy
import Testing

@testable import Config

@Suite struct ProblemTests {
    @Test(
        "one wrong thing, one message",
        arguments: [
            ("mni: 1", "3:5: pools[0].mni: unknown key; did you mean min?"),
            (
                "policy: {scale_up: {coldown: 30s}}",
                "3:25: pools[0].policy.scale_up.coldown: unknown key; did you mean cooldown?"
            ),
            (
                "boot: {zzz: 1}", "3:12: pools[0].boot.zzz: unknown key; keys here are expected, deadline"
            ),
            (
                "min: one",
                "3:10: pools[0].min: expected a whole number from 0 to 10000, found \"one\"; write for example 1"
            ),
            (
                "min: \"1\"",
                "3:10: pools[0].min: expected a whole number from 0 to 10000, found \"1\"; write for example 1"
            ),
            (
                "min: 0",
                "3:10: pools[0].min: at 0 nothing says when the last replica may leave; write 1, or add scale_to_zero: {after: auto}"
            ),
            (
                "scale_to_zero: {after: 1}",
                "3:28: pools[0].scale_to_zero.after: expected 1s to 7d, or auto, found \"1\"; write the unit, for example 1s"
            ),
            (
                "min: 1\nscale_to_zero: {}",
                "3:10: pools[0].min: 1 keeps the pool from zero; write 0, or scale_to_zero: off"
            ),
            (
                "min: [1]",
                "3:10: pools[0].min: expected a whole number from 0 to 10000, found a list; write for example 1"
            ),
            ("min:", "3:9: pools[0].min: expected a whole number from 0 to 10000, found nothing; write for example 1"),
            ("policy: 5", "3:13: pools[0].policy: expected a mapping of keys to values, found \"5\""),
            ("policy:", "3:12: pools[0].policy: expected a mapping of keys to values, found nothing"),
            (
                "capacity: 0",
                "3:15: pools[0].capacity: expected a number from 0.01 to 1000000, found \"0\"; write for example 16"
            ),
            (
                "capacity: .inf",
                "3:15: pools[0].capacity: expected a number from 0.01 to 1000000, found \".inf\"; write for example 16"
            ),
            (
                "policy: {headroom: {ratio: -20%}}",
                "3:32: pools[0].policy.headroom.ratio: expected 0% to 500%, found \"-20%\"; write for example 20%"
            ),
            (
                "policy: {headroom: {ratio: 20%, replicas: 1}}",
                "3:32: pools[0].policy.headroom.ratio: both replicas and ratio are given; keep one of them"
            ),
            ("min: 3\nmax: 2", "3:10: pools[0].min: 3 is more than max, 2; write min <= max"),
            ("min: 2", "3:10: pools[0].min: 2 is more than max, 1; write min <= max"),
            (
                "policy: {scale_up: {load_above: 50%}, scale_down: {load_below: 50%}}",
                "3:68: pools[0].policy.scale_down.load_below: expected less than scale_up.load_above, 50%, found 50%"
            ),
            (
                "target_load: 50%\npolicy: {scale_up: {load_above: 50%}}",
                "3:18: pools[0].target_load: it is short for policy.scale_up.load_above, which is given too; keep one of them"
            ),
            (
                "boot: {expected: 7m, deadline: 7m}",
                "3:36: pools[0].boot.deadline: the deadline, 7m, is not longer than the expected boot, 7m; "
                    + "a deadline of three times the expected boot is usual"
            ),
            (
                "boot: {expected: 20m}",
                "3:22: pools[0].boot.expected: the deadline, 20m, is not longer than the expected boot, 20m; "
                    + "a deadline of three times the expected boot is usual"
            ),
            (
                "policy: {scale_up: {step: 1}}",
                "3:31: pools[0].policy.scale_up.step: step says how many, and per is missing; "
                    + "add for example per: 1m, or per: 0s for each decision"
            ),
            (
                "policy: {scale_down: {per: 1m}}",
                "3:32: pools[0].policy.scale_down.per: per says how often, and step is missing; add for example step: 1"
            ),
            (
                "policy: {<<: {tolerance: 5%}}",
                "3:14: pools[0].policy.<<: merge keys are not read; give a whole mapping by an alias, such as policy: *name"
            ),
            (
                "driver: {kind: aws}",
                "3:20: pools[0].driver.kind: expected one of aws_asg, local, found \"aws\"; write for example aws_asg"
            ),
            ("max: 2\ndriver: {}", "4:13: pools[0].driver.kind: this key is missing; write for example kind: aws_asg"),
            (
                "max: 2\ndriver: {kind: aws_asg}",
                "4:13: pools[0].driver.group: this key is missing; write for example group: llm-chat"
            ),
            ("driver: {kind: aws_asg, group: g}", "2:5: pools[0].max: this key is missing; write for example max: 1"),
            (
                "max: 2\ndriver: {kind: aws_asg, group: g, slots: 1}",
                "4:39: pools[0].driver.slots: unknown key; keys here are kind, group, region, endpoint_url, timeout"
            ),
        ])
    func one(lines: String, message: String) {
        let found = problems(pool(lines)).filter { !$0.contains(".max: this") || message.contains(".max: this") }
        #expect(found == ["scale-agent.yaml:" + message])
    }

    static let local = "kind: local, command: [a]"

    @Test(
        "engines and drivers that do not fit",
        arguments: [
            (
                "{kind: aws_asg, group: g}", "endpoint: \"http://a:1\"",
                "expected {private_ip} where the address of each replica goes"
            ),
            ("{kind: aws_asg, group: g}", "endpoint: \"http://{public_ip}:1\"", "expected {private_ip} where"),
            (
                "{kind: aws_asg, group: g}", "endpoint: \"http://{private_ip}\", endpoints: [\"http://a\"]",
                "both endpoint and endpoints"
            ),
            ("{kind: aws_asg, group: g}", "kind: vllm", "engine.endpoint: this key is missing"),
            ("{kind: aws_asg, group: g}", "endpoints: [\"http://{private_ip}\"]", "only endpoint knows {private_ip}"),
            ("{kind: aws_asg, group: g}", "endpoints: []", "expected a list, found an empty one"),
            ("{kind: aws_asg, group: g}", "endpoints: [\"http://a\", \"http://a/\"]", "an address is there twice"),
            ("{\(local), slots: 4, ports: 1-4}", "endpoints: [\"http://a\"]", "the local driver knows where"),
            ("{\(local), slots: 4, ports: 1-4}", "endpoint: \"http://a\"", "the local driver knows where"),
            (
                "{\(local), slots: 4, ports: 8001-8003}", "kind: vllm",
                "4 slots need as many ports, found 3; write for example 8001-8004"
            ),
            (
                "{\(local), slots: 3, ports: 8001-8004}", "kind: vllm",
                "pools[0].max: 4 replicas do not fit into 3 slots"
            ),
            ("{\(local), slots: 4, gpus: [0, 1, 2, 3], ports: 1-4}", "kind: vllm", "both slots and gpus"),
            ("{\(local), ports: 1-4}", "kind: vllm", "driver.slots: this key is missing"),
            ("{\(local), slots: 4, ports: 4-1}", "kind: vllm", "expected ports as first-last"),
            ("{\(local), slots: 4, ports: 1-70000}", "kind: vllm", "expected ports as first-last"),
            ("{\(local), slots: 4}", "kind: vllm", "driver.ports: this key is missing"),
            ("{kind: local, slots: 4, ports: 1-4}", "kind: vllm", "driver.command: this key is missing"),
            ("{kind: local, command: [], slots: 4, ports: 1-4}", "kind: vllm", "expected a list, found an empty one"),
        ])
    func fits(driver: String, engine: String, message: String) {
        let found = problems(pool("max: 4\ndriver: \(driver)", engine: engine))
        #expect(found.count == 1, "\(found)")
        #expect(found.first?.contains(message) == true, "\(found)")
    }

    @Test("a wrong value is not compared with others: one mistake, one message")
    func noFollowUps() {
        #expect(problems(pool("policy: {scale_up: {load_above: x}, scale_down: {load_below: 90%}}")).count == 1)
        #expect(problems(pool("boot: {expected: 30m, deadline: x}")).count == 1)
        #expect(problems(pool("min: 5\nmax: x")).count == 1)
    }

    @Test(
        "groups that do not fit",
        arguments: [
            ("- {name: a, driver: {kind: aws_asg, group: g}}", "driver: {kind: aws_asg, group: h}", "keep one of them"),
            ("- {name: a}", "", "groups[0].driver: this key is missing; write below it kind: aws_asg or kind: local"),
            ("- {driver: {kind: aws_asg, group: g}}", "", "groups[0].name: this key is missing"),
            ("- {name: a, driver: {kind: aws}}", "", "groups[0].driver.kind: expected one of aws_asg, local"),
            (
                "- {name: a, market: cheap, driver: {kind: aws_asg, group: g}}", "",
                "groups[0].market: expected one of on_demand, spot, found \"cheap\""
            ),
            (
                "- {name: a, minimum: 1, driver: {kind: aws_asg, group: g}}", "",
                "groups[0].minimum: unknown key; keys here are name, market, zone, usd_per_hour, base, max, driver"
            ),
            (
                "- {name: a, driver: {kind: aws_asg, group: g}}\n  - {name: a, driver: {kind: aws_asg, group: h}}", "",
                "groups[1].name: another group is called \"a\" already"
            ),
            (
                "- {name: a, driver: {kind: aws_asg, group: g}}\n  - {name: b, driver: {kind: aws_asg, group: g}}", "",
                "groups: pool chat has the group \"g\" already; a group is in one pool, once"
            ),
            (
                "- {name: a, base: 3, driver: {kind: aws_asg, group: g}}", "min: 2",
                "min: 2 is less than the base of its groups, 3; raise min"
            ),
            (
                "- {name: a, base: 3, max: 2, driver: {kind: aws_asg, group: g}}\n"
                    + "  - {name: b, driver: {kind: aws_asg, group: h}}", "",
                "groups[0].base: 3 is more than fit here, 2; write base <= max"
            ),
            (
                "- {name: a, max: 2, driver: {kind: aws_asg, group: g}}\n  - {name: b, max: 1, driver: {kind: aws_asg, group: h}}",
                "", "max: 4 replicas do not fit into groups for 3; lower max, or raise that of a group"
            ),
        ])
    func groups(list: String, more: String, message: String) {
        let found = problems(pool("max: 4\n\(more)\ngroups:\n  \(list)", engine: "endpoint: \"http://{private_ip}:1\""))
        #expect(found.count == 1 && found.allSatisfy { $0.contains(message) }, "\(found)")
    }

    @Test("the base of groups is the least minimum")
    func base() throws {
        let groups = "groups:\n  - {name: a, base: 3, driver: {kind: aws_asg, group: g}}"
        let config = try parse(pool("max: 4\n\(groups)", engine: "endpoint: \"http://{private_ip}:1\""))
        #expect(config.pools[0].settings.minimum == 3)
    }

    @Test("a placeholder needs a driver")
    func placeholder() {
        let found = problems(pool("min: 1", engine: "endpoint: \"http://{private_ip}:1\""))
        #expect(found.count == 1)
        #expect(found.first?.contains("without a driver nothing fills \"http://{private_ip}:1\"") == true)
    }

    @Test(
        "what is not one mapping in YAML",
        arguments: [
            ("", "1:1: the file is empty; it needs at least one pool"),
            ("# only a comment\n", "1:1: the file is empty; it needs at least one pool"),
            ("- a\n", "1:1: expected a mapping of keys to values, found a list"),
            ("hello", "1:1: expected a mapping of keys to values, found \"hello\""),
            ("mode: act\n", "1:1: pools: this key is missing; write pools: and below it - name: chat"),
            ("pools: []\n", "1:8: pools: expected a list, found an empty one"),
            ("pools: {}\n", "1:8: pools: expected a list, found a mapping"),
            ("a: 1\n---\nb: 2\n", "2:1: a second document starts here; write one document"),
            ("a: 1\nb: 2\na: 3\n", "1:1: the key \"a\" is twice in this mapping; keep one of them"),
            ("a: [1\nb: 2\n", "2:2: not YAML: did not find expected ',' or ']' while parsing a flow sequence"),
            ("a: *nobody\n", "1:4: not YAML: found undefined alias"),
            (
                "a:\n\tb: 1\n",
                "2:1: not YAML: found character that cannot start any token while scanning for the next token; "
                    + "indent with spaces, not with tabs"
            ),
            ("a: \u{1}\n", "1:4: not YAML: control characters are not allowed"),
        ])
    func document(yaml: String, message: String) {
        let found = problems(yaml).filter { !$0.contains("pools: this") || message.contains("pools: this") }
        #expect(found == ["scale-agent.yaml:" + message])
    }

    @Test("bytes that are not UTF-8 are shown where they are")
    func encoding() {
        #expect(
            problems(bytes: Array("a: é\nbc".utf8) + [0xFF] + Array("d".utf8)) == [
                "scale-agent.yaml:2:3: this is not UTF-8; save the file as UTF-8"
            ])
        #expect(problems(bytes: Array(pool("min: 1").utf8) + Array(repeating: 0x20, count: 1 << 20)).count == 1)
    }

    @Test("all at once, by position")
    func all() {
        let yaml = """
            listen: nowhere
            polls: 1
            pools:
              - name: Chat
                engine: {timeout: 5}
                min: 3
                max: 2
              - engine: {endpoints: [x]}
                mni: 1
            """
        let places = problems(yaml).map { $0.split(separator: " ").prefix(2).joined(separator: " ") }
        #expect(
            places == [
                "scale-agent.yaml:1:9: listen:", "scale-agent.yaml:2:1: polls:",
                "scale-agent.yaml:4:11: pools[0].name:",
                "scale-agent.yaml:5:13: pools[0].engine.endpoints:", "scale-agent.yaml:5:23: pools[0].engine.timeout:",
                "scale-agent.yaml:6:10: pools[0].min:", "scale-agent.yaml:8:5: pools[1].name:",
                "scale-agent.yaml:8:26: pools[1].engine.endpoints[0]:", "scale-agent.yaml:9:5: pools[1].mni:",
            ])
    }

    @Test(
        "what two pools must not share",
        arguments: [
            (
                "name: a, max: 1, engine: {endpoint: \"http://{private_ip}\"}, driver: {kind: aws_asg, group: g}",
                "pools[1].name"
            ),
            (
                "name: b, max: 1, engine: {endpoint: \"http://{private_ip}\"}, driver: {kind: aws_asg, group: f}",
                "pools[1].driver"
            ),
            (
                "name: b, max: 1, engine: {kind: vllm}, driver: {kind: local, command: [a], slots: 1, ports: 4-5}",
                "pools[2].driver"
            ),
        ])
    func shared(second: String, path: String) {
        let yaml = """
            pools:
              - {name: a, max: 1, engine: {endpoint: "http://{private_ip}"}, driver: {kind: aws_asg, group: f}}
              - {\(second)}
              - {name: c, max: 1, engine: {}, driver: {kind: local, command: [a], slots: 1, ports: 1-4}}
            """
        let found = problems(yaml)
        #expect(found.count == 1, "\(found)")
        #expect(found.first?.contains(path) == true, "\(found)")
    }

    @Test("anchors and aliases are read, bombs and depths are not")
    func aliases() throws {
        let config = try parse(
            """
            pools:
              - {name: a, engine: {endpoints: ["http://a"]}, policy: &usual {tolerance: 5%}}
              - {name: b, engine: {endpoints: ["http://b"]}, policy: *usual}
            """)
        #expect(config.pools.map(\.settings.tolerance) == [0.05, 0.05])
        var bomb = "a0: &a0 [x]\n"
        for level in 1..<40 {
            bomb += "? [*a\(level - 1), *a\(level - 1), *a\(level - 1)] : &a\(level) [*a\(level - 1), *a\(level - 1)]\n"
        }
        #expect(problems(bomb).count == 1)
        #expect(problems(String(repeating: "[", count: 100_000)).count == 1)
        #expect(problems(String(repeating: "- ", count: 100_000)).count == 1)
    }

    @Test("warns of what is allowed and hardly meant")
    func warnings() throws {
        let config = try parse(
            pool("interval: 1m\npolicy: {maximum_age: 30s, scale_up: {cooldown: 10s}, scale_down: {cooldown: 0s}}"))
        #expect(
            config.warnings.map(\.description) == [
                "scale-agent.yaml:4:27: pools[0].policy.maximum_age: shorter than interval, so one late reading is missing data; 3 x interval is usual",
                "scale-agent.yaml:4:53: pools[0].policy.scale_up.cooldown: shorter than interval, so it never waits; write 0s, or more than interval",
            ])
        let slow = "pools:\n  - {name: a, interval: 5s, engine: {endpoints: [\"http://a\"], timeout: 6s}}\n"
        #expect(
            try parse(slow).warnings.map(\.description) == [
                "scale-agent.yaml:2:72: pools[0].engine.timeout: longer than interval, so decisions wait for an engine that hangs; write at most what interval is"
            ])
        #expect(try parse(slow.replacing("6s", with: "5s")).warnings.isEmpty)
    }

    @Test("a file that is not there is a problem too")
    func absent() {
        #expect(throws: ConfigProblems.self) { try AgentConfig.load(path: "/nonexistent/x.yaml", environment: [:]) }
        do {
            _ = try AgentConfig.load(path: "/nonexistent/x.yaml", environment: [:])
        } catch {
            #expect(error.description == "/nonexistent/x.yaml: it cannot be read: there is no such file")
        }
        do {
            _ = try AgentConfig.load(path: "/", environment: [:])
        } catch {
            #expect(error.description == "/: it cannot be read: it is no readable file")
        }
    }
}
