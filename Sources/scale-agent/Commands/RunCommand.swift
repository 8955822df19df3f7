import Agent
import ArgumentParser
import Collectors
import Config
import Fleet
import Foundation
import Hummingbird
import Logging
import ServiceLifecycle
import Store
import Transport
import UnixSignals

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Runs the agent.",
        discussion: """
            Without a configuration it looks for an engine on this host, exports what it sees, advises, and changes \
            nothing. SIGHUP reads the configuration again; SIGTERM stops within 5 seconds and leaves replicas running.
            """)

    @OptionGroup var config: ConfigOption

    func run() async throws {
        let path = config.found
        let loaded =
            if let path { try config.load(path, starts: true) } else { try await LocalDiscovery.configuration() }
        do {
            try await RunningAgent(config: loaded, path: path).run()
        } catch let error as StartError {
            Surroundings.printError(error.description)
            throw ExitCode.unreachable
        } catch let error as HistoryError {
            Surroundings.printError("history: \(error)")
            throw ExitCode.unreachable
        }
    }
}

/// What `run` does without a configuration: an engine at one of the usual ports of this host is a fixed replica.
enum LocalDiscovery {
    static let ports = 8000...8007

    static func configuration() async throws -> AgentConfig {
        let transport = HTTPTransport()
        defer { transport.shutdown() }
        let collector = EngineCollector(transport: transport, settings: EngineCollectorSettings())
        let targets = ports.map { port in
            EngineTarget(id: ReplicaID(rawValue: "\(port)"), endpoint: "http://127.0.0.1:\(port)")
        }
        let readings = await collector.read(targets, at: Surroundings.now())
        let found = zip(targets, readings).filter { $0.1.sample != nil }.compactMap(\.0.endpoint)
        let endpoints = found.isEmpty ? ["http://127.0.0.1:\(ports.lowerBound)"] : found
        Surroundings.printError(
            "no configuration: "
                + (found.isEmpty
                    ? "no engine answers at 127.0.0.1:\(ports.lowerBound) to \(ports.upperBound), waiting for one at the first"
                    : "found \(found.joined(separator: ", "))") + "; advising only")
        let yaml = """
            mode: dry_run
            state: \(FileManager.default.temporaryDirectory.path)/scale-agent-\(getuid())
            pools:
              - name: local
                engine: {endpoints: [\(endpoints.map { "\"\($0)\"" }.joined(separator: ", "))]}
            """
        return try AgentConfig.parse(text: Array(yaml.utf8), file: "built-in", environment: [:]) {
            _ throws(UnreadableFile) in throw UnreadableFile(reason: "the built-in configuration reads no files")
        }
    }
}
