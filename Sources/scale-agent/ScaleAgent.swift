import ArgumentParser

/// The command line. Everything else takes what it needs as values; only this file and `Surroundings` look at the
/// process.
@main
struct ScaleAgent: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scale-agent",
        abstract: "Keeps a fleet of LLM inference replicas at the size that it needs.",
        discussion: """
            Exit status: 0 done; 1 what was asked for could not be read or reached, or replay found a difference; 2 the configuration is invalid; \
            64 the command line is wrong.
            """,
        version: version,
        subcommands: [
            RunCommand.self, CheckCommand.self, DecideCommand.self, StatusCommand.self, DemoCommand.self,
            ExplainCommand.self, ReplayCommand.self, InspectCommand.self, ForecastCommand.self, BacktestCommand.self,
            GatewayCommand.self,
        ])

    static let version = "0.1.0"
}

extension ExitCode {
    static let unreachable = ExitCode(1)
    static let invalidConfiguration = ExitCode(2)
}
