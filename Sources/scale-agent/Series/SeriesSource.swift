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

    /// - Throws: anything; its description says what is wrong, without the name of the source.
    func series(progress: (Double) -> Void) async throws -> SampleSeries {
        switch self {
        case .file(let path, let column):
            var bytes = try Surroundings.read(path)
            if bytes.starts(with: [0x1F, 0x8B]) {
                guard let unpacked = gunzip(bytes) else { throw StartError("this is no whole gzip file") }
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
            guard let series = SampleSeries(samples: demand.map { ($0.at, $0.requests) }, step: interval) else {
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
