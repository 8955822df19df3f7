import Testing

@testable import vllm_sim

struct BootScriptTests {
    private func script(_ total: Duration, _ ending: BootScript.Ending = .ready) -> BootScript {
        BootScript(
            model: "m", port: 8000, settings: .init(maxModelLength: 2048, gpuBlocks: 8192, blockSize: 128),
            total: total, ending: ending)
    }

    @Test func phasesFillTheBoot() {
        #expect(BootScript.Phase.allCases.map(\.share).reduce(0, +).isClose(to: 1))
    }

    @Test(arguments: [Duration.zero, .seconds(1), .seconds(61.3), .seconds(600)])
    func linesComeInOrderAndWithinTheBoot(total: Duration) {
        let script = script(total)
        #expect(script.duration == total)
        #expect(script.lines.map(\.at) == script.lines.map(\.at).sorted())
        #expect(script.lines.allSatisfy { $0.at >= .zero && $0.at <= total })
    }

    @Test func aLongerBootSpeaksOfLongerPhases() {
        func messages(_ seconds: Int) -> [String] { script(.seconds(seconds)).lines.map(\.message) }
        #expect(messages(100).contains("Loading weights took 25.00 seconds"))
        #expect(messages(10).contains("Loading weights took 2.50 seconds"))
        #expect(messages(100).contains("torch.compile took 25.00 s in total"))
        #expect(messages(100).contains("Graph capturing finished in 12 secs, took 0.55 GiB"))
        #expect(messages(100).contains("init engine (profile, create kv cache, warmup model) took 62.00 s"))
        #expect(
            messages(100).contains(
                "GPU KV cache size: 1,048,576 tokens, Maximum concurrency for 2,048 tokens per request: 512.00x"))
    }

    @Test(arguments: [BootScript.Ending.failed, .stuck])
    func anUnhappyBootEndsWhileLoadingWeights(ending: BootScript.Ending) {
        let script = script(.seconds(100), ending)
        let messages = script.lines.map(\.message)
        #expect(messages.contains("Starting to load model..."))
        #expect(!messages.contains { $0.hasPrefix("Loading weights") })
        #expect(messages.contains("EngineCore failed to start.") == (ending == .failed))
        #expect(script.duration > .seconds(35) && script.duration < .seconds(60))
    }
}
