import Exposition
import Fleet
import TestSupport
import Testing

@testable import Collectors

@Suite struct VLLMProfileTests {
    static func read(_ file: String) throws -> EngineSample {
        try EngineProfile.vllm.read(
            SharedFixtures.ownBytes("vllm/" + file), contentType: "text/plain; version=1.0.0; charset=utf-8")
    }

    @Test func readsALoadedV1() throws {
        let sample = try Self.read("0.32.0/metrics-load-running4-waiting2.prom")
        var row = ModelSample(model: "tiny-llama", engine: "0")
        row.running = 4
        row.waiting = 2
        row.waitingForCapacity = 2
        row.kvCacheUsage = 0.004883408619216212
        row.kvCacheTokens = 1_048_576
        row.promptTokensTotal = 827
        row.generationTokensTotal = 16809
        row.preemptionsTotal = 0
        row.requestsFinishedTotal = 12
        row.iterationsTotal = 4269
        row.sleeping = false
        row.timeToFirstToken = sample.models.first?.timeToFirstToken
        row.interTokenLatency = sample.models.first?.interTokenLatency
        #expect(sample == EngineSample(engine: "vllm", models: [row]))

        let firstToken = try #require(row.timeToFirstToken)
        #expect(firstToken.count == 16)
        #expect(firstToken.sum == 30.66578245162964)
        #expect(firstToken.buckets.count == 23)
        #expect(firstToken.buckets.first?.upperBound == 0.001)
        #expect(firstToken.buckets.last == .init(upperBound: nil, cumulativeCount: 16))
        #expect(row.interTokenLatency?.count == 16793)
    }

    @Test func anIdleV1SaysZero() throws {
        let sample = try Self.read("0.32.0/metrics-idle.prom")
        #expect(sample.missing == [])
        let row = try #require(sample.models.first)
        #expect([row.running, row.waiting, row.waitingForCapacity, row.kvCacheUsage] == [0, 0, 0, 0])
        #expect(row.timeToFirstToken?.count == 0)
    }

    @Test func anIdleV0SaysNothing() throws {
        let sample = try Self.read("0.8.5/metrics-idle.prom")
        #expect(sample.models == [])
        #expect(sample.missing.count == 13)
        #expect(sample.missing.contains("running") && sample.missing.contains("waiting"))
        #expect(sample.total(\.running) == nil)
    }

    @Test func readsALoadedV0() throws {
        let sample = try Self.read("0.8.5/metrics-load.prom")
        #expect(sample.missing == ["sleeping", "waitingForCapacity"])
        let row = try #require(sample.models.first)
        #expect(sample.models.count == 1)
        #expect(row.model == "tiny-llama")
        #expect(row.engine == nil)
        #expect([row.running, row.waiting, row.kvCacheUsage] == [6, 8, 0.19999999999999996])
        #expect(row.kvCacheTokens == 2400)
        #expect(row.requestsFinishedTotal == 2)
        #expect(row.iterationsTotal == 19)
        #expect(row.timeToFirstToken?.count == 8)
        #expect(row.interTokenLatency?.count == 20)
    }

    /// The version that shows both old and new names: never added together.
    @Test func oldAndNewNamesAreOneSignal() throws {
        let sample = try Self.read("0.10.0/metrics-load.prom")
        #expect(sample.total(\.kvCacheUsage) == 0.08666666666666667)
        #expect(sample.models.first?.interTokenLatency?.count == 825)
        #expect(sample.missing == ["sleeping", "waitingForCapacity"])
    }

    /// Gauges that stand still are read as they are; only counters show that nothing moves.
    @Test(
        arguments: [
            ("0.10.0/metrics-stale-gauges-after-client-disconnects.prom", 6, 0, 1999),
            ("0.32.0/engine-dead-keepalive1-metrics.prom", 4, 2, 113),
        ] as [(String, Double, Double, Double)])
    func frozenGauges(file: String, running: Double, waiting: Double, iterations: Double) throws {
        let sample = try Self.read(file)
        #expect(sample.total(\.running) == running)
        #expect(sample.total(\.waiting) == waiting)
        #expect(sample.total(\.iterationsTotal) == iterations)
    }

    @Test func eachEngineCoreHasARow() throws {
        let sample = try Self.read("0.32.0/dp2-metrics-load.prom")
        #expect(sample.models.map(\.engine) == ["0", "1"])
        #expect(sample.models.map(\.waiting) == [6, 6])
        #expect(sample.total(\.running) == 8)
        // One core's own; the blocks that are exported beside it are those of both.
        #expect(sample.models.map(\.kvCacheTokens) == [1_048_576, 1_048_576])
    }

    @Test func adaptersShareTheRowOfTheirModel() throws {
        let sample = try Self.read("0.32.0/lora-metrics-load.prom")
        #expect(sample.models.count == 1)
        #expect(sample.total(\.waiting) == 12)
        #expect(sample.total(\.waitingForCapacity) == 11)
    }

    @Test func aSleepingEngineIsSeen() throws {
        #expect(try Self.read("0.32.0/devmode-metrics-asleep1.prom").sleeping == true)
        #expect(try Self.read("0.32.0/metrics-idle.prom").sleeping == false)
        #expect(try Self.read("0.10.0/metrics-load.prom").sleeping == nil)
    }

    @Test func oneGaugePerProcessIsFoldedToTheLargest() throws {
        let sample = try read(
            """
            vllm:kv_cache_usage_perc{engine="0",model_name="m",pid="17"} 0
            vllm:kv_cache_usage_perc{engine="0",model_name="m",pid="18"} 0.25
            vllm:kv_cache_usage_perc{engine="0",model_name="m",pid="19"} 0
            vllm:request_success_total{engine="0",model_name="m",finished_reason="stop"} 3
            vllm:request_success_total{engine="0",model_name="m",finished_reason="length"} 4
            """)
        #expect(sample.models.map(\.kvCacheUsage) == [0.25])
        #expect(sample.models.map(\.requestsFinishedTotal) == [7])
    }

    @Test func rowsAreSortedByModelThenCore() throws {
        let sample = try read(
            """
            vllm:num_requests_running{engine="10",model_name="b"} 1
            vllm:num_requests_running{engine="2",model_name="b"} 2
            vllm:num_requests_running{engine="0",model_name="a \\"q\\", ☃"} 3
            vllm:num_requests_waiting{engine="2",model_name="b"} 4
            """)
        #expect(sample.models.map(\.model) == ["a \"q\", ☃", "b", "b"])
        #expect(sample.models.map(\.engine) == ["0", "2", "10"])
        #expect(sample.models.map(\.waiting) == [nil, 4, nil])
        #expect(!sample.missing.contains("waiting"))
    }

    @Test func nonsenseIsUnknownNotZero() throws {
        let sample = try read(
            """
            vllm:num_requests_running{model_name="m"} NaN
            vllm:num_requests_waiting{model_name="m"} -1
            vllm:kv_cache_usage_perc{model_name="m"} +Inf
            vllm:generation_tokens_total{model_name="m"} 5
            vllm:prompt_tokens_total{model_name="m"} five
            vllm:request_success_total{model_name="m",finished_reason="stop"} 7
            vllm:request_success_total{model_name="m",finished_reason="length"} NaN
            # TYPE vllm:time_to_first_token_seconds histogram
            vllm:time_to_first_token_seconds_bucket{model_name="m",le="1"} 3
            vllm:time_to_first_token_seconds_bucket{model_name="m",le="+Inf"} 2
            vllm:cache_config_info{block_size="16",num_gpu_blocks="None",kv_cache_size_tokens="inf"} 1
            """)
        var row = ModelSample(model: "m")
        row.generationTokensTotal = 5
        #expect(sample.models == [row])
        #expect(sample.missing.count == 12)
        #expect(sample.skippedLines == 1)
    }

    private func read(_ body: String) throws -> EngineSample {
        try EngineProfile.vllm.read(Array((body + "\n").utf8), contentType: nil)
    }
}

@Suite struct EngineReadErrorTests {
    @Test(
        arguments: [
            ("<html>", "text/html; charset=utf-8", .contentType("text/html; charset=utf-8")),
            ("{\"error\":1}", "application/json", .contentType("application/json")), ("a 1\n", "", .contentType("")),
            ("", "text/plain", .empty), ("", nil, .empty),
            ("vllm:num_requests_running{model_name=\"m\"} 1", "text/plain", .cut),
            ("vllm:num_requests_running{model_name=\"m\"} 1\n", "application/openmetrics-text", .damaged(.missingEnd)),
            ("a 1\nvllm:num_requests_running{model_name=\"m\0\"} 1\n", "text/plain", .damaged(.nulByte(line: 2))),
            (
                "process_start_time_seconds 5\npython_info{version=\"3\"} 1\n", "text/plain",
                .noSignals(hint: EngineProfile.vllm.hint, skippedLines: 0)
            ),
            ("<html>502</html>\n", "text/plain", .noSignals(hint: EngineProfile.vllm.hint, skippedLines: 1)),
            (
                "# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running{model_name=\"m\"} ?\n", nil,
                .noSignals(hint: EngineProfile.vllm.hint, skippedLines: 1)
            ),
        ] as [(String, String?, EngineReadError)])
    func refuses(body: String, contentType: String?, error: EngineReadError) {
        #expect(throws: error) { try EngineProfile.vllm.read(Array(body.utf8), contentType: contentType) }
    }

    /// A body that was cut anywhere gives an error or fewer signals, never another value.
    @Test func aCutBodyNeverGivesAnotherValue() throws {
        let body = try SharedFixtures.ownBytes("vllm/0.8.5/metrics-load.prom")
        let whole = try #require(try EngineProfile.vllm.read(body, contentType: nil).models.first)
        for length in stride(from: 0, to: body.count, by: 7) {
            guard let cut = try? EngineProfile.vllm.read(Array(body[..<length]), contentType: nil) else {
                continue
            }
            #expect(body[length - 1] == UInt8(ascii: "\n"))
            for signal in EngineProfile.vllm.numbers where signal.name != "requestsFinishedTotal" {
                let value = cut.models.first?[keyPath: signal.field]
                #expect(value == nil || value == whole[keyPath: signal.field], "\(signal.name) at \(length)")
            }
        }
    }
}
