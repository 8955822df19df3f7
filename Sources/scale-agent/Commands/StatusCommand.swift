import ArgumentParser
import Config
import Foundation
import Transport

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Prints what a running agent sees and decides.",
        discussion: "Asks the agent's /status.json. Exit status 1 when it does not answer.")

    @OptionGroup var config: ConfigOption

    @Option(help: "The agent's address; default is `listen` of the configuration, or http://127.0.0.1:9839.")
    var url: String?

    @Flag(help: "Print the JSON as it is.")
    var json = false

    func run() async throws {
        let address = try url ?? configuredURL()
        let transport = HTTPTransport()
        defer { transport.shutdown() }
        do {
            let response = try await transport.send(HTTPRequest(url: address + "/status.json", deadline: .seconds(5)))
            guard response.status == 200 else { throw StartError("expected status 200, found \(response.status)") }
            if json {
                print(String(decoding: response.body, as: UTF8.self))
            } else {
                print(try JSONDecoder().decode(AgentStatus.self, from: Data(response.body)).text)
            }
        } catch {
            Surroundings.printError("\(address): \(error)")
            throw ExitCode.unreachable
        }
    }

    private func configuredURL() throws -> String {
        guard let path = config.found else { return "http://127.0.0.1:9839" }
        guard let listen = try config.load(path).listen else {
            throw ValidationError("listen is off in \(path); name the agent's address with --url.")
        }
        return "http://" + (listen.host == "0.0.0.0" ? "127.0.0.1:\(listen.port)" : listen.description)
    }
}

/// The parts of `/status.json` that fit a terminal.
private struct AgentStatus: Decodable {
    var version: String
    var at: String
    var pools: [Pool]

    struct Pool: Decodable {
        var pool: String
        var driver: String
        var authority: Authority
        var current: Int?
        var target: Int?
        var steps: [Step]
        var demand: Demand?
        var engines: [Engine]
        var fleet_error: String?
    }

    struct Authority: Decodable { var text: String }
    struct Step: Decodable {
        var rule: String
        var from: Int
        var to: Int
        var without: Int?
        var reason: String
    }
    struct Demand: Decodable {
        var requests: Double?
        var load: Double?
    }
    struct Engine: Decodable {
        var id: String
        var condition: String
        var detail: String?
        var running: Double?
        var waiting: Double?
        var kv_cache_usage: Double?
        var age_seconds: Double?
    }

    var text: String {
        (["scale-agent \(version), \(at)"] + pools.map(\.text)).joined(separator: "\n\n")
    }
}

extension AgentStatus.Pool {
    fileprivate var text: String {
        let count = { (value: Int?) in value.map(String.init) ?? "unknown" }
        let share = { (value: Double?) in value.map { "\(Int(($0 * 100).rounded())) %" } ?? "-" }
        let whole = { (value: Double?) in value.map { "\(Int($0.rounded()))" } ?? "-" }
        var lines = [
            "\(pool) (\(driver), \(authority.text)): \(count(current)) replicas, target \(count(target)), "
                + "\(whole(demand?.requests)) requests, load \(share(demand?.load))"
        ]
        if let fleet_error { lines.append("  control plane: \(fleet_error)") }
        lines += steps.map { step in
            "  \(column(step.rule, 18)) \(step.from) -> \(step.to)" + (step.without.map { " (\($0) without)" } ?? "")
                + "  \(step.reason)"
        }
        lines.append("  \(column("ENGINE", 36)) \(column("STATE", 14)) RUNNING WAITING  KV    AGE")
        lines += engines.map { engine in
            "  \(column(engine.id, 36)) \(column(engine.condition, 14)) \(column(whole(engine.running), 7)) "
                + "\(column(whole(engine.waiting), 8)) \(column(share(engine.kv_cache_usage), 5)) "
                + "\(whole(engine.age_seconds)) s \(engine.detail ?? "")"
        }
        return lines.joined(separator: "\n")
    }

    private func column(_ text: String, _ width: Int) -> String {
        text.count >= width ? text : text.padding(toLength: width, withPad: " ", startingAt: 0)
    }
}
