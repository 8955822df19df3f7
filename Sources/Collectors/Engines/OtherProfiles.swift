import Exposition

extension EngineProfile {
    /// SGLang with `--enable-metrics`.
    ///
    /// Ranks of one replica say the same, and so does the row with an empty `priority` that is the total of the others:
    /// the largest counts. Tokens are counted when a request ends, so they are no sign of work.
    ///
    /// Names: sgl-project/sglang, python/sglang/srt/observability/metrics_collector.py (before: metrics/collector.py).
    package static let sglang = EngineProfile(
        engine: "sglang", hint: "no sglang: series; --enable-metrics brings them", modelLabel: "model_name",
        engineLabel: "dp_rank",
        numbers: [
            .running("sglang:num_running_reqs"),
            .waiting("sglang:num_queue_reqs"),
            .kvCacheUsage("sglang:token_usage"),
            .kvCacheTokens("sglang:max_total_num_tokens"),
            .promptTokens("sglang:prompt_tokens_total"),
            .generationTokens("sglang:generation_tokens_total"),
            .preemptions("sglang:num_retracted_requests_total"),
            .requestsFinished("sglang:num_requests_total"),
        ],
        histograms: [
            .timeToFirstToken("sglang:time_to_first_token_seconds"),
            .interTokenLatency("sglang:inter_token_latency_seconds", "sglang:time_per_output_token_seconds"),
        ])

    /// Text Generation Inference. It says nothing of its KV cache, of first tokens and of the model.
    ///
    /// Names: huggingface/text-generation-inference, router/src/server.rs and backends/v3/src/backend.rs.
    package static let tgi = EngineProfile(
        engine: "tgi", hint: "no tgi_ series", modelsPath: "/v1/models",
        numbers: [
            .running("tgi_batch_current_size"),
            .waiting("tgi_queue_size"),
            .promptTokens(SignalSource("tgi_request_input_length", suffix: "_sum")),
            .generationTokens(SignalSource("tgi_request_generated_tokens", suffix: "_sum")),
            .requestsFinished("tgi_request_success"),
            .iterations("tgi_batch_inference_count"),
        ],
        histograms: [.interTokenLatency("tgi_request_mean_time_per_token_duration")])

    /// The server of llama.cpp with `--metrics`. Newer builds say nothing of their KV cache.
    ///
    /// Names: ggml-org/llama.cpp, tools/server/server-context.cpp (before: server.cpp).
    package static let llamaCpp = EngineProfile(
        engine: "llama_cpp", hint: "no llamacpp: series; --metrics brings them", modelsPath: "/v1/models",
        numbers: [
            .running("llamacpp:requests_processing"),
            .waiting("llamacpp:requests_deferred"),
            .kvCacheUsage("llamacpp:kv_cache_usage_ratio"),
            .promptTokens("llamacpp:prompt_tokens_total"),
            .generationTokens("llamacpp:tokens_predicted_total"),
            .iterations("llamacpp:n_decode_total"),
        ])

    /// Triton with the TensorRT-LLM backend; its metrics have a port of their own, 8002.
    ///
    /// `active` is what is scheduled and what waits together. Older versions say neither what waits nor how full the
    /// cache is.
    ///
    /// Names: NVIDIA/TensorRT-LLM, triton_backend/inflight_batcher_llm/src/custom_metrics_reporter/
    /// custom_metrics_reporter.cc; triton-inference-server/server, docs/user_guide/metrics.md (first response).
    package static let triton = EngineProfile(
        engine: "triton", hint: "no nv_trt_llm_ series; only the TensorRT-LLM backend has them", modelLabel: "model",
        numbers: [
            .running(SignalSource("nv_trt_llm_request_metrics", label: MetricLabel("request_type", "scheduled"))),
            .waiting(SignalSource("nv_trt_llm_request_metrics", label: MetricLabel("request_type", "waiting"))),
            .kvCacheUsage(
                SignalSource(
                    "nv_trt_llm_kv_cache_block_metrics", label: MetricLabel("kv_cache_block_type", "fraction"))),
            .promptTokens(SignalSource("nv_llm_input_token_len", suffix: "_sum")),
            .generationTokens(SignalSource("nv_llm_output_token_len", suffix: "_sum")),
            .requestsFinished(SignalSource("nv_llm_output_token_len", suffix: "_count")),
            .iterations(
                SignalSource("nv_trt_llm_general_metrics", label: MetricLabel("general_type", "iteration_counter"))),
        ],
        histograms: [.timeToFirstToken("nv_inference_first_response_histogram_ms", scale: 0.001)])

    /// `trtllm-serve`, whose gauges need `enable_iter_perf_stats` too.
    ///
    /// Names: NVIDIA/TensorRT-LLM, tensorrt_llm/metrics/collector.py.
    package static let tensorRTLLM = EngineProfile(
        engine: "tensorrt_llm", hint: "no trtllm_ series; return_perf_metrics brings them",
        metricsPath: "/prometheus/metrics", modelLabel: "model_name",
        numbers: [
            .running("trtllm_num_requests_running"),
            .waiting("trtllm_num_requests_waiting"),
            .kvCacheUsage("trtllm_kv_cache_utilization"),
            .promptTokens("trtllm_prompt_tokens_total"),
            .generationTokens("trtllm_generation_tokens_total"),
            .requestsFinished("trtllm_request_success_total"),
        ],
        histograms: [
            .timeToFirstToken("trtllm_time_to_first_token_seconds"),
            .interTokenLatency("trtllm_time_per_output_token_seconds"),
        ])

    /// Ollama has no metrics: it tells which models are loaded, and nobody its load.
    ///
    /// Names: ollama/ollama, api/types.go (ProcessResponse).
    package static let ollama = EngineProfile(
        engine: "ollama", hint: "no list of loaded models", metricsPath: nil, modelsPath: "/api/ps")
}
