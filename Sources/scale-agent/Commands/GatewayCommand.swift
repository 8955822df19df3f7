import Admission
import ArgumentParser
import Config
import Fleet
import Foundation
import Gateway
import Logging
import ServiceLifecycle
import Transport
import UnixSignals

struct GatewayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gateway",
        abstract: "Runs a gateway alone, before the engines that are named.",
        discussion: """
            It routes, holds requests while no engine is ready, and limits what each gets at once. It starts and stops \
            nothing: for that, and for everything else that can be set, write a configuration. SIGTERM stops it once all \
            requests have ended, or after 60 seconds.
            """)

    enum Readiness: String, CaseIterable, ExpressibleByArgument {
        case always, health, probe

        var ladder: [ProbeStep] {
            switch self {
            case .always: []
            case .health: [.health]
            case .probe: ProbeStep.allCases
            }
        }
    }

    @Option(help: "Where clients come in.")
    var listen = "127.0.0.1:8080"

    @Option(help: "An engine, such as http://127.0.0.1:8000; may be given several times.")
    var origin: [String]

    @Option(
        help: """
            The key that clients have to show; without it everybody may come in. Others of this host can read it here: \
            SCALE_AGENT_GATEWAY_KEY in the environment is the same, unseen.
            """)
    var key: String?

    @Option(
        help: "A model that is served; may be given several times. Default is what the first engine that answers lists."
    )
    var model: [String] = []

    @Option(help: "Requests that an engine gets at once.")
    var slots = 64

    @Option(
        help: ArgumentHelp(
            "When an engine gets requests: always; once its health check passes; or once it also lists the model and has generated a token (probe).",
            valueName: "always|health|probe"))
    var ready = Readiness.probe

    @Flag(help: "Write a line for each request.")
    var log = false

    func validate() throws {
        guard !origin.isEmpty else { throw ValidationError("--origin is missing.") }
        guard key != "" else { throw ValidationError("the key is empty.") }
        guard (1...1_000_000).contains(slots) else { throw ValidationError("--slots must be 1 to 1000000.") }
    }

    func run() async throws {
        do {
            let config = try await configuration()
            let logger = Surroundings.logger(level: log ? .info : .notice)
            var settings = GatewaySettings(config)
            settings.limits.connections = 100_000
            let gateway: GatewayService
            do {
                if let key = key ?? Surroundings.environment["SCALE_AGENT_GATEWAY_KEY"] {
                    guard !key.isEmpty else { throw StartError("SCALE_AGENT_GATEWAY_KEY is empty") }
                    settings.keyFile = try Self.keyFile(key)
                }
                defer { settings.keyFile.map { _ = try? FileManager.default.removeItem(atPath: $0) } }
                gateway = try GatewayService(
                    settings: settings, admission: config.admission,
                    controller: FixedReplicas(config.endpoints, logger: logger), logger: logger)
            }
            var group = ServiceGroupConfiguration(
                services: [.init(service: gateway, successTerminationBehavior: .gracefullyShutdownGroup)],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
            group.maximumGracefulShutdownDuration = config.drain + .seconds(4)
            try await ServiceGroup(configuration: group).run()
        } catch let error as StartError {
            Surroundings.printError(error.description)
            throw ExitCode.unreachable
        } catch let error as ConfigProblems {
            Surroundings.printError(error.description)
            throw ExitCode.invalidConfiguration
        }
    }

    /// Checked like a file.
    private func configuration() async throws -> GatewayConfig {
        var models = model
        if models.isEmpty { models = try await listedModels() }
        func quoted(_ text: String) -> String { QuotedText.whole(text) }
        let yaml = """
            gateway:
              listen: [{address: \(quoted(listen)), allow: [0.0.0.0/0, "::/0"]}]
              models: {\(models.map { "\(quoted($0)): origins" }.joined(separator: ", "))}
              pools: [{name: origins, slots: \(slots), endpoints: [\(origin.map(quoted).joined(separator: ", "))]}]
            """
        let parsed = try AgentConfig.parse(text: Array(yaml.utf8), file: "command line", environment: [:]) {
            _ throws(UnreadableFile) in throw UnreadableFile(reason: "the command line reads no files")
        }
        guard var config = parsed.gateway else { throw StartError("there is no gateway") }
        for pool in config.admission.pools.keys { config.admission.pools[pool]?.ladder = ready.ladder }
        config.listeners[0].allow = []
        return config
    }

    private struct ModelList: Decodable {
        struct Model: Decodable { var id: String }
        var data: [Model]
    }

    private func listedModels() async throws -> [String] {
        let transport = HTTPTransport()
        defer { transport.shutdown() }
        for origin in origin {
            let request = HTTPRequest(url: origin + "/v1/models", deadline: .seconds(3))
            if let response = try? await transport.send(request), response.status == 200,
                let list = try? JSONDecoder().decode(ModelList.self, from: Data(response.body)), !list.data.isEmpty
            {
                return list.data.map(\.id)
            }
        }
        throw StartError("no engine lists its models: name one with --model")
    }

    /// For as long as it takes to read it: the command line may be seen by others, but a file need not be.
    private static func keyFile(_ key: String) throws(StartError) -> String {
        let path = FileManager.default.temporaryDirectory.path + "/scale-agent-key-\(UUID().uuidString)"
        let line = Data(KeyRing.line(for: key, name: "key").utf8)
        guard FileManager.default.createFile(atPath: path, contents: line, attributes: [.posixPermissions: 0o600])
        else {
            throw StartError("\(path) cannot be written")
        }
        return path
    }
}
