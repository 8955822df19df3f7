import FoundationEssentials
import TestSupport
import Testing

@testable import Exposition

/// Bodies of other projects' tests, with what Prometheus, VictoriaMetrics, promtool and prometheus_client made of them.
@Suite(.enabled(if: SharedFixtures.available, "needs ../shared"))
struct ExpositionVectorTests {
    struct Verdict: Decodable {
        var consensus: String
    }

    /// What Prometheus stored, up to 60 series of it.
    struct Expected: Decodable {
        var samples: Int
        var series: [Series]?
    }

    struct Inspection: Decodable {
        var verdict: String
        var reason: String?
        var skipped: [Skipped]
        var series: [Series]
    }

    struct Skipped: Decodable, Hashable {
        var line: Int
        var reason: String
    }

    /// `[name, {labels}, value]`
    struct Series: Decodable, Hashable {
        var name: String
        var labels: [String: String]
        var value: String

        init(from decoder: any Decoder) throws {
            var row = try decoder.unkeyedContainer()
            name = try row.decode(String.self)
            labels = try row.decode([String: String].self)
            value = try row.decode(String.self)
        }
    }

    static let folder = "fixtures/exposition/"

    /// Those where a line is left out, or its samples are not what Prometheus made of them: our policy.
    static let partial: [String: [Int]] = [
        "prom/client_python/test_commas_0.txt": [7, 10, 13],
        "prom/expfmt-corpus/from_test_parse_error_10.txt": [1],
        "prom/expfmt-corpus/from_test_parse_error_7.txt": [3],
        "prom/expfmt/testTextParseError_33.txt": [3],
        "prom/own/label_colon.txt": [1],
        "prom/own/neg_nan.txt": [1],
        "prom/own/overflow.txt": [1],
        "prom/own/plus_nan.txt": [1],
        "prom/own/ts_float.txt": [1],
        "prom/victoriametrics/ok_07.txt": [1],
        "prom/victoriametrics/ok_16.txt": [1],
    ]

    /// What is refused whole.
    static let refused = ["prom/expfmt-corpus/from_test_parse_error_2.txt"]

    static func vectors(_ consensus: String) -> [String] {
        let verdicts: [String: Verdict]? = try? decode(SharedFixtures.bytes(folder + "verdicts.json"))
        return (verdicts ?? [:]).filter { $0.value.consensus == consensus }.keys.sorted()
    }

    static let expected: [String: Expected] =
        (try? decode(SharedFixtures.bytes(folder + "expected.json"))) ?? [:]

    static func decode<T: Decodable>(_ json: [UInt8]) throws -> T {
        try JSONDecoder().decode(T.self, from: Data(json))
    }

    static func inspect(_ file: String) throws -> Inspection {
        let inspection = ExpositionInspection(
            try SharedFixtures.bytes(folder + file), format: file.hasPrefix("om/") ? .openMetrics : .prometheusText)
        return try decode(Array(inspection.json.utf8))
    }

    @Test func thereAreVectors() {
        #expect(["accept", "reject", "split"].map { Self.vectors($0).count } == [104, 180, 101])
        #expect(Self.expected.count > 120)
    }

    @Test(arguments: vectors("accept"))
    func whatAllAcceptIsReadWhole(file: String) throws {
        let inspection = try Self.inspect(file)
        #expect(inspection.verdict == "accept" && inspection.skipped.isEmpty)
        try expectSeries(inspection, of: file)
    }

    @Test(arguments: vectors("reject"))
    func whatAllRejectIsRefusedOrSkipped(file: String) throws {
        let inspection = try Self.inspect(file)
        #expect(inspection.verdict == "refuse" ? inspection.series.isEmpty : !inspection.skipped.isEmpty)
        #expect(inspection.reason != nil)
    }

    @Test(arguments: vectors("split"))
    func whatIsDisputedFollowsThePolicy(file: String) throws {
        let inspection = try Self.inspect(file)
        #expect(inspection.skipped.map(\.line) == Self.partial[file] ?? [])
        let verdict = Self.refused.contains(file) ? "refuse" : Self.partial[file] == nil ? "accept" : "partial"
        #expect(inspection.verdict == verdict)
        if verdict == "accept" { try expectSeries(inspection, of: file) }
    }

    private func expectSeries(_ inspection: Inspection, of file: String) throws {
        guard let expected = Self.expected[file] else { return }
        #expect(inspection.series.count == expected.samples)
        if let series = expected.series, series.count == expected.samples { #expect(inspection.series == series) }
    }
}
