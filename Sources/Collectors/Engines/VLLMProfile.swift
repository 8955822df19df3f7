import Exposition
import Fleet

extension EngineProfile {
    /// vLLM from 0.8.5 to 0.32.0, both engines (V0 and V1).
    ///
    /// V1 creates its series with zeros at the start; V0 shows gauges from the first request on and histograms from
    /// their first observation, so that an idle V0 says nothing about `running` and `waiting`.
    package static let vllm = EngineProfile(
        engine: "vllm",
        hint: "no vllm: series; --disable-log-stats takes them away",
        modelLabel: "model_name",
        engineLabel: "engine",
        numbers: [
            gauge("running", \.running, [SignalSource("vllm:num_requests_running")]),
            gauge("waiting", \.waiting, [SignalSource("vllm:num_requests_waiting")]),
            gauge(
                "waitingForCapacity", \.waitingForCapacity,
                [
                    SignalSource("vllm:num_requests_waiting_by_reason", label: MetricLabel("reason", "capacity"))
                ]),
            gauge(
                "kvCacheUsage", \.kvCacheUsage,
                [SignalSource("vllm:kv_cache_usage_perc"), SignalSource("vllm:gpu_cache_usage_perc")]),
            counter("promptTokensTotal", \.promptTokensTotal, SignalSource("vllm:prompt_tokens_total")),
            counter("generationTokensTotal", \.generationTokensTotal, SignalSource("vllm:generation_tokens_total")),
            counter("preemptionsTotal", \.preemptionsTotal, SignalSource("vllm:num_preemptions_total")),
            counter("requestsFinishedTotal", \.requestsFinishedTotal, SignalSource("vllm:request_success_total")),
            // A histogram of tokens per step, despite its name.
            counter(
                "iterationsTotal", \.iterationsTotal, SignalSource("vllm:iteration_tokens_total", suffix: "_count")),
        ],
        histograms: [
            HistogramSignal(
                name: "timeToFirstToken", field: \.timeToFirstToken, families: ["vllm:time_to_first_token_seconds"]),
            HistogramSignal(
                name: "interTokenLatency", field: \.interTokenLatency,
                families: ["vllm:inter_token_latency_seconds", "vllm:time_per_output_token_seconds"]),
        ],
        sleep: SleepSignal(
            name: "sleeping",
            source: SignalSource("vllm:engine_sleep_state", label: MetricLabel("sleep_state", "awake"))),
        // With data parallelism `num_gpu_blocks` is the sum over all engine cores, the size in tokens that of one.
        cache: CacheSignal(
            name: "kvCacheTokens", family: "vllm:cache_config_info", tokens: "kv_cache_size_tokens",
            blocks: "num_gpu_blocks", blockSize: "block_size"))

    private static func gauge(
        _ name: String, _ field: any WritableKeyPath<ModelSample, Double?> & Sendable, _ sources: [SignalSource]
    ) -> NumberSignal {
        NumberSignal(name: name, field: field, fold: .maximum, sources: sources)
    }

    private static func counter(
        _ name: String, _ field: any WritableKeyPath<ModelSample, Double?> & Sendable, _ source: SignalSource
    ) -> NumberSignal {
        NumberSignal(name: name, field: field, fold: .sum, sources: [source])
    }
}
