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

        /// Where it ends, as a part of the whole boot.
        var end: Double { Self.allCases.prefix { $0 != self }.reduce(share) { $0 + $1.share } }
    }

    enum Ending: Equatable, Sendable { case ready, failed, stuck }

    private(set) var lines: [Line]
    /// When the boot is over, for better or worse; a stuck one never is.
    private(set) var duration: Duration
    let ending: Ending

    /// - Parameter total: from exec until ready. A boot that fails or gets stuck does so while loading weights.
    init(model: String, port: Int, settings: EngineScheduler.Settings, total: Duration, ending: Ending = .ready) {
        lines = Self.script(model, port, settings, total).map { phase, process, source, message in
            Line(at: total * phase.end, process: process, source: source, message: message)
        }
        duration = total
        self.ending = ending
        guard ending != .ready else { return }
        let midway = total * ((Phase.engine.end + Phase.weights.end) / 2)
        lines.removeAll { $0.at > midway }
        duration = midway
        guard ending == .failed else { return }
        for (process, source, message) in [
            (ServerLog.Process.engineCore, "core.py:1246", "EngineCore failed to start."),
            (
                .apiServer, "core_client.py:612",
                "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}"
            ),
        ] {
            lines.append(Line(at: midway, process: process, level: .error, source: source, message: message))
        }
    }

    /// Each line at the end of a phase.
    private static func script(
        _ model: String, _ port: Int, _ settings: EngineScheduler.Settings, _ total: Duration
    ) -> [(Phase, ServerLog.Process, String, String)] {
        func took(_ phase: Phase) -> String { decimals((total * phase.share).inSeconds) }
        let length = settings.maxModelLength
        let tokens = settings.gpuBlocks * settings.blockSize
        let banner = [
            "", "       █     █     █▄   ▄█", " ▄▄ ▄█ █     █     █ ▀▄▀ █  version 0.32.0",
            "  █▄█▀ █     █     █     █  model   \(model)", "   ▀▀  ▀▀▀▀▀ ▀▀▀▀▀ ▀     ▀", "",
        ]
        let arguments = """
            {'model_tag': '\(model)', 'port': \(port), 'model': '\(model)', 'max_model_len': \(length), \
            'served_model_name': ['\(model)'], 'max_num_seqs': \(settings.maxSequences)}
            """
        let size = """
            \(grouped(tokens)) tokens, Maximum concurrency for \(grouped(length)) tokens per request: \
            \(decimals(Double(tokens) / Double(length)))x
            """
        let graphs = "\(Int((total * Phase.graphs.share).inSeconds.rounded())) secs, took 0.55 GiB"
        let engine = decimals((total * (Phase.graphs.end - Phase.engine.end)).inSeconds)
        return banner.map { (.imports, .apiServer, "api_utils.py:347", $0) } + [
            (.imports, .apiServer, "api_utils.py:286", "non-default args: \(arguments)"),
            (.config, .apiServer, "model.py:733", "Resolved architecture: LlamaForCausalLM"),
            (.config, .apiServer, "model.py:2152", "Using max model len \(length)"),
            (
                .engine, .engineCore, "core.py:133",
                "Initializing a V1 LLM engine (v0.32.0) with config: model='\(model)', max_seq_len=\(length), "
                    + "tensor_parallel_size=1"
            ),
            (.engine, .engineCore, "gpu_model_runner.py:3552", "Starting to load model..."),
            (.weights, .engineCore, "default_loader.py:501", "Loading weights took \(took(.weights)) seconds"),
            (
                .weights, .engineCore, "gpu_model_runner.py:3653",
                "Model loading took 14.99 GiB memory and \(took(.weights)) seconds"
            ),
            (
                .weights, .engineCore, "backends.py:1003",
                "Using cache directory: ~/.cache/vllm/torch_compile_cache"
            ),
            (.compile, .engineCore, "monitor.py:53", "torch.compile took \(took(.compile)) s in total"),
            (.compile, .engineCore, "gpu_worker.py:354", "Available KV cache memory: 1.0 GiB"),
            (.compile, .engineCore, "kv_cache_utils.py:2327", "GPU KV cache size: \(size)"),
            (
                .compile, .engineCore, "gpu_model_runner.py:4490",
                "Capturing CUDA graphs (mixed prefill-decode, PIECEWISE)"
            ),
            (.graphs, .engineCore, "gpu_model_runner.py:4587", "Graph capturing finished in \(graphs)"),
            (
                .graphs, .engineCore, "core.py:402",
                "init engine (profile, create kv cache, warmup model) took \(engine) s"
            ),
            (.graphs, .apiServer, "entry.py:136", "Supported tasks: ['generate']"),
        ]
    }
}

/// A number with two decimals.
private func decimals(_ value: Double) -> String {
    let (whole, rest) = Int((value * 100).rounded()).quotientAndRemainder(dividingBy: 100)
    return "\(whole).\(rest < 10 ? "0" : "")\(rest)"
}

/// A number with thousands separated by commas.
private func grouped(_ number: Int) -> String {
    guard number >= 1000 else { return "\(number)" }
    return grouped(number / 1000) + "," + String("\(1000 + number % 1000)".dropFirst())
}
