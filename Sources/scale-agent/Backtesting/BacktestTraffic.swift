import Fleet
import Forecast

/// A recorded series as the work of a simulated pool, bin by bin.
struct BacktestTraffic {
    var work: [Double]
    var binSeconds: Double
    var start: Timestamp
    /// Bins without a sample, which have that of the bin before.
    var missing: Int

    /// - Parameters:
    ///   - isLevel: whether the samples are rates or levels, such as requests at once, and not counts of their bins.
    ///   - days: how much of the beginning is taken; `nil` takes all.
    ///   - interval: between two decisions; shorter bins are added up to it where they divide it.
    init(_ series: SampleSeries, isLevel: Bool, days: Double?, interval: Duration) throws(StartError) {
        let slots = days.map { min(Double(series.values.count), ($0 * 86_400 / series.step.seconds).rounded()) }
        let samples = series.values.prefix(slots.map { Int($0) } ?? series.values.count)
        guard var last = samples.lazy.compactMap({ $0 }).first, samples.contains(where: { ($0 ?? 0) > 0 }) else {
            throw StartError("expected demand above 0 somewhere, found none in \(samples.count) samples")
        }
        let bins = samples.map { sample in
            last = sample ?? last
            return isLevel ? last * series.step.seconds : last
        }
        let (step, wanted) = (series.step.wholeMilliseconds, interval.wholeMilliseconds)
        let merged = step < wanted && wanted % step == 0 ? Int(wanted / step) : 1
        guard bins.count > merged else {
            throw StartError(
                "expected two bins of \((series.step * merged).seconds) s or more, found \(bins.count) samples")
        }
        work = stride(from: 0, through: bins.count - merged, by: merged).map { bins[$0..<$0 + merged].reduce(0, +) }
        (start, missing) = (series.start, samples.count { $0 == nil })
        binSeconds = (series.step * merged).seconds
    }
}
