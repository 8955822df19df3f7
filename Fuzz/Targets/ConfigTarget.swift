import Config

/// Reads a configuration file. What is refused has a reason of one line; what is taken reads back from its description.
func fuzzConfig(_ text: [UInt8]) {
    do throws(ConfigProblems) {
        let config = try read(text)
        let described = config.describe()
        do throws(ConfigProblems) {
            let again = try read(Array(described.utf8))
            // Secrets are shown as such, and the two read secrets that differ.
            require(again.describe() == described, "described differently:\n\(described)\n\(again.describe())")
        } catch {
            require(false, "its own description is refused: \(error)\n\(described)")
        }
    } catch {
        require(!error.problems.isEmpty, "refused without a problem")
        for problem in error.problems {
            require(!problem.description.contains { $0.isNewline }, "a problem of several lines: \(problem)")
        }
    }
}

private func read(_ text: [UInt8]) throws(ConfigProblems) -> AgentConfig {
    try AgentConfig.parse(text: text, file: "/etc/agent.yaml", environment: ["KEY": "value"]) {
        path throws(UnreadableFile) in
        if path == "/etc/key" { return Array("secret\n".utf8) }
        if path == "/usr/share/zoneinfo/zone.tab" { return Array("DE\t+5230+01322\tEurope/Berlin\n".utf8) }
        if path.hasPrefix("/usr/share/zoneinfo/") { return zone }
        throw UnreadableFile(reason: "there is no such file")
    }
}

/// Two blocks of one kind of local time, and the rule of Berlin.
private let zone: [UInt8] = {
    let counts: [UInt8] = [0, 0, 0, 0, 1, 4].flatMap { [0, 0, 0, $0] }
    let block =
        Array("TZif2".utf8) + [UInt8](repeating: 0, count: 15) + counts + [0, 0, 0, 0, 0, 0] + Array("LMT\0".utf8)
    return block + block + Array("\nCET-1CEST,M3.5.0,M10.5.0/3\n".utf8)
}()
