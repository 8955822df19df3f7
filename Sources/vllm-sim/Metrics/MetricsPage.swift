/// The body of `GET /metrics`: vLLM 0.32.0, one engine, one API server, families in its order.
///
/// Left out are the `python_*` families and all of `process_*` but the start time.
struct MetricsPage {
    var modelName: String
    /// Unix seconds at which the engine was up.
    var created: Double
    /// Unix seconds at which the process started.
    var processStarted: Double
    var settings: EngineScheduler.Settings
    var gpuBlocksOverridden: Bool

    func text(
        _ statistics: EngineStatistics, _ gauges: EngineGauges, sleepLevel: Int?, http: HTTPStatistics
    ) -> String {
        var page = MetricsText(common: [("engine", "0"), ("model_name", modelName)], created: created)
        page.gauge(
            "process_start_time_seconds", "Start time of the process since unix epoch in seconds.",
            [([], processStarted)], common: [])
        writeEngine(&page, statistics, gauges, sleepLevel)
        writeHistograms(&page, statistics)
        writeConfiguration(&page)
        write(http, &page)
        return page.text
    }

    private func writeEngine(
        _ page: inout MetricsText, _ statistics: EngineStatistics, _ gauges: EngineGauges, _ sleepLevel: Int?
    ) {
        let utilization = "(for Model Flops Utilization calculations)."
        page.counter(
            "vllm:estimated_flops_per_gpu", "Estimated number of floating point operations per GPU \(utilization)", 0)
        page.counter(
            "vllm:estimated_read_bytes_per_gpu",
            "Estimated number of bytes read from memory per GPU \(utilization)", 0)
        page.counter(
            "vllm:estimated_write_bytes_per_gpu",
            "Estimated number of bytes written to memory per GPU \(utilization)", 0)
        page.gauge(
            "vllm:num_requests_running", "Number of requests in model execution batches.", Double(gauges.running))
        page.gauge(
            "vllm:num_requests_waiting", "Number of requests waiting to be processed.", Double(gauges.waiting))
        page.gauge(
            "vllm:num_requests_waiting_by_reason",
            "Number of waiting requests by reason. Reason labels: 'capacity' = waiting for scheduling capacity; "
                + "'deferred' = deferred by transient constraints (LoRA budget, KV transfer, blocked status). "
                + "Sum of all reasons equals vllm:num_requests_waiting.",
            [([("reason", "capacity")], Double(gauges.waiting)), ([("reason", "deferred")], 0)])
        page.gauge(
            "vllm:engine_sleep_state",
            "Engine sleep state; awake = 0 means engine is sleeping; awake = 1 means engine is awake; "
                + "weights_offloaded = 1 means sleep level 1; discard_all = 1 means sleep level 2.",
            [
                ([("sleep_state", "awake")], (sleepLevel ?? 0) == 0 ? 1 : 0),
                ([("sleep_state", "weights_offloaded")], sleepLevel == 1 ? 1 : 0),
                ([("sleep_state", "discard_all")], sleepLevel == 2 ? 1 : 0),
            ])
        page.gauge(
            "vllm:kv_cache_usage_perc", "KV-cache usage. 1 means 100 percent usage.", gauges.kvCacheUsage)
        page.counter(
            "vllm:prefix_cache_queries", "Prefix cache queries, in terms of number of queried tokens.",
            statistics.prefixCacheQueries)
        page.counter("vllm:prefix_cache_hits", "Prefix cache hits, in terms of number of cached tokens.", 0)
        let connector = "from KV connector cross-instance cache sharing"
        page.counter(
            "vllm:external_prefix_cache_queries",
            "External prefix cache queries \(connector), in terms of number of queried tokens.", 0)
        page.counter(
            "vllm:external_prefix_cache_hits",
            "External prefix cache hits \(connector), in terms of number of cached tokens.", 0)
        page.counter(
            "vllm:mm_cache_queries", "Multi-modal cache queries, in terms of number of queried items.", 0)
        page.counter("vllm:mm_cache_hits", "Multi-modal cache hits, in terms of number of cached items.", 0)
        page.counter(
            "vllm:num_preemptions", "Cumulative number of preemption from the engine.", statistics.preemptions)
        page.counter("vllm:prompt_tokens", "Number of prefill tokens processed.", statistics.promptTokens)
        page.counter(
            "vllm:prompt_tokens_by_source", "Number of prompt tokens by source.",
            [
                ([("source", "local_compute")], Double(statistics.promptTokens)),
                ([("source", "local_cache_hit")], 0), ([("source", "external_kv_transfer")], 0),
            ])
        page.counter("vllm:prompt_tokens_cached", "Number of cached prompt tokens (local + external).", 0)
        page.counter(
            "vllm:prompt_tokens_cached_by_source",
            "Prefix-cache hit tokens by the cache tier that supplied them: device (local HBM), host (offloaded to "
                + "DRAM), disk, p2p (transferred from another vLLM instance) or external_unspecified. Counted at "
                + "admission; sums to vllm:prefix_cache_hits + vllm:external_prefix_cache_hits.",
            ["device", "host", "p2p", "disk", "external_unspecified"].map { ([("source", $0)], 0) })
        page.counter(
            "vllm:generation_tokens", "Number of generation tokens processed.", statistics.generationTokens)
        page.counter(
            "vllm:request_success", "Count of successfully processed requests.",
            FinishReason.allCases.map {
                ([("finished_reason", $0.rawValue)], Double(statistics.finished[$0] ?? 0))
            })
        page.counter(
            "vllm:admission_rejections", "Number of admission attempts rejected by a queue limit, by reason.",
            [
                ([("reason", "max_num_queued_reqs")], Double(statistics.rejectedAdmissions)),
                ([("reason", "max_num_queued_tokens")], 0),
            ],
            common: [("model_name", modelName)])
    }

    private func writeHistograms(_ page: inout MetricsText, _ statistics: EngineStatistics) {
        let latency = "Histogram of time spent in"
        let families: [(String, String, Histogram)] = [
            ("request_prompt_tokens", "Number of prefill tokens processed.", statistics.requestPromptTokens),
            (
                "request_generation_tokens", "Number of generation tokens processed.",
                statistics.requestGenerationTokens
            ),
            ("iteration_tokens_total", "Histogram of number of tokens per engine_step.", statistics.iterationTokens),
            (
                "request_max_num_generation_tokens", "Histogram of maximum number of requested generation tokens.",
                statistics.requestGenerationTokens
            ),
            ("request_params_n", "Histogram of the n request parameter.", statistics.requestSamples),
            (
                "request_params_max_tokens", "Histogram of the max_tokens request parameter.",
                statistics.requestMaxTokens
            ),
            (
                "time_to_first_token_seconds", "Histogram of time to first token in seconds.",
                statistics.timeToFirstToken
            ),
            (
                "inter_token_latency_seconds", "Histogram of inter-token latency in seconds.",
                statistics.interTokenLatency
            ),
            (
                "request_time_per_output_token_seconds", "Histogram of time_per_output_token_seconds per request.",
                statistics.timePerOutputToken
            ),
            ("e2e_request_latency_seconds", "Histogram of e2e request latency in seconds.", statistics.endToEnd),
            ("request_queue_time_seconds", "\(latency) WAITING phase for request.", statistics.queueTime),
            ("request_inference_time_seconds", "\(latency) RUNNING phase for request.", statistics.inferenceTime),
            ("request_prefill_time_seconds", "\(latency) PREFILL phase for request.", statistics.prefillTime),
            ("request_decode_time_seconds", "\(latency) DECODE phase for request.", statistics.decodeTime),
            (
                "request_num_preemptions", "Histogram of the number of times a request was preempted.",
                statistics.requestPreemptions
            ),
            (
                "request_prefill_kv_computed_tokens",
                "Histogram of new KV tokens computed during prefill (excluding cached tokens).",
                statistics.requestPromptTokens
            ),
        ]
        for (name, help, histogram) in families { page.histogram("vllm:" + name, help, histogram) }
    }

    private func writeConfiguration(_ page: inout MetricsText) {
        let tokens = settings.gpuBlocks * settings.blockSize
        let blocks = "\(settings.gpuBlocks)"
        let block = "\(settings.blockSize)"
        let labels: MetricsText.Labels = [
            ("_block_size_resolved", "True"), ("block_size", block), ("cache_dtype", "auto"),
            ("cache_hit_alignment_tokens", "None"), ("effective_attention_block_size", block),
            ("enable_mamba_shared_prefix_checkpoint", "False"), ("enable_prefix_caching", "True"), ("engine", "0"),
            ("gpu_memory_utilization", "0.92"), ("hash_block_size", "None"), ("is_attention_free", "False"),
            ("kv_cache_dtype_skip_layers", "[]"), ("kv_cache_layout", "None"),
            ("kv_cache_max_concurrency", "\(Double(tokens) / Double(settings.maxModelLength))"),
            ("kv_cache_memory_bytes", "1073741824"), ("kv_cache_size_tokens", "\(tokens)"),
            ("kv_offloading_backend", "native"), ("kv_offloading_size", "None"),
            ("kv_sharing_fast_prefill", "False"), ("mamba_block_size", "None"), ("mamba_cache_dtype", "auto"),
            ("mamba_cache_mode", "none"), ("mamba_page_size_padded", "None"), ("mamba_ssm_cache_dtype", "float32"),
            ("num_cpu_blocks", "None"), ("num_gpu_blocks", blocks),
            ("num_gpu_blocks_override", gpuBlocksOverridden ? blocks : "None"),
            ("prefix_cache_retention_interval", "0"), ("prefix_caching_hash_algo", "sha256"),
            ("prefix_match_unit", "None"), ("replayssm_buffer_len", "16"), ("skip_page_size_padded", "None"),
            ("sliding_window", "None"), ("swa_bounded_replay", "True"), ("use_kda_recoverssm", "False"),
            ("use_replayssm", "False"), ("user_specified_block_size", "False"),
        ]
        page.gauge(
            "vllm:cache_config_info", "Information of the LLMEngine CacheConfig", [(labels, 1)], common: [])
    }

    private func write(_ http: HTTPStatistics, _ page: inout MetricsText) {
        let sizes = "by handler. Only value of header is respected. Otherwise ignored. No percentile calculated. "
        // The size families know no method: the handlers that differ only in it share a series.
        let paths = http.handlers.reduce(into: [String]()) { if !$0.contains($1.path) { $0.append($1.path) } }
        func series(
            _ bytes: (HTTPStatistics.Handler) -> Int
        ) -> [(MetricsText.Labels, count: Int, sum: Double)] {
            paths.map { path in
                let same = http.handlers.filter { $0.path == path }
                return (
                    [("handler", path)], same.reduce(0) { $0 + $1.duration.count },
                    Double(same.reduce(0) { $0 + bytes($1) })
                )
            }
        }
        page.counter(
            "http_requests", "Total number of requests by method, status and handler.",
            http.requests.map {
                ([("handler", $0.path), ("method", $0.method), ("status", $0.status)], Double($0.count))
            },
            common: [])
        page.summary("http_request_size_bytes", "Content length of incoming requests " + sizes, series(\.requestBytes))
        page.summary(
            "http_response_size_bytes", "Content length of outgoing responses " + sizes, series(\.responseBytes))
        page.histogram(
            "http_request_duration_highr_seconds",
            "Latency with many buckets but no API specific labels. Made for more accurate percentile calculations. ",
            [([], http.duration)])
        page.histogram(
            "http_request_duration_seconds",
            "Latency with only few buckets by handler. Made to be only used if aggregation by handler is important. ",
            http.handlers.map { ([("handler", $0.path), ("method", $0.method)], $0.duration) })
    }
}
