@testable import Config

let example = "scale-agent.yaml"
let variables = ["VLLM_KEY": "hunter2", "EMPTY": "", "BROKEN": "a\nb"]

func parse(_ yaml: String, file: String = example) throws(ConfigProblems) -> AgentConfig {
    try AgentConfig.parse(text: Array(yaml.utf8), file: file, environment: variables) { path throws(UnreadableFile) in
        switch path {
        case "/run/key": Array("hunter3\n".utf8)
        case "/etc/agent/key": Array("hunter4".utf8)
        case "/usr/share/zoneinfo/zone.tab": Array(zoneTable.utf8)
        case "/usr/share/zoneinfo/Europe/Berlin": zoneFile(rule: "CET-1CEST,M3.5.0,M10.5.0/3")
        case "/usr/share/zoneinfo/America/New_York": zoneFile(rule: "EST5EDT,M3.2.0,M11.1.0")
        case "/usr/share/zoneinfo/Europe/Damaged": zoneFile(rule: "EST5EDT")
        case "/run/binary": [0xFF, 0xFE]
        default: throw UnreadableFile(reason: "there is no such file")
        }
    }
}

/// The messages of a file that must not pass; empty when it does.
func problems(_ yaml: String) -> [String] {
    problems(bytes: Array(yaml.utf8))
}

func problems(bytes: [UInt8]) -> [String] {
    do {
        _ = try AgentConfig.parse(text: bytes, file: example, environment: variables) { _ throws(UnreadableFile) in
            throw UnreadableFile(reason: "there is no such file")
        }
        return []
    } catch {
        return error.problems.map(\.description)
    }
}

/// A pool with some more lines in it, which start in line 3, column 5.
func pool(_ lines: String, engine: String = "endpoints: [\"http://a:1\"]") -> String {
    let indented = lines.split(separator: "\n").map { "    \($0)\n" }.joined()
    return "pools:\n  - name: chat\n\(indented)    engine: {\(engine)}\n"
}

private let zoneTable =
    "# country\tplace\tzone\nDE\t+5230+01322\tEurope/Berlin\tmost\nUS\t+404251-0740023\tAmerica/New_York\n"

/// A zone without changes of its own: two blocks of one kind of local time, and a rule.
private func zoneFile(rule: String) -> [UInt8] {
    let counts: [UInt8] = [0, 0, 0, 0, 1, 4].flatMap { [0, 0, 0, $0] }
    let block =
        Array("TZif2".utf8) + [UInt8](repeating: 0, count: 15) + counts + [0, 0, 0, 0, 0, 0] + Array("LMT\0".utf8)
    return block + block + Array("\n\(rule)\n".utf8)
}
