import ArgumentParser
import Config
import Foundation

/// Which configuration file; shared by the commands that read one.
struct ConfigOption: ParsableArguments {
    @Option(
        name: [.customShort("c"), .customLong("config")],
        help: ArgumentHelp("The configuration file.", valueName: "file"))
    var path: String?

    /// Looked for in this order when none is named.
    private static let defaultPaths = ["scale-agent.yaml", "/etc/scale-agent/scale-agent.yaml"]

    /// The file to read: the one that is named, or the first default one that exists.
    var found: String? { path ?? Self.defaultPaths.first { FileManager.default.fileExists(atPath: $0) } }

    /// Reads the configuration, or prints all that is wrong with it and exits with status 2.
    ///
    /// - Parameter starts: whether the files that a start needs have to be there.
    func load(_ path: String, starts: Bool = false) throws -> AgentConfig {
        var keyNames: ((String) throws(UnreadableFile) -> Set<String>)?
        if starts { keyNames = Surroundings.keyNames }
        do {
            let config = try AgentConfig.load(
                path: path, environment: Surroundings.environment, keyNames: keyNames)
            for warning in config.warnings { Surroundings.printError("warning: \(warning)") }
            return config
        } catch {
            Surroundings.printError(error.description)
            throw ExitCode.invalidConfiguration
        }
    }

    /// As `load`, for commands that cannot do without.
    func loadRequired(starts: Bool = false) throws -> AgentConfig {
        guard let found else {
            Surroundings.printError("no configuration: name one with --config, or write \(Self.defaultPaths[0])")
            throw ExitCode.invalidConfiguration
        }
        return try load(found, starts: starts)
    }
}
