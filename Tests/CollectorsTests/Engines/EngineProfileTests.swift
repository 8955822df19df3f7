import Exposition
import Fleet
import FoundationEssentials
import TestSupport
import Testing

@testable import Collectors

@Suite struct EngineProfileTests {
    /// Running, waiting, KV cache, prompt and generated tokens, finished and preempted requests, all rows together; how
    /// many first tokens and gaps there were in how many seconds.
    struct Reading: Sendable, CustomTestStringConvertible {
        var file: String
        var models: [String]
        var signals: [Double?]
        var histograms: [[Double?]]
        var missing: [String] = []
        var testDescription: String { file }
    }

    static let readings = [
        Reading(
            file: "sglang.prom", models: ["qwen", "qwen", "qwen"], signals: [9, 1, 0.28, 8128, 7557, 31, 2],
            histograms: [[31, 12.5], [7526, 88]]),
        Reading(
            file: "tgi.prom", models: [""], signals: [4, 7, nil, 9120, 8123, 44, nil], histograms: [[], [44, 0.6]]),
        Reading(
            file: "llama_cpp.prom", models: [""], signals: [4, 1, 0.5, 6886, 3469, nil, nil], histograms: [[], []]),
        Reading(
            file: "triton.prom", models: ["tensorrt_llm"], signals: [8, 3, 0.4875, 1200, 2500, 20, nil],
            histograms: [[20, 5], []]),
        Reading(
            file: "tensorrt_llm.prom", models: ["nemotron"], signals: [5, 3, 0.75, 640, 1280, 10, nil],
            histograms: [[10, 2.5], [10, 0.2]]),
        Reading(
            file: "ollama.json", models: ["llama3.2:3b", "mistral:latest"],
            signals: [nil, nil, nil, nil, nil, nil, nil],
            histograms: [[], []], missing: EngineProfile.signalNames.sorted()),
    ]

    @Test(arguments: readings) func `each engine is recognised and read, and what it does not say is unknown`(
        _ reading: Reading
    ) throws {
        let body = try SharedFixtures.ownBytes("engines/" + reading.file)
        let (profile, sample) = try EngineProfile.read(body, contentType: nil, as: EngineProfile.all)
        #expect("\(profile.engine)." == reading.file.prefix { $0 != "." } + "." && sample.engine == profile.engine)
        #expect(sample.models.map(\.model) == reading.models)
        #expect(sample.missing == reading.missing && sample.skippedLines == 0)
        let signals = [
            sample.total(\.running), sample.total(\.waiting), sample.maximum(\.kvCacheUsage),
            sample.total(\.promptTokensTotal), sample.total(\.generationTokensTotal),
            sample.total(\.requestsFinishedTotal), sample.total(\.preemptionsTotal),
        ]
        #expect(signals == reading.signals)
        for (field, expected) in zip([\ModelSample.timeToFirstToken, \.interTokenLatency], reading.histograms) {
            let histograms = sample.models.compactMap { $0[keyPath: field] }
            #expect(histograms.flatMap { [$0.count, $0.sum] } == expected)
        }
    }

    @Test func `a model that Ollama lists twice is one row`() throws {
        let body = Array(#"{"models": [{"model": "b"}, {"model": "a"}, {"model": "b"}]}"#.utf8)
        #expect(try EngineProfile.ollama.read(body, contentType: nil).models.map(\.model) == ["a", "b"])
    }

    @Test func `data-parallel ranks are rows, and their counters one of its own`() throws {
        let rows = try EngineProfile.sglang.read(SharedFixtures.ownBytes("engines/sglang.prom"), contentType: nil)
            .models
        #expect(rows.map(\.engine) == [nil, "0", "1"])
        #expect(rows.map(\.running) == [nil, 5, 4] && rows.map(\.kvCacheTokens) == [nil, 65536, 65536])
        #expect(rows.map(\.promptTokensTotal) == [8128, nil, nil])
        let triton = try EngineProfile.triton.read(SharedFixtures.ownBytes("engines/triton.prom"), contentType: nil)
        #expect(triton.models[0].timeToFirstToken?.buckets.map(\.upperBound) == [0.1, 0.5, nil])
    }

    /// A version that renamed one family after the other.
    @Test(arguments: EngineProfile.all.filter { $0.metricsPath != nil && $0.engine != "vllm" }.map(\.engine))
    func `a version without a family says which signal is missing`(_ engine: String) throws {
        let profile = try #require(EngineProfile.all.first { $0.engine == engine })
        let lines = try String(decoding: SharedFixtures.ownBytes("engines/\(engine).prom"), as: UTF8.self)
            .split(separator: "\n")
        for signal in profile.numbers {
            let families = signal.sources.map(\.family)
            let rest = lines.filter { line in !families.contains { line.contains($0) } }.joined(separator: "\n") + "\n"
            let sample = try profile.read(Array(rest.utf8), contentType: nil)
            #expect(sample.missing.contains(signal.name))
            #expect(sample.total { $0[keyPath: signal.field] } == nil)
        }
    }

    private struct Printed: Decodable {
        var missing: [String]
        var missing_families: [String]
        var models: [Model]

        struct Model: Decodable {
            var model: String
            var running: Double?
            var time_to_first_token: Histogram?
        }
        struct Histogram: Decodable, Equatable {
            var count: Double
            var sum_seconds, p50_seconds, p90_seconds: Double?
        }
    }

    private func printed(_ body: String) throws -> Printed {
        let sample = try EngineProfile.read(Array(body.utf8), contentType: nil, as: EngineProfile.all).sample
        return try JSONDecoder().decode(Printed.self, from: JSONEncoder().encode(EngineInspection(sample)))
    }

    @Test func `a model of which nothing can be used is a row all the same`() throws {
        let report = try printed("vllm:num_requests_running{model_name=\"m\"} NaN\n")
        #expect(report.models.map(\.model) == ["m"] && report.models[0].running == nil)
        #expect(report.missing.contains("running") && report.missing_families.contains("vllm:num_requests_running"))
    }

    @Test func `inspection tells the families that a version has not, and how long first tokens took`() throws {
        let old = try printed(String(decoding: SharedFixtures.ownBytes("vllm/0.10.0/metrics-load.prom"), as: UTF8.self))
        #expect(old.missing == ["sleeping", "waiting_for_capacity"])
        #expect(old.missing_families == ["vllm:engine_sleep_state", "vllm:num_requests_waiting_by_reason"])
        let triton = try printed(String(decoding: SharedFixtures.ownBytes("engines/triton.prom"), as: UTF8.self))
        let expected = Printed.Histogram(count: 20, sum_seconds: 5, p50_seconds: 0.1 + 0.4 * 5 / 13, p90_seconds: 0.5)
        #expect(triton.models.map(\.time_to_first_token) == [expected])
    }

    @Test func `the page on engines names every family`() throws {
        let page = try String(contentsOfFile: SharedFixtures.repositoryRoot + "/docs/engines.md", encoding: .utf8)
        for profile in EngineProfile.all {
            #expect(page.contains("`\(profile.engine)`"))
            for family in profile.families { #expect(page.contains("`\(family)`"), "\(family)") }
        }
    }
}
