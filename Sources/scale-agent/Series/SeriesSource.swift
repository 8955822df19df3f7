import Agent
import Fleet
import Forecast
import Foundation
import Store
import Transport

/// Where a recorded series of demand comes from.
enum SeriesSource {
    /// A CSV file, perhaps gzipped; `-` is standard input.
    case file(String, column: String?)
    /// The ticks that an agent has recorded.
    case history(String, PoolID, interval: Duration)
    case prometheus(PrometheusRange)

    /// How it is called in titles and messages.
    var name: String {
        switch self {
        case .file(let path, _):
            path == "-" ? "standard input" : (path.split(separator: "/").last.map(String.init) ?? path)
        case .history(_, let pool, _): "pool \(pool)"
        case .prometheus(let range): range.query
        }
    }

    /// Of a trace, packed or not.
    private static let bytesAtMost = 128 << 20

    /// The spacing of recorded ticks: the pool's interval where they came about as often, else the middle of what is
    /// between two, or the usual interval near it: ticks come a little late. The interval may have been another then.
    private static func spacing(of moments: [Timestamp], near interval: Duration) -> Duration {
        let gaps = zip(moments.dropFirst(), moments).map { $0 - $1 }.sorted()
        guard !gaps.isEmpty, case let middle = gaps[gaps.count / 2], middle > .zero else { return interval }
        if abs(middle.seconds / interval.seconds - 1) < 0.2 { return interval }
        let usual = [1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600].map {
            Duration.seconds($0)
        }
        return usual.first { abs(middle.seconds / $0.seconds - 1) < 0.05 } ?? middle
    }

    /// - Throws: anything; its description says what is wrong, without the name of the source.
    func series(progress: (Double) -> Void) async throws -> SampleSeries {
        switch self {
        case .file(let path, let column):
            var bytes = try Surroundings.read(path, limit: Self.bytesAtMost)
            if bytes.starts(with: [0x1F, 0x8B]) {
                guard let unpacked = gunzip(bytes, limit: Self.bytesAtMost) else {
                    // A gzip file ends with the size of what it holds.
                    let size = bytes.suffix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
                    throw StartError(
                        size > Self.bytesAtMost && size < bytes.count * 1032
                            ? "expected at most \(Self.bytesAtMost >> 20) MiB unpacked, found \(size >> 20) MiB"
                            : "this is no whole gzip file")
                }
                bytes = unpacked
            }
            return try SampleSeries(csv: bytes, column: column)
        case .history(let file, let pool, let interval):
            guard FileManager.default.fileExists(atPath: file) else {
                throw StartError("there is no history yet: \(file)")
            }
            let history = try HistoryStore(reading: file)
            defer { history.close() }
            let demand = try await history.demand(
                of: pool, from: Timestamp(millisecondsSince1970: 0), to: Timestamp(millisecondsSince1970: .max))
            let step = Self.spacing(of: demand.map(\.at), near: interval)
            guard let series = SampleSeries(samples: demand.map { ($0.at, $0.requests) }, step: step) else {
                throw StartError("no ticks of this pool are recorded in \(file)")
            }
            return series
        case .prometheus(let range):
            let transport = HTTPTransport()
            defer { transport.shutdown() }
            return try await range.fetch(over: transport, progress: progress)
        }
    }
}
