import Fleet
import Foundation
import TestSupport
import Testing

@testable import Collectors

/// Captures of real servers, second by second, with what the load client counted.
@Suite(.enabled(if: SharedFixtures.available, "needs ../shared"))
struct VLLMSeriesTests {
    struct Request: Decodable {
        var prompt_tokens: Double
        var completion_tokens: Double
    }

    @Test(
        arguments: [
            ("0.32.0/series-bursty-180s", 180, 4, 30, 0.0035404712489317536),
            ("0.32.0/small-series-kv-pressure-150s", 150, 8, 26, 1),
        ] as [(String, Int, Double, Double, Double)])
    func countersAgreeWithTheLoadClient(
        series: String, scrapes: Int, running: Double, waiting: Double, kvCacheUsage: Double
    ) throws {
        let folder = try unpack(series)
        defer { try? FileManager.default.removeItem(at: folder) }
        let samples = try read(folder)
        #expect(samples.count == scrapes)
        let requests = try String(contentsOf: folder.appending(path: "series/requests.jsonl"), encoding: .utf8)
            .split(separator: "\n").map { try JSONDecoder().decode(Request.self, from: Data($0.utf8)) }

        let (first, last) = try (#require(samples.first), #require(samples.last))
        func growth(_ signal: KeyPath<ModelSample, Double?>) -> Double? {
            guard let start = first.total({ $0[keyPath: signal] }) else { return nil }
            return last.total { $0[keyPath: signal] }.map { $0 - start }
        }
        #expect(growth(\.requestsFinishedTotal) == Double(requests.count))
        #expect(growth(\.promptTokensTotal) == requests.reduce(0) { $0 + $1.prompt_tokens })
        #expect(growth(\.generationTokensTotal) == requests.reduce(0) { $0 + $1.completion_tokens })
        #expect(samples.compactMap { $0.maximum(\.running) }.max() == running)
        #expect(samples.compactMap { $0.maximum(\.waiting) }.max() == waiting)
        #expect(samples.compactMap { $0.maximum(\.kvCacheUsage) }.max() == kvCacheUsage)
        try expectCountersNeverFall(samples)

        let window = try HistogramWindow(
            from: #require(first.models[0].timeToFirstToken), to: #require(last.models[0].timeToFirstToken))
        #expect(window.count == Double(requests.count))
        #expect(!window.hasReset)
        let (median, tail) = try (#require(window.quantile(0.5)), #require(window.quantile(0.95)))
        #expect(median > 0.001 && median < tail)
    }

    @Test func aV0SeriesIsRead() throws {
        let folder = try unpack("0.8.5.post2/series-90s")
        defer { try? FileManager.default.removeItem(at: folder) }
        let samples = try read(folder)
        #expect(samples.count == 90)
        #expect(samples.compactMap { $0.maximum(\.waiting) }.max() == 40)
        #expect(samples.compactMap { $0.maximum(\.running) }.max() == 6)
        try expectCountersNeverFall(samples)
    }

    @Test func everyCaptureIsRead() throws {
        let root = try #require(SharedFixtures.directory) + "/fixtures/vllm"
        var read = 0
        for version in ["0.32.0", "0.10.0.post2", "0.8.5.post2"] {
            let files = try FileManager.default.contentsOfDirectory(atPath: root + "/" + version)
            for file in files.sorted() where file.hasSuffix(".prom") {
                let body = try SharedFixtures.bytes("fixtures/vllm/\(version)/\(file)")
                let sample = try EngineProfile.vllm.read(body, contentType: "text/plain; version=1.0.0")
                #expect(sample.skippedLines == 0, "\(file)")
                if version == "0.32.0" { #expect(sample.missing == [], "\(file)") }
                read += 1
            }
        }
        #expect(read >= 25)
    }

    private func expectCountersNeverFall(_ samples: [EngineSample]) throws {
        for signal in EngineProfile.vllm.numbers where signal.fold == .sum {
            let values = samples.compactMap { $0.total { $0[keyPath: signal.field] } }
            #expect(values.count == samples.count, "\(signal.name)")
            #expect(zip(values, values.dropFirst()).allSatisfy { $0 <= $1 }, "\(signal.name)")
        }
    }

    private func read(_ folder: URL) throws -> [EngineSample] {
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/series").sorted()
        return try files.filter { $0.hasSuffix(".prom") }.map { file in
            let body = try [UInt8](Data(contentsOf: folder.appending(path: "series/" + file)))
            return try EngineProfile.vllm.read(body, contentType: nil)
        }
    }

    private func unpack(_ series: String) throws -> URL {
        let archive = try #require(SharedFixtures.directory) + "/fixtures/vllm/\(series).tar.gz"
        let folder = FileManager.default.temporaryDirectory.appending(path: "vllm-series-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let tar = Process()
        tar.executableURL = URL(filePath: "/usr/bin/timeout")
        tar.arguments = ["60", "tar", "-xzf", archive, "-C", folder.path]
        try tar.run()
        tar.waitUntilExit()
        try #require(tar.terminationStatus == 0)
        return folder
    }
}
