@testable import Config

let example = "scale-agent.yaml"
let variables = ["VLLM_KEY": "hunter2", "EMPTY": "", "BROKEN": "a\nb"]

func parse(_ yaml: String, file: String = example) throws(ConfigProblems) -> AgentConfig {
    try AgentConfig.parse(text: Array(yaml.utf8), file: file, environment: variables) { path throws(UnreadableFile) in
        switch path {
        case "/run/key": Array("hunter3\n".utf8)
        case "/etc/agent/key": Array("hunter4".utf8)
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
