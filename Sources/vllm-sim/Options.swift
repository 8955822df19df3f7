import ArgumentParser

struct ServingOptions: ParsableArguments {
    @Option(help: "Address to listen on.")
    var host = "127.0.0.1"

    @Option(help: "Port to listen on; 0 takes a free one, which the log then names.")
    var port = 8000

    @Option(
        name: .customLong("served-model-name"), parsing: .upToNextOption,
        help: "Names of the model; the first one labels the metrics.")
    var modelNames = ["llama-sim"]

    @Flag(help: "Leave when the parent process is gone (checked every 0.5 s).")
    var exitWithParent = false

    func validate() throws {
        guard (0...65535).contains(port) else { throw ValidationError("--port must be 0 to 65535, got \(port).") }
        guard !modelNames.isEmpty else { throw ValidationError("--served-model-name needs at least one name.") }
    }
}

struct EngineOptions: ParsableArguments {
    @Option(help: "Requests that run at once.")
    var maxNumSeqs = 8

    @Option(help: "Requests in flight, running and queued, beyond which new ones get 503.")
    var maxNumQueuedReqs = 10_000

    @Option(help: "Tokens of one engine step; longer prompts are prefilled in chunks.")
    var maxNumBatchedTokens = 2048

    @Option(help: "Context length in tokens.")
    var maxModelLen = 8192

    @Option(help: "Prompt tokens per second of the engine.")
    var prefillTokensPerSecond = 8000.0

    @Option(help: "Decoded tokens per second of each sequence.")
    var decodeTokensPerSecond = 50.0

    @Option(help: "KV-cache blocks. (default: 8192)")
    var numGpuBlocks: Int?

    @Option(help: "Tokens per KV-cache block.")
    var blockSize = 16

    @Option(help: "Grain of token delivery, in milliseconds.")
    var tick = 10.0

    func validate() throws {
        for (value, name) in [
            (maxNumSeqs, "--max-num-seqs"), (maxNumQueuedReqs, "--max-num-queued-reqs"),
            (maxNumBatchedTokens, "--max-num-batched-tokens"), (maxModelLen, "--max-model-len"),
            (blockSize, "--block-size"),
        ] where value < 1 {
            throw ValidationError("\(name) must be at least 1, got \(value).")
        }
        for (value, name) in [
            (prefillTokensPerSecond, "--prefill-tokens-per-second"),
            (decodeTokensPerSecond, "--decode-tokens-per-second"), (tick, "--tick"),
        ] where !(value > 0 && value.isFinite) {
            throw ValidationError("\(name) must be above 0, got \(value).")
        }
        let (cache, overflow) = ((numGpuBlocks ?? 8192) - 1).multipliedReportingOverflow(by: blockSize)
        guard !overflow, cache >= maxModelLen else {
            throw ValidationError(
                "A request of --max-model-len \(maxModelLen) tokens does not fit into the KV cache of \(cache) tokens; "
                    + "raise --num-gpu-blocks or lower --max-model-len.")
        }
    }

    var settings: EngineScheduler.Settings {
        EngineScheduler.Settings(
            maxSequences: maxNumSeqs, maxBatchedTokens: maxNumBatchedTokens, maxModelLength: maxModelLen,
            prefillTokensPerSecond: prefillTokensPerSecond, decodeTokensPerSecond: decodeTokensPerSecond,
            gpuBlocks: numGpuBlocks ?? 8192, blockSize: blockSize)
    }
}

struct ScenarioOptions: ParsableArguments {
    @Option(help: "Seconds from start until ready; until then connections are refused.")
    var bootTime = 10.0

    @Option(help: "Share by which the boot time varies at random, 0 to 1.")
    var bootJitter = 0.0

    @Flag(help: "Fail while loading weights, with exit code 1.")
    var failBoot = false

    @Flag(help: "Hang while loading weights, for ever.")
    var stuckBoot = false

    @Option(help: "Seconds that requests in flight may take after SIGTERM; 0 aborts them at once.")
    var shutdownTimeout = 0.0

    @Flag(help: "Ignore SIGTERM and SIGINT, as old versions do with requests in flight.")
    var hangOnSigterm = false

    @Option(help: "Seconds after ready at which the engine dies under the API server.")
    var engineDeathAfter: Double?

    @Flag(help: "Keep serving after the death of the engine: /health says 503, the metrics are frozen.")
    var keepAliveOnEngineDeath = false

    func validate() throws {
        for (value, name) in [
            (bootTime, "--boot-time"), (shutdownTimeout, "--shutdown-timeout"),
            (engineDeathAfter ?? 0, "--engine-death-after"),
        ] where !(0...1e9).contains(value) {
            throw ValidationError("\(name) must be 0 to 1e9, got \(value).")
        }
        guard (0...1).contains(bootJitter) else {
            throw ValidationError("--boot-jitter must be 0 to 1, got \(bootJitter).")
        }
        guard !(failBoot && stuckBoot) else {
            throw ValidationError("--fail-boot and --stuck-boot exclude each other.")
        }
    }
}
