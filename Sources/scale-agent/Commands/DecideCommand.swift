import Agent
import ArgumentParser
import Config
import Exporters
import Fleet
import Forecast
import Foundation
import Logging
import Policy
import Store
import Transport

struct DecideCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "decide",
        abstract: "Collects once and prints what the agent would do now, and why. Changes nothing.",
        discussion:
            "Takes up the memory of the running agent where there is one. Exit status 1 when a control plane does not answer."
    )

    @OptionGroup var config: ConfigOption

    @Option(help: "Only this pool.")
    var pool: String?

    @Flag(help: "Print JSON.")
    var json = false

    func run() async throws {
        let loaded = try config.loadRequired()
        let pools = loaded.pools.filter { pool == nil || $0.id.rawValue == pool }
        guard !pools.isEmpty else {
            let known = loaded.pools.map(\.id.rawValue).joined(separator: ", ")
            throw ValidationError("--pool: there is no pool \(pool ?? ""); the configuration has \(known).")
        }
        let transport = HTTPTransport()
        defer { transport.shutdown() }
        var complete = true
        for pool in pools {
            let (output, fleetError) = try await decide(pool, loaded, transport)
            if output.decision.target == nil {
                complete = false
                Surroundings.printError("pool \(pool.id): \(fleetError ?? "no decision")")
            }
            if json {
                try Surroundings.printJSON(Answer(pool: pool.id, output: output))
            } else {
                print(Self.text(output, pool.id))
            }
        }
        if !complete { throw ExitCode.unreachable }
    }

    /// - Returns: the decision, and why the control plane did not answer where it did not.
    private func decide(
        _ pool: PoolConfig, _ config: AgentConfig, _ transport: HTTPTransport
    ) async throws -> (TickOutput, fleetError: String?) {
        do {
            // A store of its own: this tick is nobody's history.
            let assembly = Assembly(
                stateDirectory: config.stateDirectory, mode: .dryRun, environment: Surroundings.environment,
                transport: transport, history: try HistoryStore(path: nil))
            let parts = try await assembly.parts(of: pool)
            let file = config.stateDirectory + "/history.sqlite"
            var state: LastState?
            var learning: PoolLearning?
            if FileManager.default.fileExists(atPath: file) {
                let history = try HistoryStore(reading: file)
                state = try await history.lastState(of: pool.id)
                learning = await PoolTicker.learning(
                    of: pool.id, parts.settings, from: history, at: Surroundings.now(),
                    Surroundings.logger(level: .error))
                history.close()
            }
            var ticker = await PoolTicker(
                parts: parts, state: state, learning: learning, at: Surroundings.now(),
                logger: Surroundings.logger(level: .error))
            await ticker.tick(at: Surroundings.now())
            guard let output = ticker.snapshot.output else { throw StartError("pool \(pool.id): cancelled") }
            return (output, ticker.snapshot.input?.fleetError)
        } catch {
            Surroundings.printError("\(error)")
            throw ExitCode.unreachable
        }
    }

    private struct Answer: Encodable {
        var pool: PoolID
        var output: TickOutput
    }

    private static func text(_ output: TickOutput, _ pool: PoolID) -> String {
        guard let current = output.decision.current, let target = output.decision.target else {
            return "\(pool): the control plane does not answer, so nothing changes"
        }
        let steps = output.decision.steps.map { step in
            "  \(step.rule.rawValue.padding(toLength: 18, withPad: " ", startingAt: 0)) \(step.from) -> \(step.to)"
                + (step.without.map { " (\($0) without)" } ?? "") + "  \(step.reason)"
        }
        return (["\(pool): \(current) \(current == 1 ? "replica" : "replicas"), target \(target)"] + steps).joined(
            separator: "\n")
    }
}
