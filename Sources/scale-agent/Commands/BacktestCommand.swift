import ArgumentParser
import Config
import Exporters
import Fleet
import Forecast
import Policy
import Simulator

struct BacktestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backtest",
        abstract: "Plays recorded traffic through this policy, others, and the best with hindsight.",
        discussion: """
            The demand is a trace of work per bin, or a level (requests at once, or a rate) from the history or from \
            Prometheus. Exit status 1 when it cannot be read.
            """)

    @Option(
        help: ArgumentHelp(
            "A CSV file of t_s (seconds, evenly spaced) and work, perhaps gzipped; - for standard input.",
            valueName: "file"))
    var trace: String?

    @OptionGroup var series: SeriesOptions

    @Option(help: "Days to play, from the beginning; default is all.")
    var days: Double?

    @Option(help: "Replicas that the mean load keeps busy, which sets their capacity; default is 12.")
    var meanReplicas: Double?

    @Option(
        help: """
            Work that a replica does in a second, in the unit of the trace; or its share of a level. Default with \
            --history is the capacity of the pool.
            """)
    var capacity: Double?

    @Option(help: ArgumentHelp("From the order of a replica to its first work; default is 420s.", valueName: "span"))
    var boot: SpanArgument?

    @Option(
        help: ArgumentHelp(
            "Boots vary: their times at evenly spaced quantiles, such as 300s,420s,900s.", valueName: "spans"))
    var bootQuantiles: SpanList?

    @Option(help: ArgumentHelp("Work that waits longer is late.", valueName: "span"))
    var wait = SpanArgument(.seconds(10))

    @Option(help: "Share of the work that should not be late.")
    var share = 0.99

    @Option(help: ArgumentHelp("Other policies, by name and separated by commas, or all.", valueName: "names"))
    var compare = NameList(["all"])

    @Flag(help: "Try every setting of the others and show their best: the cheapest that keeps the share.")
    var tune = false

    @Option(help: "Dollars of a replica in an hour; default is the price of the pool.")
    var price: Double?

    @Option(
        help: ArgumentHelp("Write \(FleetBin.csvHeader) of this policy, a line for every bin.", valueName: "file"))
    var timeline: String?

    @Option(help: ArgumentHelp("Write a page with charts.", valueName: "file"))
    var html: String?

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        try series.check(trace: trace, takesPool: true)
        try outputs.validate(input: trace)
        func above(_ value: Double?, _ option: String) throws {
            guard value.map({ $0 > 0 && $0.isFinite }) ?? true else {
                throw ValidationError("\(option) must be above 0.")
            }
        }
        try above(days, "--days")
        try above(meanReplicas, "--mean-replicas")
        try above(capacity, "--capacity")
        guard meanReplicas == nil || capacity == nil else {
            throw ValidationError("--mean-replicas and --capacity set the same thing; name one.")
        }
        guard (price ?? 0) >= 0, (price ?? 0).isFinite else { throw ValidationError("--price must be 0 or more.") }
        guard share > 0, share <= 1 else { throw ValidationError("--share must be above 0 and at most 1.") }
        let quantiles = bootQuantiles?.spans ?? []
        guard zip(quantiles, quantiles.dropFirst()).allSatisfy({ $0 <= $1 }) else {
            throw ValidationError("--boot-quantiles must ascend, such as 300s,420s,900s.")
        }
        guard ([boot?.duration].compactMap { $0 } + quantiles).allSatisfy({ $0 <= .seconds(86_400) }) else {
            throw ValidationError("--boot and --boot-quantiles must be at most a day.")
        }
        let known = PolicyCandidate.references.map(\.shortName)
        for name in compare.names where name != "all" && !known.contains(name) {
            throw ValidationError("--compare: there is no \(name); there are \(known.joined(separator: ", ")), all.")
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
        let (source, recorded) = try series.source(trace: trace)
        let isConfigured = series.config.path != nil || series.pool != nil
        let pool = try recorded ?? (isConfigured ? series.configuredPool().pool : nil)
        let simulator: FleetSimulator
        var report: BacktestReport
        do {
            let samples = try await source.series { progress.show("reading", share: $0) }
            let traffic = try BacktestTraffic(
                samples, isLevel: trace == nil, days: days, interval: pool?.settings.interval ?? .seconds(15))
            simulator = try self.simulator(traffic, pool)
            report = BacktestReport(
                name: source.name, start: traffic.start, missing: traffic.missing, world: world(simulator))
        } catch {
            progress.clear()
            Surroundings.printError("\(source.name): \(error)")
            throw ExitCode.unreachable
        }
        progress.show(FleetSimulator.hindsightName, share: 0)
        report.rows = [BacktestReport.Row(FleetSimulator.hindsightName, simulator.runHindsight())]

        progress.show(BacktestReport.productName, share: 0)
        let settings = self.settings(pool, simulator.scenario)
        let peak = simulator.hindsight().peakNeed
        if settings.maximum < peak {
            progress.clear()
            Surroundings.printError(
                "warning: the pool's maximum of \(settings.maximum) is below the peak need of \(peak)")
        }
        let controller = PoolController(
            pool: pool?.id ?? PoolID(rawValue: "backtest"), settings: settings,
            learning: PoolLearning(settings))
        let started = ContinuousClock.now
        let own = simulator.run(ProductPolicy(controller, startsAt: report.start), keepsTimeline: true)
        var row = BacktestReport.Row(BacktestReport.productName, own)
        row.seconds = (ContinuousClock.now - started).seconds
        report.rows.append(row)
        report.take(own.timeline)
        compareOthers(simulator, &report, progress)
        progress.clear()
        do {
            if let timeline { try Surroundings.write(Array(Self.csv(own.timeline, report.start).utf8), to: timeline) }
            if let html { try Surroundings.write(Array(report.html.utf8), to: html) }
        } catch {
            Surroundings.printError("\(error)")
            throw ExitCode.unreachable
        }
        print(json ? String(decoding: report.json, as: UTF8.self) : report.text)
    }

    private var outputs: OutputFiles { OutputFiles(["--timeline": timeline, "--html": html]) }

    // MARK: The world

    /// Boots by the operator's word, else the middle of their quantiles, else what the pool expects.
    private func bootSeconds(_ pool: PoolConfig?) -> Double {
        if let boot { return boot.duration.seconds }
        if let spans = bootQuantiles?.spans, !spans.isEmpty {
            return (spans[(spans.count - 1) / 2] + spans[spans.count / 2]).seconds / 2
        }
        return (pool?.settings.boot.expected ?? .seconds(420)).seconds
    }

    private func simulator(_ traffic: BacktestTraffic, _ pool: PoolConfig?) throws(StartError) -> FleetSimulator {
        let mean = traffic.work.reduce(0, +) / Double(traffic.work.count) / traffic.binSeconds
        let configured = series.history && meanReplicas == nil ? pool?.settings.capacity : nil
        let capacity = capacity ?? configured ?? mean / (meanReplicas ?? 12)
        let peak = (traffic.work.max() ?? 0) / traffic.binSeconds / capacity
        guard peak <= 10_000 else {
            throw StartError("expected at most 10000 busy replicas, found \(peak) with a capacity of \(capacity)")
        }
        var scenario = FleetScenario(
            fittedTo: traffic.work, meanReplicas: mean / capacity, bootSeconds: bootSeconds(pool),
            binSeconds: traffic.binSeconds)
        scenario.waitObjectiveSeconds = wait.duration.seconds
        scenario.usdPerReplicaHour = price ?? pool?.usdPerHour
        scenario.disturbances.bootQuantilesSeconds = (bootQuantiles?.spans ?? []).map(\.seconds)
        if let settings = pool?.settings {
            (scenario.minimumReplicas, scenario.maximumReplicas) = (settings.minimum, settings.maximum)
        }
        return FleetSimulator(work: traffic.work, scenario: scenario)
    }

    private func settings(_ pool: PoolConfig?, _ scenario: FleetScenario) -> PolicySettings {
        var settings = pool?.settings ?? PolicySettings()
        settings.interval = .milliseconds(Int64((scenario.binSeconds * 1000).rounded()))
        guard pool == nil else { return settings }
        settings.objective = WaitObjective(share: min(share, 0.9999), wait: wait.duration)
        settings.capacity = 16
        settings.maximum = scenario.maximumReplicas
        settings.boot.expected = .milliseconds(Int64((scenario.bootSeconds * 1000).rounded()))
        let longest = max(scenario.bootSeconds, scenario.disturbances.bootQuantilesSeconds.last ?? 0)
        settings.boot.deadline = max(settings.boot.deadline, .milliseconds(Int64((longest * 2000).rounded())))
        return settings
    }

    private func world(_ simulator: FleetSimulator) -> BacktestReport.World {
        let scenario = simulator.scenario
        return BacktestReport.World(
            bins: simulator.work.count, binSeconds: scenario.binSeconds, capacityPerSecond: scenario.capacityPerSecond,
            meanReplicas: simulator.work.reduce(0, +) / Double(simulator.work.count) / scenario.binSeconds
                / scenario.capacityPerSecond,
            bootSeconds: scenario.bootSeconds, bootQuantilesSeconds: scenario.disturbances.bootQuantilesSeconds,
            waitSeconds: scenario.waitObjectiveSeconds, share: share, startReplicas: scenario.startReplicas,
            usdPerReplicaHour: scenario.usdPerReplicaHour)
    }

    // MARK: Results

    private func compareOthers(_ simulator: FleetSimulator, _ report: inout BacktestReport, _ progress: ProgressLine) {
        let chosen = PolicyCandidate.references.filter {
            compare.names.contains("all") || compare.names.contains($0.shortName)
        }
        for (index, candidate) in chosen.enumerated() {
            progress.show(candidate.shortName, share: Double(index) / Double(chosen.count))
            let played = simulator.rows(of: candidate, tunes: tune)
            let best =
                played.cheapest(candidate.name, shareInTime: share)
                ?? played.max { ($0.report.shareInTime ?? 0) < ($1.report.shareInTime ?? 0) }
            let rows = played.map { row in
                var shown = BacktestReport.Row(candidate.shortName, row.report)
                (shown.settingName, shown.setting) = (candidate.settingName, row.setting)
                return shown
            }
            if tune { report.sweep += rows }
            if let best, let place = played.firstIndex(of: best) { report.rows.append(rows[place]) }
        }
    }

    private static func csv(_ bins: [FleetBin], _ start: Timestamp) -> String {
        let rows = bins.map { bin in
            var bin = bin
            bin.second += start.secondsSince1970
            return bin.csv
        }
        return ([FleetBin.csvHeader] + rows).joined(separator: "\n") + "\n"
    }
}
