import ArgumentParser
import Config
import Fleet
import Forecast
import Foundation
import Policy

/// Where recorded demand is taken from, besides a trace; shared by the commands that read one series.
struct SeriesOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("The column of the values; default is requests, else the second one.", valueName: "name"))
    var column: String?

    @Flag(help: "Take the demand that the agent of the configuration has recorded.")
    var history = false

    @OptionGroup var config: ConfigOption

    @Option(help: "The pool of the configuration, where there are several.")
    var pool: String?

    @Option(help: ArgumentHelp("A Prometheus server, such as http://127.0.0.1:9090.", valueName: "url"))
    var prometheus: String?

    @Option(help: ArgumentHelp("What to ask of it, in PromQL; exactly one series.", valueName: "promql"))
    var query: String?

    @Option(
        help: ArgumentHelp(
            "From when: a date, RFC 3339 or seconds since 1970; default is 14 days before the end.", valueName: "time"))
    var start: String?

    @Option(help: ArgumentHelp("Until when; default is now.", valueName: "time"))
    var end: String?

    @Option(
        help: ArgumentHelp(
            "From sample to sample that Prometheus is asked for, such as 15 (seconds) or 5m; default is 15.",
            valueName: "span"))
    var step: SecondsArgument?

    @Option(help: ArgumentHelp("Holds the bearer token for Prometheus.", valueName: "file"))
    var tokenFile: String?

    /// Refuses what does not name one source.
    ///
    /// - Parameter takesPool: whether a pool is of use without its history.
    func check(trace: String?, takesPool: Bool) throws {
        guard [trace != nil, history, prometheus != nil].count(where: { $0 }) == 1 else {
            throw ValidationError("Name one of: a trace, --history, --prometheus.")
        }
        guard (prometheus == nil) == (query == nil) else {
            throw ValidationError("--prometheus and --query belong together.")
        }
        guard (column == nil || trace != nil) && (pool == nil || history || takesPool) else {
            throw ValidationError("--column goes with a trace, --pool with --history.")
        }
        guard config.path == nil || history || takesPool else {
            throw ValidationError("--config goes with --history.")
        }
        guard prometheus != nil || (start ?? end ?? tokenFile) == nil && step == nil else {
            throw ValidationError("--start, --end, --step and --token-file go with --prometheus.")
        }
        if let prometheus {
            let isServer = ["http://", "https://"].contains { prometheus.hasPrefix($0) && prometheus != $0 }
            guard isServer, !prometheus.contains("?"), !prometheus.contains("#") else {
                throw ValidationError(
                    "--prometheus must be a URL such as http://127.0.0.1:9090, without ? and #; found \(prometheus).")
            }
            _ = try span()
        }
    }

    /// What Prometheus is asked for.
    private func span() throws -> (start: Timestamp, end: Timestamp, step: Duration) {
        let step = step?.duration ?? .seconds(15)
        guard step >= .milliseconds(1), step <= .seconds(3600) else {
            throw ValidationError("--step must be 0.001 to 3600 seconds.")
        }
        let end = try self.end.map { try Self.moment($0, "--end") } ?? Surroundings.now()
        let start = try self.start.map { try Self.moment($0, "--start") } ?? end - .seconds(14 * 86_400)
        guard start < end, (end - start).seconds / step.seconds < Double(SampleSeries.slotsAtMost) else {
            throw ValidationError(
                "--start must be before --end, by at most \(SampleSeries.slotsAtMost) times --step.")
        }
        return (start, end, step)
    }

    /// The source, and the pool whose history it is.
    func source(trace: String?) throws -> (source: SeriesSource, pool: PoolConfig?) {
        if let trace { return (.file(trace, column: column), nil) }
        guard let prometheus, let query else {
            let (state, only) = try configuredPool()
            return (.history(state + "/history.sqlite", only.id, interval: only.settings.interval), only)
        }
        let (start, end, step) = try span()
        var range = PrometheusRange(server: prometheus, query: query, start: start, end: end, step: step)
        if let tokenFile {
            do {
                range.token = String(decoding: try Surroundings.read(tokenFile), as: UTF8.self)
                    .trimmingCharacters(in: .whitespacesAndNewlines)
            } catch {
                Surroundings.printError("\(tokenFile): \(error)")
                throw ExitCode.unreachable
            }
        }
        return (.prometheus(range), nil)
    }

    /// The state folder and the pool that is named, or the only one there is.
    func configuredPool() throws -> (stateDirectory: String, pool: PoolConfig) {
        let loaded = try config.loadRequired()
        let pools = loaded.pools.filter { pool == nil || $0.id.rawValue == pool }
        guard let only = pools.first, pools.count == 1 else {
            let known = loaded.pools.map(\.id.rawValue).joined(separator: ", ")
            throw ValidationError("--pool must name one of the configuration's pools: \(known).")
        }
        return (loaded.stateDirectory, only)
    }

    static func moment(_ text: String, _ option: String) throws -> Timestamp {
        if let seconds = Double(text), seconds.magnitude < 1e11 { return Timestamp(secondsSince1970: seconds) }
        if let moment = MomentText.moment(text, in: .utc) { return moment }
        throw ValidationError(
            "\(option): expected a time such as 2026-03-01T00:00:00Z, or seconds since 1970, found \(text).")
    }
}
