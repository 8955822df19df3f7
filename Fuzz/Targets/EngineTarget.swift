import Collectors
import Exposition
import Fleet

/// Maps a body to the signals of whichever engine it is of, in both formats.
func fuzzEngine(_ body: [UInt8]) {
    for contentType in ["text/plain; version=0.0.4", "application/openmetrics-text; version=1.0.0"] {
        guard let (_, sample) = try? EngineProfile.read(body, contentType: contentType, as: EngineProfile.all)
        else { continue }
        require(sample.missing == sample.missing.sorted(), "missing signals out of order: \(sample.missing)")
        require(Set(sample.models.map { [$0.model, $0.engine ?? "\0"] }).count == sample.models.count, "a row twice")
        for row in sample.models { requireSound(row) }
    }
}

private func requireSound(_ row: ModelSample) {
    for number in [
        row.running, row.waiting, row.waitingForCapacity, row.kvCacheUsage, row.kvCacheTokens, row.promptTokensTotal,
        row.generationTokensTotal, row.preemptionsTotal, row.requestsFinishedTotal, row.iterationsTotal,
    ] {
        require(number.map { $0.isFinite && $0 >= 0 } ?? true, "\(row)")
    }
    for histogram in [row.timeToFirstToken, row.interTokenLatency] {
        guard let histogram else { continue }
        require(histogram.buckets.last?.cumulativeCount == histogram.count, "\(histogram)")
        require(
            zip(histogram.buckets, histogram.buckets.dropFirst()).allSatisfy {
                $0.cumulativeCount <= $1.cumulativeCount
            }, "\(histogram)")
        require(histogram.buckets.dropLast().allSatisfy { $0.upperBound?.isFinite == true }, "\(histogram)")
    }
}
