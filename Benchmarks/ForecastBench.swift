import Forecast
import FoundationEssentials
import Glibc

/// Times the fit of forecasting models in processor time, which neighbours on the machine disturb least.
enum ForecastBench {
    /// Fits Holt-Winters with an additive season of a day and prints one JSON object.
    ///
    /// - Parameters:
    ///   - path: a file with one number a line, without gaps.
    ///   - seasonLength: in samples.
    static func holtWintersFit(_ path: String, seasonLength: Int = 5760) throws {
        let values = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").compactMap { Double($0) }
        let structure = HoltWinters.Structure(trend: .linear, seasonLength: seasonLength)
        var best = Double.infinity
        var fit = try HoltWinters.fit(structure, to: values)
        for _ in 0..<5 {
            let before = processorSeconds()
            fit = try HoltWinters.fit(structure, to: values)
            best = min(best, processorSeconds() - before)
        }
        print(
            "{\"what\": \"Holt-Winters fit, \(values.count) samples, season \(seasonLength)\", "
                + "\"cpu_ms\": \((best * 1e4).rounded() / 10), \"passes\": \(fit.passes), \"sse\": \(fit.squaredError)}"
        )
    }

    private static func processorSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
