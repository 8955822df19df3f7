import Fleet
import Forecast
import FoundationEssentials
import Glibc
import Policy

/// Times and scores forecasts; one JSON object a line. Times are of the processor, which neighbours on the machine
/// disturb least.
enum ForecastBench {
    /// - Parameter arguments: `fit FILE`, `bank FILE` or `accuracy FILE...`, with files of samples as CSV.
    static func run(_ arguments: [String]) throws {
        switch (arguments.first, arguments.dropFirst()) {
        case ("fit", let files): for file in files { try fit(series(file)) }
        case ("bank", let files):
            for file in files {
                let near = [180, 300, 600, 900].map { Duration.seconds($0) }
                let settings = ForecastSettings()
                bank(try series(file), settings: settings, horizons: near, leads: near)
                // As a pool asks.
                var many = settings
                many.levels = ShadowCandidate.levels
                let leads = [Duration.seconds(225), .seconds(1050)]
                bank(try series(file), settings: many, horizons: Forecaster.usualHorizons, leads: leads)
            }
        case ("accuracy", let files): try accuracy(Array(files))
        default: throw ForecastBenchError.usage
        }
    }

    private enum ForecastBenchError: Error { case usage, notScored(String) }

    private static func series(_ path: String) throws -> SampleSeries {
        try SampleSeries(csv: [UInt8](Data(contentsOf: URL(filePath: path))))
    }

    // MARK: Times

    /// Holt-Winters with an additive season of a day.
    private static func fit(_ series: SampleSeries) throws {
        let values = series.values.compactMap { $0 }
        let day = Int(86_400 / series.step.seconds)
        let structure = HoltWinters.Structure(trend: .linear, seasonLength: day)
        var fit = try HoltWinters.fit(structure, to: values)
        let seconds = try best { fit = try HoltWinters.fit(structure, to: values) }
        print(
            "{\"what\": \"Holt-Winters fit, \(values.count) samples, season \(day)\", \"cpu_ms\": "
                + "\(rounded(seconds * 1e3)), \"passes\": \(fit.passes), \"sse\": \(fit.squaredError)}")
    }

    private static func bank(
        _ series: SampleSeries, settings: ForecastSettings, horizons: [Duration], leads: [Duration]
    ) {
        let count = series.values.count
        let times = (0..<count).map { series.time(of: $0) }
        let replay = best {
            var forecaster = Forecaster(settings: settings, step: series.step, horizons: horizons)
            for slot in 0..<count { forecaster.observe(series.values[slot], at: times[slot]) }
        }
        var sum = 0.0
        let both = best {
            var forecaster = Forecaster(settings: settings, step: series.step, horizons: horizons)
            for slot in 0..<count {
                forecaster.observe(series.values[slot], at: times[slot])
                for lead in leads { sum += forecaster.forecast(over: lead)?.maximum[1] ?? 0 }
            }
        }
        let levels = settings.levels.count
        print(
            "{\"what\": \"bank, replay of \(count) samples, \(horizons.count) horizons, \(levels) quantiles\", "
                + "\"cpu_ms\": \(rounded(replay * 1e3))}")
        print(
            "{\"what\": \"bank, one sample and \(leads.count) forecasts of \(levels) quantiles\", \"cpu_us\": "
                + "\(rounded(both / Double(count) * 1e6)), \"of_that_observe_us\": "
                + "\(rounded(replay / Double(count) * 1e6))}")
    }

    private static func best(_ body: () throws -> Void) rethrows -> Double {
        var best = Double.infinity
        for _ in 0..<5 {
            let before = processorSeconds()
            try body()
            best = min(best, processorSeconds() - before)
        }
        return best
    }

    private static func processorSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    // MARK: Accuracy

    /// Ratios to the last value with tracked quantiles, and coverage, of each series and of all.
    private static func accuracy(_ paths: [String]) throws {
        var (logs, worst, misses) = ([0.0, 0, 0, 0], [0.0, 0], [0.0, 0])
        var maximumCoverage: [Double] = []
        for path in paths {
            let series = try series(path)
            let rounds = try RollingOrigin(series)
            let bank = Forecaster(
                step: series.step, horizons: [60, 180, 300, 600, 900].map { max(.seconds($0), series.step) })
            let score = rounds.score(rounds.trial(of: bank), against: rounds.naive())
            let ratios = [
                score.relativeMAE, score.relativePinball(1), score.relativePinball(2),
                score.relativePinball(1, of: .maximum),
            ].compactMap { $0 }
            let coverage = (1...2).compactMap { level in score.mean { $0.levels[level].coverage } }
            let maxima = score.horizons.compactMap { $0.maximum.levels[1].coverage }
            guard ratios.count == 4, coverage.count == 2 else { throw ForecastBenchError.notScored(path) }
            for index in 0..<4 { logs[index] += log(ratios[index]) / Double(paths.count) }
            for index in 0..<2 { worst[index] = max(worst[index], ratios[index]) }
            misses[0] += abs(coverage[0] - 0.9) / Double(paths.count)
            misses[1] += abs(coverage[1] - 0.99) / Double(paths.count)
            maximumCoverage += maxima
            let name = path.split(separator: "/").last ?? ""
            print(
                "{\"series\": \"\(name)\", \"mae\": \(short(ratios[0])), \"pinball_90\": \(short(ratios[1])), "
                    + "\"pinball_99\": \(short(ratios[2])), \"pinball_90_of_maximum\": \(short(ratios[3])), "
                    + "\"coverage\": \(coverage.map(short)), \"coverage_90_of_maximum\": \(maxima.map(short))}")
        }
        let mean = maximumCoverage.reduce(0, +) / Double(max(maximumCoverage.count, 1))
        print(
            "{\"series\": \"all \(paths.count), geometric means\", \"mae\": \(short(exp(logs[0]))), \"pinball_90\": "
                + "\(short(exp(logs[1]))), \"pinball_99\": \(short(exp(logs[2]))), \"pinball_90_of_maximum\": "
                + "\(short(exp(logs[3]))), \"worst_mae\": \(short(worst[0])), \"worst_pinball_90\": \(short(worst[1])), "
                + "\"coverage_error\": \(misses.map { (($0 * 1e4).rounded() / 1e4) }), \"coverage_90_of_maximum\": "
                + "\(short(mean)), \"lowest\": \(short(maximumCoverage.min() ?? 0)), "
                + "\"highest\": \(short(maximumCoverage.max() ?? 0))}")
    }

    private static func short(_ value: Double) -> Double { (value * 1000).rounded() / 1000 }
    private static func rounded(_ value: Double) -> Double { (value * 100).rounded() / 100 }
}
