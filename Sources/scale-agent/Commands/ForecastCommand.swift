import ArgumentParser
import Config
import Exporters
import Fleet
import Forecast
import Policy

struct ForecastCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "forecast",
        abstract: "Scores forecasters on recorded demand, by rolling origins.",
        discussion: """
            Every forecaster learns from the first half and is then asked, every five minutes less one step, for the \
            sample at each horizon and for the largest one-minute mean up to it. Exit status 1 when the series cannot \
            be read or is too short, or when there is nothing to score.

            The forecasters are \(Candidate.allCases.map(\.name).joined(separator: ", ")).

            Example: scale-agent forecast trace.csv.gz --models bank,hw-additive --html report.html
            """)

    @Argument(
        help: ArgumentHelp(
            "A CSV file of t_s (seconds, evenly spaced) and values, perhaps gzipped; - for standard input.",
            valueName: "trace"))
    var trace: String?

    @OptionGroup(title: "Source of the series") var series: SeriesOptions

    @Option(help: ArgumentHelp("The forecasters, by name and separated by commas; default is all.", valueName: "names"))
    var models: NameList?

    @Option(
        help: """
            Days to score at most; default is 7. Where it is given, a series of less than two days is learned from up \
            to so many days before its end.
            """)
    var testDays: Double?

    @Option(
        help: ArgumentHelp(
            "How far ahead, separated by commas: minutes, or spans such as 90s,5m.", valueName: "minutes"))
    var horizons = MinuteList(minutes: [3, 5, 10, 15])

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
        _ = try zone.map { try Self.calendar(of: $0) }
        try series.check(trace: trace, takesPool: false)
        try outputs.validate(input: trace)
        guard testDays.map({ $0 > 0 && $0 <= 3650 }) ?? true else {
            throw ValidationError("--test-days must be above 0 and at most 3650.")
        }
        guard horizons.spans.allSatisfy({ $0 > .zero && $0 <= .seconds(86_400) }) else {
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
        do {
            try outputs.check()
        } catch {
            Surroundings.printError("\(error)")
            throw ExitCode.unreachable
        }
        let progress = ProgressLine()
        let (source, pool) = try series.source(trace: trace)
        let calendar =
            try zone.map { try Self.calendar(of: $0) } ?? pool?.settings.forecast.calendar ?? ForecastCalendar()
        var report: ForecastReport
        do {
            let series = try await source.series { progress.show("reading", share: $0) }
            let rolling = try RollingOrigin(series, settings: settings)
            report = ForecastReport(name: source.name, rolling: rolling, clock: calendar.clock)
        } catch {
            progress.clear()
            let reason = (error as? NotScorable)?.text ?? "\(error)"
            Surroundings.printError("\(source.name): \(reason)")
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
                outcome = .left(error.text(step: report.rolling.series.step))
            }
            report.rows.append(
                .init(name: candidate.name, outcome: outcome, seconds: (ContinuousClock.now - started).seconds))
        }
        progress.clear()
        if let problem = problem(of: report) {
            Surroundings.printError("\(source.name): \(problem)")
            throw ExitCode.unreachable
        }
        do {
            if let emit { try Surroundings.write(Array(report.emitted.utf8), to: emit) }
            if let html { try Surroundings.write(Array(report.html.utf8), to: html) }
        } catch {
            Surroundings.printError("\(error)")
            throw ExitCode.unreachable
        }
        print(json ? String(decoding: report.json, as: UTF8.self) : report.text)
    }

    /// Why there is nothing to show, or not what the outputs are to have.
    private func problem(of report: ForecastReport) -> String? {
        let reasons = report.rows.compactMap(\.reason)
        guard reasons.count < report.rows.count else {
            let told = zip(report.rows, reasons).map { "\n  \($0.name): \($1)" }
            return "no forecaster has a score:" + told.joined()
        }
        guard let first = report.rows.first, let reason = first.reason, emit != nil || html != nil else { return nil }
        return """
            --emit and --html show the first forecaster, and \(first.name) has no score: \(reason); name another one \
            first in --models
            """
    }

    private var outputs: OutputFiles { OutputFiles(["--emit": emit, "--html": html]) }

    private var settings: RollingOrigin.Settings {
        var settings = RollingOrigin.Settings()
        settings.horizons = horizons.spans
        settings.levels = Set(levels.numbers + [0.5]).sorted()
        settings.testDays = testDays
        return settings
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
}
