import Fleet
import Forecast
import Foundation
import Transport

/// One series of a Prometheus server, or of anything that speaks its HTTP API, asked for in pieces.
struct PrometheusRange {
    /// Scheme, host and perhaps a path, without `/api`.
    var server: String
    var query: String
    var start: Timestamp
    var end: Timestamp
    var step: Duration
    /// Sent as a bearer token.
    var token: String?

    /// Servers refuse more than 11,000 points a series and query.
    private static let pointsPerQuery = 10_000
    private static let deadline: Duration = .seconds(60)

    /// Fetches the whole range, one query after another.
    ///
    /// - Parameter progress: called after every query with the share that is done.
    /// - Throws: `StartError` unless there is exactly one series; `HTTPFailure` without an answer.
    func fetch(over transport: HTTPTransport, progress: (Double) -> Void) async throws -> SampleSeries {
        let points = Int((end - start).wholeMilliseconds / step.wholeMilliseconds) + 1
        var values = [Double?](repeating: nil, count: points)
        progress(0)
        var found: Set<[String: String]> = []
        var warned: Set<String> = []
        for first in stride(from: 0, to: points, by: Self.pointsPerQuery) {
            let last = min(first + Self.pointsPerQuery, points) - 1
            for series in try await ask(
                transport, from: start + step * first, to: start + step * last, &warned)
            {
                found.insert(series.metric)
                for point in series.values {
                    let slot = ((Timestamp(secondsSince1970: point.at) - start).seconds / step.seconds).rounded()
                    // NaN and infinities are how a query says that it does not know.
                    guard slot >= 0, slot < Double(points), let value = point.value, value.isFinite else { continue }
                    guard SampleSeries.takes(value) else {
                        throw StartError(
                            "expected \(SampleSeries.takenValues), found \(value) at \(start + step * Int(slot))")
                    }
                    values[Int(slot)] = value
                }
            }
            guard found.count <= 1 else { throw StartError(Self.tooMany(found)) }
            progress(Double(last + 1) / Double(points))
        }
        guard found.count == 1 else {
            throw StartError("expected one series, found none from \(start) to \(end): is the query right?")
        }
        return SampleSeries(start: start, step: step, values: values)
    }

    private static func tooMany(_ found: Set<[String: String]>) -> String {
        let labels = found.map { metric in
            let pairs = metric.filter { $0.key != "__name__" }.sorted { $0.key < $1.key }
            return (metric["__name__"] ?? "") + "{" + pairs.map { "\($0.key)=\"\($0.value)\"" }.joined(separator: ", ")
                + "}"
        }.sorted()
        let more = labels.count > 10 ? "\n  and \(labels.count - 10) more" : ""
        return "expected one series, found \(labels.count); add them up with sum(...) or select one:\n  "
            + labels.prefix(10).joined(separator: "\n  ") + more
    }

    /// - Parameter warned: the warnings that have been printed.
    private func ask(
        _ transport: HTTPTransport, from: Timestamp, to: Timestamp, _ warned: inout Set<String>
    ) async throws -> [Answer.Series] {
        let parameters = [
            ("query", query), ("start", "\(from.secondsSince1970)"), ("end", "\(to.secondsSince1970)"),
            ("step", "\(step.seconds)"),
        ]
        let form = parameters.map { "\($0)=\(Self.escaped($1))" }.joined(separator: "&")
        let base = server.hasSuffix("/") ? String(server.dropLast()) : server
        let response = try await transport.send(
            HTTPRequest(
                url: "\(base)/api/v1/query_range?\(form)",
                headers: token.map { [HTTPField("Authorization", "Bearer \($0)")] } ?? [], deadline: Self.deadline,
                maximumResponseBytes: 64 << 20))
        let answer = try? JSONDecoder().decode(Answer.self, from: Data(response.body))
        if let error = answer?.error { throw StartError(String(error.prefix(1000))) }
        let found = QuotedText.brief(String(decoding: response.body.prefix(400), as: UTF8.self))
        guard response.status == 200 else {
            let hint = [401, 403].contains(response.status) ? "; does it need --token-file?" : ""
            throw StartError("\(base): expected status 200, found \(response.status): \(found)\(hint)")
        }
        guard let data = answer?.data else {
            throw StartError("\(base): this is no answer of a Prometheus server: \(found)")
        }
        for warning in answer?.warnings ?? [] where warned.insert(warning).inserted && warned.count <= 10 {
            Surroundings.printError("warning: \(base): \(String(warning.prefix(1000)))")
        }
        return data.result
    }

    private static func escaped(_ text: String) -> String {
        let unreserved = CharacterSet(
            charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
        return text.addingPercentEncoding(withAllowedCharacters: unreserved) ?? ""
    }

    private struct Answer: Decodable {
        var error: String?
        var warnings: [String]?
        var data: Matrix?

        struct Matrix: Decodable { var result: [Series] }

        struct Series: Decodable {
            var metric: [String: String]
            var values: [Point]
        }

        /// `[1700000000.5, "12.5"]`
        struct Point: Decodable {
            var at: Double
            var value: Double?

            init(from decoder: any Decoder) throws {
                var row = try decoder.unkeyedContainer()
                at = try row.decode(Double.self)
                value = Double(try row.decode(String.self))
            }
        }
    }
}
