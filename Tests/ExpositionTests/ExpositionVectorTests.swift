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

    struct Expected: Decodable {
        var samples: Int
        var series: [Series]?
    }

    /// `[name, {labels}, value]`
    struct Series: Decodable, Hashable {
        var name: String
        var labels: [String: String]
        var value: Double

        init(from decoder: any Decoder) throws {
            var row = try decoder.unkeyedContainer()
            name = try row.decode(String.self)
            labels = try row.decode([String: String].self)
            let text = try row.decode(String.self)
            value = try #require(Double(text), "\(text)")
        }

        init(_ family: MetricFamily, _ sample: MetricSample) {
            name = family.name + sample.suffix
            let filled = sample.labels.filter { !$0.value.isEmpty }
            labels = Dictionary(filled.map { ($0.name, $0.value) }) { first, _ in first }
            value = sample.value ?? 0
        }

        /// NaN equals itself here, and `le` and `quantile` are numbers.
        var key: String {
            let labels = labels.sorted { $0.key < $1.key }.map { name, value in
                let number = name == "le" || name == "quantile" ? Double(value).map(canonicalNumber) : nil
                return "\(name)=\(number ?? value)"
            }
            return "\(name) \(labels) \(value)"
        }
    }

    static let folder = "fixtures/exposition/"

    static func decode<T: Decodable>(_ file: String) throws -> [String: T] {
        try JSONDecoder().decode([String: T].self, from: Data(SharedFixtures.bytes(folder + file)))
    }

    static func read(_ file: String) throws -> Exposition {
        try Exposition(
            SharedFixtures.bytes(folder + file), format: file.hasPrefix("om/") ? .openMetrics : .prometheusText)
    }

    @Test func whatAllAcceptIsReadWhole() throws {
        let verdicts: [String: Verdict] = try Self.decode("verdicts.json")
        let expectations: [String: Expected] = try Self.decode("expected.json")
        let accepted = verdicts.filter { $0.value.consensus == "accept" }.keys.sorted()
        #expect(accepted.count > 90)
        for file in accepted {
            do {
                let exposition = try Self.read(file)
                #expect(exposition.skipped.count == 0, "\(file): \(exposition.skipped.first)")
                if let expected = expectations[file] { expectEqual(exposition, expected, file) }
            } catch {
                Issue.record("\(file): \(error)")
            }
        }
    }

    @Test func whatAllRejectIsRefusedOrSkipped() throws {
        let verdicts: [String: Verdict] = try Self.decode("verdicts.json")
        let rejected = verdicts.filter { $0.value.consensus == "reject" }.keys.sorted()
        #expect(rejected.count > 150)
        for file in rejected {
            guard let exposition = try? Self.read(file) else { continue }
            let samples = exposition.families.flatMap { family in family.samples.map { "\(family.name)\($0)" } }
            #expect(exposition.skipped.count > 0, "\(file): \(samples)")
        }
    }

    private func expectEqual(_ exposition: Exposition, _ expected: Expected, _ file: String) {
        let got = exposition.families.flatMap { family in family.samples.map { Series(family, $0).key } }.sorted()
        #expect(got.count == expected.samples, "\(file)")
        guard let series = expected.series, series.count == expected.samples else { return }
        #expect(got == series.map(\.key).sorted(), "\(file)")
    }
}
