import FoundationEssentials
import TestSupport
import Testing

@testable import vllm_sim

/// Comparisons with what vLLM 0.32.0 really sent.
struct CaptureTests {
    /// Families that the stand-in leaves out.
    private static func isLeftOut(_ family: String) -> Bool {
        family.hasPrefix("python_") || family.hasPrefix("process_") && family != "process_start_time_seconds"
    }

    private static func page(after engine: EngineScheduler, http: HTTPStatistics) -> String {
        MetricsPage(
            modelName: "tiny-llama", created: 1_795_225_142.5, processStarted: 1_795_225_103, settings: engine.settings,
            gpuBlocksOverridden: false
        ).text(engine.statistics, engine.gauges, http: http)
    }

    /// The engine of the captures: four slots, 8192 blocks of 128 tokens.
    private static var engine: EngineScheduler {
        EngineScheduler(.init(maxSequences: 4, maxModelLength: 2048, gpuBlocks: 8192, blockSize: 128))
    }

    @Test func anIdlePageHasTheFamiliesSeriesAndNumbersOfTheCapture() throws {
        let capture = try Exposition(SharedFixtures.ownBytes("vllm/0.32.0/metrics-idle.prom"))
        let page = Exposition(Self.page(after: Self.engine, http: HTTPStatistics()))
        expectSameShape(page, capture)
        let moving = capture.values.filter { name, _ in
            !name.contains("_created") && !name.contains("process_") && !name.contains("python_")
        }
        for (series, value) in moving { #expect(page.values[series] == value, "\(series)") }
    }

    @Test func aBusyPageHasTheFamiliesAndSeriesOfTheCapture() throws {
        let capture = try Exposition(SharedFixtures.ownBytes("vllm/0.32.0/metrics-load-running4-waiting2.prom"))
        var engine = Self.engine
        for id in 1...6 {
            engine.submit(id, .init(promptTokens: 47, outputTokens: 900, maxTokens: 900, ending: .length), at: .zero)
        }
        _ = engine.advance(to: .seconds(1))
        var http = HTTPStatistics()
        for (path, method, status) in [
            ("/v1/models", "GET", 200), ("none", "GET", 404), ("/v1/chat/completions", "POST", 200),
            ("/v1/completions", "POST", 200), ("/v1/completions", "POST", 400), ("/v1/chat/completions", "POST", 404),
        ] {
            http.record(
                path: path, method: method, status: status, requestBytes: 10, responseBytes: 20, took: .seconds(1))
        }
        let page = Exposition(Self.page(after: engine, http: http))
        expectSameShape(page, capture)
        for gauge in ["num_requests_running", "num_requests_waiting"] {
            let series = "vllm:\(gauge){engine=\"0\",model_name=\"tiny-llama\"}"
            #expect(page.values[series] == capture.values[series])
        }
    }

    private func expectSameShape(_ page: Exposition, _ capture: Exposition) {
        let families = capture.families.filter { !Self.isLeftOut($0.name) }
        #expect(page.families.map(\.name) == families.map(\.name))
        #expect(page.families == families)
        let series = capture.order.filter { !Self.isLeftOut(String($0.prefix { $0 != "{" && $0 != " " })) }
        #expect(page.order == series)
    }

    @Test(arguments: [
        (3.0, "3.0"), (0.0, "0.0"), (2_366_238_720, "2.36623872e+09"), (1_000_000, "1e+06"), (999_999, "999999.0"),
        (1_795_225_142.4673114, "1.7952251424673114e+09"), (0.004883408619216212, "0.004883408619216212"),
    ])
    func numbersLookLikePython(value: Double, text: String) {
        #expect(MetricsText.number(value) == text)
    }

    @Test(
        .enabled(if: SharedFixtures.available, "needs ../shared"),
        arguments: [
            ("error-404-model.json", APIError.unknownModel("no-such-model", aliases: ["tiny-llama"])),
            ("error-400-json.json", .invalidJSON(offset: 34)), ("error-400-too-long.json", .promptTooLong(limit: 2048)),
        ])
    func errors(file: String, error: APIError) throws {
        #expect(try Array(error.body.utf8) == SharedFixtures.bytes("fixtures/vllm/0.32.0/\(file)"))
    }

    @Test(.enabled(if: SharedFixtures.available, "needs ../shared"), arguments: ["completion.json", "chat.json"])
    func bodiesHaveTheKeysOfTheCapture(file: String) throws {
        let capture = try String(decoding: SharedFixtures.bytes("fixtures/vllm/0.32.0/\(file)"), as: UTF8.self)
        let reply = GenerationReply(
            file == "chat.json" ? .chat : .completions, model: "tiny-llama", promptTokens: 14, includeUsage: false,
            created: 1)
        let body = reply.body(tokens: 3, reason: .length)
        // The capture ran with --enable-prompt-tokens-details.
        let details = ["cached_tokens", "created_cache_tokens", "multimodal_tokens"]
        #expect(keys(body) == keys(capture).filter { !details.contains($0) })
    }

    @Test(.enabled(if: SharedFixtures.available, "needs ../shared"))
    func streamedChatsHaveTheEventsOfTheCapture() throws {
        let capture = try String(decoding: SharedFixtures.bytes("fixtures/vllm/0.32.0/chat-stream.sse"), as: UTF8.self)
        let events = capture.split(separator: "\n\n").map(String.init)
        let reply = GenerationReply(.chat, model: "tiny-llama", promptTokens: 14, includeUsage: true, created: 1)
        let last = events[events.count - 3]
        #expect(keys(reply.preamble) == keys(events[0]))
        #expect(keys(reply.chunk(token: 0, reason: nil)) == keys(events[1]))
        #expect(keys(reply.chunk(token: 1, reason: .length)) == keys(last))
        #expect(reply.postamble(tokens: 24).hasSuffix("\n\n" + events[events.count - 1] + "\n\n"))
        #expect(
            reply.postamble(tokens: 24).contains(
                #""usage":{"prompt_tokens":14,"total_tokens":38,"completion_tokens":24"#))
    }

    @Test(.enabled(if: SharedFixtures.available, "needs ../shared"))
    func theStreamOfAnAbortedCompletionEndsLikeTheCapture() throws {
        let capture = try String(
            decoding: SharedFixtures.bytes("fixtures/vllm/0.32.0/sigterm-abort-response-0.http"), as: UTF8.self)
        let events = capture.split(separator: "\r\n").filter { $0.hasPrefix("data: {") }.map(String.init)
        let reply = GenerationReply(.completions, model: "tiny-llama", promptTokens: 9, includeUsage: false, created: 1)
        let last = try #require(events.last)
        #expect(last.contains(#""finish_reason":"abort""#))
        #expect(keys(reply.chunk(token: nil, reason: .abort)) == keys(last))
        #expect(keys(reply.chunk(token: 0, reason: nil)) == keys(events[0]))
    }

    /// The keys of a JSON text in their order.
    private func keys(_ json: String) -> [String] {
        json.matches(of: /"([a-z_]+)":/).map { String($0.1) }
    }
}

/// A plain reading of the text format, good enough for well-formed pages.
private struct Exposition {
    struct Family: Equatable {
        var name: String
        var help: String
        var type: String
    }

    var families: [Family] = []
    /// Series in their order; the labels of the configuration are values of their own and left out.
    var order: [String] = []
    var values: [String: String] = [:]

    init(_ bytes: [UInt8]) {
        self.init(String(decoding: bytes, as: UTF8.self))
    }

    init(_ text: String) {
        for line in text.split(separator: "\n") {
            if line.hasPrefix("# HELP ") {
                let parts = line.dropFirst(7).split(separator: " ", maxSplits: 1)
                families.append(Family(name: String(parts[0]), help: String(parts[1]), type: ""))
            } else if line.hasPrefix("# TYPE ") {
                families[families.count - 1].type = String(line.split(separator: " ")[3])
            } else if let space = line.lastIndex(of: " ") {
                let series = String(line[..<space])
                order.append(series)
                values[series] = String(line[line.index(after: space)...])
            }
        }
    }
}
