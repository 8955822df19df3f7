/// What a starting vLLM prints and when, as a pure function of how long the boot shall take.
struct BootScript: Equatable, Sendable {
    struct Line: Equatable, Sendable {
        /// Since exec.
        var at: Duration
        var process: ServerLog.Process
        var level = ServerLog.Level.info
        var source: String
        var message: String
    }

    enum Phase: CaseIterable {
        case imports, config, engine, weights, compile, graphs, ready

        /// Part of the whole boot, after a cold start of a GPU server with a small model.
        var share: Double {
            switch self {
            case .imports: 0.15
            case .config: 0.11
            case .engine: 0.09
            case .weights: 0.25
            case .compile: 0.25
            case .graphs: 0.12
            case .ready: 0.03
            }
        }
    }

    enum Ending: Equatable, Sendable { case ready, failed, stuck }

    var lines: [Line]
    /// When the boot is over, for better or worse; a stuck one never is.
    var duration: Duration
    var ending: Ending

    struct Facts: Sendable {
        var model: String
        var port: Int
        var maxSequences: Int
        var maxModelLength: Int
        var kvCacheTokens: Int
    }

    /// - Parameter total: from exec until ready. A boot that fails or gets stuck does so while loading weights.
    init(_ facts: Facts, total: Duration, ending: Ending = .ready) {
        var ends: [Phase: Duration] = [:]
        var share = 0.0
        for phase in Phase.allCases {
            share += phase.share
            ends[phase] = total * share
        }
        func end(_ phase: Phase) -> Duration { ends[phase] ?? total }
        func took(_ phase: Phase) -> String { decimals((total * phase.share).inSeconds, 2) }

        lines =
            Self.preparation(facts, end(.imports), end(.config), end(.engine))
            + Self.loading(end(.engine), end(.weights), took(.weights))
            + Self.warmUp(
                facts, compile: (end(.weights), end(.compile), took(.compile)),
                graphs: (end(.graphs), "\(Int((total * Phase.graphs.share).inSeconds.rounded()))"),
                engine: decimals((end(.graphs) - end(.engine)).inSeconds, 2))
        lines.append(
            Line(
                at: end(.graphs), process: .apiServer, source: "entry.py:136",
                message: "Supported tasks: ['generate']"))
        duration = total
        self.ending = ending
        if ending != .ready {
            let midway = (end(.engine) + end(.weights)) / 2
            lines.removeAll { $0.at > midway }
            duration = midway
            if ending == .failed { lines += Self.failure(midway) }
        }
    }

    private static func preparation(
        _ facts: Facts, _ imported: Duration, _ configured: Duration, _ engine: Duration
    ) -> [Line] {
        let banner = [
            "", "       █     █     █▄   ▄█", " ▄▄ ▄█ █     █     █ ▀▄▀ █  version 0.32.0",
            "  █▄█▀ █     █     █     █  model   \(facts.model)", "   ▀▀  ▀▀▀▀▀ ▀▀▀▀▀ ▀     ▀", "",
        ].map { Line(at: imported, process: .apiServer, source: "api_utils.py:347", message: $0) }
        return banner + [
            Line(
                at: imported, process: .apiServer, source: "api_utils.py:286",
                message: "non-default args: {'model_tag': '\(facts.model)', 'port': \(facts.port), "
                    + "'model': '\(facts.model)', 'max_model_len': \(facts.maxModelLength), "
                    + "'served_model_name': ['\(facts.model)'], 'max_num_seqs': \(facts.maxSequences)}"),
            Line(
                at: configured, process: .apiServer, source: "model.py:733",
                message: "Resolved architecture: LlamaForCausalLM"),
            Line(
                at: configured, process: .apiServer, source: "model.py:2152",
                message: "Using max model len \(facts.maxModelLength)"),
            Line(
                at: engine, process: .engineCore, source: "core.py:133",
                message: "Initializing a V1 LLM engine (v0.32.0) with config: model='\(facts.model)', "
                    + "max_seq_len=\(facts.maxModelLength), tensor_parallel_size=1"),
        ]
    }

    private static func loading(_ start: Duration, _ end: Duration, _ took: String) -> [Line] {
        [
            Line(
                at: start, process: .engineCore, source: "gpu_model_runner.py:3552",
                message: "Starting to load model..."),
            Line(
                at: end, process: .engineCore, source: "default_loader.py:501",
                message: "Loading weights took \(took) seconds"),
            Line(
                at: end, process: .engineCore, source: "gpu_model_runner.py:3653",
                message: "Model loading took 14.99 GiB memory and \(took) seconds"),
        ]
    }

    private static func warmUp(
        _ facts: Facts, compile: (start: Duration, end: Duration, took: String), graphs: (end: Duration, took: String),
        engine: String
    ) -> [Line] {
        let tokens = grouped(facts.kvCacheTokens)
        let concurrency = decimals(Double(facts.kvCacheTokens) / Double(facts.maxModelLength), 2)
        return [
            Line(
                at: compile.start, process: .engineCore, source: "backends.py:1003",
                message: "Using cache directory: ~/.cache/vllm/torch_compile_cache"),
            Line(
                at: compile.end, process: .engineCore, source: "monitor.py:53",
                message: "torch.compile took \(compile.took) s in total"),
            Line(
                at: compile.end, process: .engineCore, source: "gpu_worker.py:354",
                message: "Available KV cache memory: 1.0 GiB"),
            Line(
                at: compile.end, process: .engineCore, source: "kv_cache_utils.py:2327",
                message: "GPU KV cache size: \(tokens) tokens, Maximum concurrency for "
                    + "\(grouped(facts.maxModelLength)) tokens per request: \(concurrency)x"),
            Line(
                at: compile.end, process: .engineCore, source: "gpu_model_runner.py:4490",
                message: "Capturing CUDA graphs (mixed prefill-decode, PIECEWISE)"),
            Line(
                at: graphs.end, process: .engineCore, source: "gpu_model_runner.py:4587",
                message: "Graph capturing finished in \(graphs.took) secs, took 0.55 GiB"),
            Line(
                at: graphs.end, process: .engineCore, source: "core.py:402",
                message: "init engine (profile, create kv cache, warmup model) took \(engine) s"),
        ]
    }

    private static func failure(_ at: Duration) -> [Line] {
        [
            Line(
                at: at, process: .engineCore, level: .error, source: "core.py:1246",
                message: "EngineCore failed to start."),
            Line(
                at: at, process: .apiServer, level: .error, source: "core_client.py:612",
                message: "RuntimeError: Engine core initialization failed. See root cause above. "
                    + "Failed core proc(s): {}"),
        ]
    }
}

/// A number with a fixed count of decimals, as `%.2f` prints it.
private func decimals(_ value: Double, _ places: Int) -> String {
    var scale = 1
    for _ in 0..<places { scale *= 10 }
    let scaled = Int((value * Double(scale)).rounded())
    let fraction = String(scaled % scale)
    return "\(scaled / scale)." + String(repeating: "0", count: places - fraction.count) + fraction
}

/// A number with thousands separated by commas.
private func grouped(_ number: Int) -> String {
    let digits = Array(String(number))
    return digits.indices.reduce(into: "") { text, index in
        if index > 0, (digits.count - index) % 3 == 0 { text.append(",") }
        text.append(digits[index])
    }
}
