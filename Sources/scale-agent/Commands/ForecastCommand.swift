import ArgumentParser
import Config
import Exporters
import Fleet
import Forecast
import Foundation
import Policy

struct ForecastCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "forecast",
        abstract: "Scores forecasters on recorded demand, by rolling origins.",
        discussion: """
            Every forecaster learns from the first half and is then asked, every 4 min 45 s, for the sample at each \
            horizon and for the largest one-minute mean up to it. Exit status 1 when the series cannot be read or is \
            too short.
            """)

    @Argument(
        help: ArgumentHelp(
            "A CSV file of t_s (seconds, evenly spaced) and values, perhaps gzipped; - for standard input.",
            valueName: "trace"))
    var trace: String?

    @Option(
        help: ArgumentHelp("The column of the values; default is requests, else the second one.", valueName: "name"))
    var column: String?

    @Flag(help: "Take the demand that the agent of the configuration has recorded.")
    var history = false

    @OptionGroup var config: ConfigOption

    @Option(help: "The pool whose history is taken, where there are several.")
    var pool: String?

    @Option(help: ArgumentHelp("A Prometheus server, such as http://127.0.0.1:9090.", valueName: "url"))
    var prometheus: String?

    @Option(help: ArgumentHelp("What to ask of it, in PromQL; exactly one series.", valueName: "promql"))
    var query: String?

    @Option(
        help: ArgumentHelp(
            "From when, in RFC 3339 or seconds since 1970; default is 14 days before the end.", valueName: "time"))
    var start: String?

    @Option(help: ArgumentHelp("Until when; default is now.", valueName: "time"))
    var end: String?

    @Option(help: "Seconds from sample to sample that Prometheus is asked for.")
    var step = 15.0

    @Option(help: ArgumentHelp("Holds the bearer token for Prometheus.", valueName: "file"))
    var tokenFile: String?

    @Option(help: ArgumentHelp("The forecasters, by name and separated by commas; default is all.", valueName: "names"))
    var models: NameList?

    @Option(
        help: """
            Days to score at most; default is 7. Where it is given, a series of less than two days is learned from up \
            to so many days before its end.
            """)
    var testDays: Double?

    @Option(help: ArgumentHelp("Minutes ahead, separated by commas.", valueName: "minutes"))
    var horizons = NumberList([3, 5, 10, 15])

    @Option(
        help: ArgumentHelp(
            "Probabilities of the quantiles, separated by commas; 0.5 is always one.", valueName: "levels"))
    var levels = NumberList([0.5, 0.9, 0.99])

    @Option(
        help: "The IANA time zone by which the series has its days and weeks; default is that of the pool, else UTC.")
    var zone: String?

    @Option(
        help: ArgumentHelp(
            "Write what the first forecaster said: origin_t_s, h_s and its quantiles.", valueName: "file"))
    var emit: String?

    @Option(help: ArgumentHelp("Write a page with charts.", valueName: "file"))
    var html: String?

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        guard [trace != nil, history, prometheus != nil].count(where: { $0 }) == 1 else {
            throw ValidationError("Name one of: a trace, --history, --prometheus.")
        }
        guard (prometheus == nil) == (query == nil) else {
            throw ValidationError("--prometheus and --query belong together.")
        }
        guard (column == nil || trace != nil) && (pool == nil || history) else {
            throw ValidationError("--column goes with a trace, --pool with --history.")
        }
        guard prometheus != nil || (start ?? end ?? tokenFile) == nil else {
            throw ValidationError("--start, --end and --token-file go with --prometheus.")
        }
        guard (0.001...3600).contains(step) else { throw ValidationError("--step must be 0.001 to 3600 seconds.") }
        guard testDays.map({ $0 > 0 && $0 <= 3650 }) ?? true else {
            throw ValidationError("--test-days must be above 0 and at most 3650.")
        }
        guard horizons.numbers.allSatisfy({ $0 > 0 && $0 <= 1440 }) else {
            throw ValidationError("--horizons must be above 0 and at most 1440 minutes each.")
        }
        guard levels.numbers.allSatisfy({ $0 > 0 && $0 < 1 }) else {
            throw ValidationError("--levels must be above 0 and below 1 each.")
        }
        for name in models?.names ?? [] where Candidate(name: name) == nil {
            let known = Candidate.allCases.map(\.name).joined(separator: ", ")
            throw ValidationError("--models: there is no \(name); there are \(known).")
        }
    }

    func run() async throws {
        let progress = ProgressLine()
        let (source, ownCalendar) = try source()
        let calendar = try zone.map { try Self.calendar(of: $0) } ?? ownCalendar
        var report: ForecastReport
        do {
            let series = try await source.series { progress.show("reading", share: $0) }
            let rolling = try RollingOrigin(series, settings: settings)
            report = ForecastReport(name: source.name, rolling: rolling, clock: calendar.clock)
        } catch {
            progress.clear()
            Surroundings.printError("\(source.name): \(error)")
            throw ExitCode.unreachable
        }
        let chosen = models?.names.compactMap { Candidate(name: $0) } ?? Candidate.allCases
        let naive = report.rolling.naive()
        for candidate in chosen {
            let started = ContinuousClock.now
            let outcome: ForecastReport.Outcome
            do {
                progress.show(candidate.name, share: 0)
                let trial = try candidate.trial(report.rolling, calendar: calendar) {
                    progress.show(candidate.name, share: $0)
                }
                outcome = .scored(report.rolling.score(trial, against: naive), trial)
            } catch {
                outcome = .left("\(error)")
            }
            report.rows.append(
                .init(name: candidate.name, outcome: outcome, seconds: (ContinuousClock.now - started).seconds))
        }
        progress.clear()
        do {
            if let emit { try Surroundings.write(Array(report.emitted.utf8), to: emit) }
            if let html { try Surroundings.write(Array(report.html.utf8), to: html) }
        } catch {
            Surroundings.printError("\(error)")
            throw ExitCode.unreachable
        }
        print(json ? String(decoding: report.json, as: UTF8.self) : report.text)
    }

    private var settings: RollingOrigin.Settings {
        var settings = RollingOrigin.Settings()
        settings.horizons = horizons.numbers.map { .milliseconds(Int64(($0 * 60_000).rounded())) }
        settings.levels = Set(levels.numbers + [0.5]).sorted()
        settings.testDays = testDays
        return settings
    }

    // MARK: Sources

    private func source() throws -> (source: SeriesSource, calendar: ForecastCalendar) {
        if let trace { return (.file(trace, column: column), ForecastCalendar()) }
        guard let prometheus, let query else { return try recorded() }
        let end = try self.end.map { try Self.moment($0, "--end") } ?? Surroundings.now()
        let start = try self.start.map { try Self.moment($0, "--start") } ?? end - .seconds(14 * 86_400)
        let step = Duration.milliseconds(Int64((step * 1000).rounded()))
        guard start < end, (end - start).seconds / step.seconds < Double(SampleSeries.slotsAtMost) else {
            throw ValidationError(
                "--start must be before --end, by at most \(SampleSeries.slotsAtMost) times --step.")
        }
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
        return (.prometheus(range), ForecastCalendar())
    }

    private func recorded() throws -> (SeriesSource, ForecastCalendar) {
        let loaded = try config.loadRequired()
        let pools = loaded.pools.filter { pool == nil || $0.id.rawValue == pool }
        guard let only = pools.first, pools.count == 1 else {
            let known = loaded.pools.map(\.id.rawValue).joined(separator: ", ")
            throw ValidationError("--pool must name one of the configuration's pools: \(known).")
        }
        let source = SeriesSource.history(
            loaded.stateDirectory + "/history.sqlite", only.id, interval: only.settings.interval)
        return (source, only.settings.forecast.calendar)
    }

    private static func calendar(of zone: String) throws -> ForecastCalendar {
        do {
            let clock = try CivilClock(zone: zone, environment: Surroundings.environment) {
                path throws(UnreadableFile) in
                do {
                    return try Surroundings.read(path)
                } catch {
                    throw UnreadableFile(reason: "\(error)")
                }
            }
            return ForecastCalendar(clock: clock)
        } catch {
            throw ValidationError("--zone: \(error)")
        }
    }

    private static func moment(_ text: String, _ option: String) throws -> Timestamp {
        if let seconds = Double(text), seconds.magnitude < 1e11 { return Timestamp(secondsSince1970: seconds) }
        for fractional in [false, true] {
            let style = Date.ISO8601FormatStyle(includingFractionalSeconds: fractional)
            if let date = try? style.parse(text) { return Timestamp(secondsSince1970: date.timeIntervalSince1970) }
        }
        throw ValidationError(
            "\(option): expected a time such as 2026-03-01T00:00:00Z, or seconds since 1970, found \(text).")
    }
}

/// Names separated by commas.
struct NameList: ExpressibleByArgument {
    var names: [String]

    init?(argument: String) {
        names = argument.split(separator: ",", omittingEmptySubsequences: false).map {
            $0.trimmingCharacters(in: .whitespaces)
        }
    }
}

/// Different numbers separated by commas.
struct NumberList: ExpressibleByArgument {
    var numbers: [Double]

    init(_ numbers: [Double]) { self.numbers = numbers }

    init?(argument: String) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
        numbers = parts.compactMap { Double($0.trimmingCharacters(in: .whitespaces)) }
        guard numbers.count == parts.count, Set(numbers).count == parts.count else { return nil }
    }

    var defaultValueDescription: String { numbers.map { "\($0)".replacing(".0", with: "") }.joined(separator: ",") }
}
