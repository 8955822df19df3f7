import Exposition

extension EngineProfile {
    /// vLLM from 0.8.5 to 0.32.0, both engines (V0 and V1).
    ///
    /// V1 creates its series with zeros at the start; V0 shows gauges from the first request on and histograms from
    /// their first observation, so that an idle V0 says nothing about `running` and `waiting`.
    ///
    /// Names: vllm-project/vllm, vllm/v1/metrics/loggers.py and vllm/engine/metrics.py.
    package static let vllm = EngineProfile(
        engine: "vllm", hint: "no vllm: series; --disable-log-stats takes them away",
        // In the development mode of versions before 0.11.2, which have no such series.
        sleepPath: "/is_sleeping", modelLabel: "model_name", engineLabel: "engine",
        numbers: [
            .running("vllm:num_requests_running"),
            .waiting("vllm:num_requests_waiting"),
            .waitingForCapacity(
                SignalSource("vllm:num_requests_waiting_by_reason", label: MetricLabel("reason", "capacity"))),
            .kvCacheUsage("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"),
            .promptTokens("vllm:prompt_tokens_total"),
            .generationTokens("vllm:generation_tokens_total"),
            .preemptions("vllm:num_preemptions_total"),
            .requestsFinished("vllm:request_success_total"),
            // A histogram of tokens per step, despite its name.
            .iterations(SignalSource("vllm:iteration_tokens_total", suffix: "_count")),
        ],
        histograms: [
            .timeToFirstToken("vllm:time_to_first_token_seconds"),
            .interTokenLatency("vllm:inter_token_latency_seconds", "vllm:time_per_output_token_seconds"),
        ],
        sleep: SleepSignal(
            name: "sleeping",
            source: SignalSource("vllm:engine_sleep_state", label: MetricLabel("sleep_state", "awake"))),
        // With data parallelism `num_gpu_blocks` is the sum over all engine cores, the size in tokens that of one.
        cache: CacheSignal(
            name: "kvCacheTokens", family: "vllm:cache_config_info", tokens: "kv_cache_size_tokens",
            blocks: "num_gpu_blocks", blockSize: "block_size"))
}
