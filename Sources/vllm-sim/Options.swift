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

    @Option(help: "Guard /v1 with this bearer token.")
    var apiKey: String?

    @Flag(help: "Serve /sleep, /wake_up and /is_sleeping.")
    var devMode = false

    @Flag(help: "Let /load count; otherwise it says 0.")
    var enableServerLoadTracking = false

    @Flag(help: "Leave when the parent process is gone (checked every 0.5 s).")
    var exitWithParent = false

    @Option(help: "Multiplier of boot, prefill and decode speed.")
    var speed = 1.0

    func validate() throws {
        guard (0...65535).contains(port) else { throw ValidationError("--port must be 0 to 65535, got \(port).") }
        guard !modelNames.isEmpty else { throw ValidationError("--served-model-name needs at least one name.") }
        try requirePositive(speed, "--speed")
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

    @Option(help: "Decoded tokens per second of a sequence that runs alone.")
    var decodeTokensPerSecond = 50.0

    @Option(help: "Share by which each further running sequence lengthens a decode step, such as 0.02.")
    var decodeSlowdown = 0.0

    @Option(help: "Tokens that a chat without max_tokens generates before it stops.")
    var naturalTokens = 128

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
            (naturalTokens, "--natural-tokens"), (blockSize, "--block-size"),
        ] where value < 1 {
            throw ValidationError("\(name) must be at least 1, got \(value).")
        }
        try requirePositive(prefillTokensPerSecond, "--prefill-tokens-per-second")
        try requirePositive(decodeTokensPerSecond, "--decode-tokens-per-second")
        try requirePositive(tick, "--tick")
        try requireSpan(decodeSlowdown, "--decode-slowdown")
        let (cache, overflow) = ((numGpuBlocks ?? 8192) - 1).multipliedReportingOverflow(by: blockSize)
        guard !overflow, cache >= maxModelLen else {
            throw ValidationError(
                "A request of --max-model-len \(maxModelLen) tokens does not fit into the KV cache of \(cache) tokens; "
                    + "raise --num-gpu-blocks or lower --max-model-len.")
        }
    }

    func settings(speed: Double, staleGauges: Bool) -> EngineScheduler.Settings {
        EngineScheduler.Settings(
            maxSequences: maxNumSeqs, maxBatchedTokens: maxNumBatchedTokens, maxModelLength: maxModelLen,
            prefillTokensPerSecond: prefillTokensPerSecond * speed,
            decodeTokensPerSecond: decodeTokensPerSecond * speed, decodeSlowdown: decodeSlowdown,
            gpuBlocks: numGpuBlocks ?? 8192, blockSize: blockSize, staleGauges: staleGauges)
    }
}

struct BootOptions: ParsableArguments {
    @Option(help: "Seconds from start until ready; until then connections are refused.")
    var bootTime = 10.0

    @Option(help: "Share by which the boot time varies at random, 0 to 1.")
    var bootJitter = 0.0

    @Option(help: "Seed of the boot jitter. (default: random)")
    var seed: UInt64?

    @Flag(help: "Fail while loading weights, with exit code 1.")
    var failBoot = false

    @Flag(help: "Hang while loading weights, for ever.")
    var stuckBoot = false

    func validate() throws {
        try requireSpan(bootTime, "--boot-time")
        guard (0...1).contains(bootJitter) else {
            throw ValidationError("--boot-jitter must be 0 to 1, got \(bootJitter).")
        }
        guard !(failBoot && stuckBoot) else {
            throw ValidationError("--fail-boot and --stuck-boot exclude each other.")
        }
    }

    /// From exec until ready.
    func total(speed: Double) -> Duration {
        var random = SplitMix64(state: seed ?? UInt64.random(in: 0...UInt64.max))
        let factor = 1 + bootJitter * Double.random(in: -1...1, using: &random)
        return .seconds(bootTime * factor / speed)
    }
}

struct ScenarioOptions: ParsableArguments {
    @Option(help: "Seconds that requests in flight may take after SIGTERM; 0 aborts them at once.")
    var shutdownTimeout = 0.0

    @Flag(help: "Ignore SIGTERM and SIGINT, as old versions do with requests in flight.")
    var hangOnSigterm = false

    @Option(help: "Seconds after ready at which the engine dies under the API server.")
    var engineDeathAfter: Double?

    @Flag(help: "Keep serving after the death of the engine: /health says 503, the metrics are frozen.")
    var keepAliveOnEngineDeath = false

    @Option(help: "Seconds after ready at which the whole process is gone at once.")
    var dieAfter: Double?

    @Flag(help: "Keep the gauges when clients disconnect, until the next request (the bug of 0.10.0).")
    var staleGauges = false

    @Option(help: "Seconds by which every answer of /metrics is late.")
    var slowMetrics = 0.0

    func validate() throws {
        try requireSpan(shutdownTimeout, "--shutdown-timeout")
        try requireSpan(engineDeathAfter ?? 0, "--engine-death-after")
        try requireSpan(dieAfter ?? 0, "--die-after")
        try requireSpan(slowMetrics, "--slow-metrics")
    }
}

private func requirePositive(_ value: Double, _ name: String) throws {
    guard value > 0, value.isFinite else { throw ValidationError("\(name) must be above 0, got \(value).") }
}

/// A number that may be 0; the upper bound keeps arithmetic on spans away from overflow.
private func requireSpan(_ value: Double, _ name: String) throws {
    guard (0...1e9).contains(value) else { throw ValidationError("\(name) must be 0 to 1e9, got \(value).") }
}

/// Vigna's SplitMix64: enough for jitter, and the same everywhere.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
