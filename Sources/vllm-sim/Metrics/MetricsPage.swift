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

    private typealias Series = [(MetricsText.Labels, MetricsText.Value)]

    func text(_ statistics: EngineStatistics, _ gauges: EngineGauges, http: HTTPStatistics) -> String {
        var page = MetricsText(created: created)
        page.family(
            .gauge, "process_start_time_seconds", "Start time of the process since unix epoch in seconds.",
            [([], .number(processStarted))])
        let model: MetricsText.Labels = [("model_name", modelName)]
        let values = values(statistics, gauges)
        for line in Self.families.split(separator: "\n") {
            let parts = line.split(separator: " ", maxSplits: 2)
            guard parts.count == 3, let kind = MetricsText.Kind(rawValue: String(parts[0])) else { continue }
            let own = parts[1] == "admission_rejections" ? model : model + [("engine", "0")]
            let series = values[String(parts[1])] ?? [([], .number(0))]
            page.family(kind, "vllm:" + parts[1], parts[2], series.map { (own + $0.0, $0.1) })
        }
        page.family(
            .gauge, "vllm:cache_config_info", "Information of the LLMEngine CacheConfig", [(cacheLabels, .number(1))])
        write(http, &page)
        return page.text
    }

    /// Those of the engine: kind, name and help.
    private static let families = """
        counter estimated_flops_per_gpu Estimated number of floating point operations per GPU \
        (for Model Flops Utilization calculations).
        counter estimated_read_bytes_per_gpu Estimated number of bytes read from memory per GPU \
        (for Model Flops Utilization calculations).
        counter estimated_write_bytes_per_gpu Estimated number of bytes written to memory per GPU \
        (for Model Flops Utilization calculations).
        gauge num_requests_running Number of requests in model execution batches.
        gauge num_requests_waiting Number of requests waiting to be processed.
        gauge num_requests_waiting_by_reason Number of waiting requests by reason. Reason labels: \
        'capacity' = waiting for scheduling capacity; 'deferred' = deferred by transient constraints \
        (LoRA budget, KV transfer, blocked status). Sum of all reasons equals vllm:num_requests_waiting.
        gauge engine_sleep_state Engine sleep state; awake = 0 means engine is sleeping; awake = 1 means engine is \
        awake; weights_offloaded = 1 means sleep level 1; discard_all = 1 means sleep level 2.
        gauge kv_cache_usage_perc KV-cache usage. 1 means 100 percent usage.
        counter prefix_cache_queries Prefix cache queries, in terms of number of queried tokens.
        counter prefix_cache_hits Prefix cache hits, in terms of number of cached tokens.
        counter external_prefix_cache_queries External prefix cache queries from KV connector cross-instance cache \
        sharing, in terms of number of queried tokens.
        counter external_prefix_cache_hits External prefix cache hits from KV connector cross-instance cache \
        sharing, in terms of number of cached tokens.
        counter mm_cache_queries Multi-modal cache queries, in terms of number of queried items.
        counter mm_cache_hits Multi-modal cache hits, in terms of number of cached items.
        counter num_preemptions Cumulative number of preemption from the engine.
        counter prompt_tokens Number of prefill tokens processed.
        counter prompt_tokens_by_source Number of prompt tokens by source.
        counter prompt_tokens_cached Number of cached prompt tokens (local + external).
        counter prompt_tokens_cached_by_source Prefix-cache hit tokens by the cache tier that supplied them: device \
        (local HBM), host (offloaded to DRAM), disk, p2p (transferred from another vLLM instance) or \
        external_unspecified. Counted at admission; sums to vllm:prefix_cache_hits + vllm:external_prefix_cache_hits.
        counter generation_tokens Number of generation tokens processed.
        counter request_success Count of successfully processed requests.
        counter admission_rejections Number of admission attempts rejected by a queue limit, by reason.
        histogram request_prompt_tokens Number of prefill tokens processed.
        histogram request_generation_tokens Number of generation tokens processed.
        histogram iteration_tokens_total Histogram of number of tokens per engine_step.
        histogram request_max_num_generation_tokens Histogram of maximum number of requested generation tokens.
        histogram request_params_n Histogram of the n request parameter.
        histogram request_params_max_tokens Histogram of the max_tokens request parameter.
        histogram time_to_first_token_seconds Histogram of time to first token in seconds.
        histogram inter_token_latency_seconds Histogram of inter-token latency in seconds.
        histogram request_time_per_output_token_seconds Histogram of time_per_output_token_seconds per request.
        histogram e2e_request_latency_seconds Histogram of e2e request latency in seconds.
        histogram request_queue_time_seconds Histogram of time spent in WAITING phase for request.
        histogram request_inference_time_seconds Histogram of time spent in RUNNING phase for request.
        histogram request_prefill_time_seconds Histogram of time spent in PREFILL phase for request.
        histogram request_decode_time_seconds Histogram of time spent in DECODE phase for request.
        histogram request_num_preemptions Histogram of the number of times a request was preempted.
        histogram request_prefill_kv_computed_tokens Histogram of new KV tokens computed during prefill (excluding \
        cached tokens).
        """

    /// By family; the others are 0.
    private func values(_ statistics: EngineStatistics, _ gauges: EngineGauges) -> [String: Series] {
        func by(_ label: String, _ values: [(String, Int)]) -> Series {
            values.map { ([(label, $0.0)], .number(Double($0.1))) }
        }
        func only(_ count: Int) -> Series { [([], .number(Double(count)))] }
        let tiers = ["device", "host", "p2p", "disk", "external_unspecified"]
        let counts: [String: Series] = [
            "num_requests_running": only(gauges.running),
            "num_requests_waiting": only(gauges.waiting),
            "num_requests_waiting_by_reason": by("reason", [("capacity", gauges.waiting), ("deferred", 0)]),
            "engine_sleep_state": by("sleep_state", [("awake", 1), ("weights_offloaded", 0), ("discard_all", 0)]),
            "kv_cache_usage_perc": [([], .number(gauges.kvCacheUsage))],
            "prefix_cache_queries": only(statistics.prefixCacheQueries),
            "num_preemptions": only(statistics.preemptions),
            "prompt_tokens": only(statistics.promptTokens),
            "prompt_tokens_by_source": by(
                "source",
                [("local_compute", statistics.promptTokens), ("local_cache_hit", 0), ("external_kv_transfer", 0)]),
            "prompt_tokens_cached_by_source": by("source", tiers.map { ($0, 0) }),
            "generation_tokens": only(statistics.generationTokens),
            "request_success": by(
                "finished_reason", FinishReason.allCases.map { ($0.rawValue, statistics.finished[$0] ?? 0) }),
            "admission_rejections": by(
                "reason",
                [("max_num_queued_reqs", statistics.rejectedAdmissions), ("max_num_queued_tokens", 0)]),
        ]
        let histograms = [
            "request_prompt_tokens": statistics.requestPromptTokens,
            "request_generation_tokens": statistics.requestGenerationTokens,
            "iteration_tokens_total": statistics.iterationTokens,
            "request_max_num_generation_tokens": statistics.requestGenerationTokens,
            "request_params_n": statistics.requestSamples,
            "request_params_max_tokens": statistics.requestMaxTokens,
            "time_to_first_token_seconds": statistics.timeToFirstToken,
            "inter_token_latency_seconds": statistics.interTokenLatency,
            "request_time_per_output_token_seconds": statistics.timePerOutputToken,
            "e2e_request_latency_seconds": statistics.endToEnd,
            "request_queue_time_seconds": statistics.queueTime,
            "request_inference_time_seconds": statistics.inferenceTime,
            "request_prefill_time_seconds": statistics.prefillTime,
            "request_decode_time_seconds": statistics.decodeTime,
            "request_num_preemptions": statistics.requestPreemptions,
            "request_prefill_kv_computed_tokens": statistics.requestPromptTokens,
        ]
        return counts.merging(histograms.mapValues { [([], .histogram($0))] }) { first, _ in first }
    }

    private var cacheLabels: MetricsText.Labels {
        let tokens = settings.gpuBlocks * settings.blockSize
        let text = """
            _block_size_resolved True block_size \(settings.blockSize) cache_dtype auto cache_hit_alignment_tokens None \
            effective_attention_block_size \(settings.blockSize) enable_mamba_shared_prefix_checkpoint False \
            enable_prefix_caching True engine 0 gpu_memory_utilization 0.92 hash_block_size None \
            is_attention_free False kv_cache_dtype_skip_layers [] kv_cache_layout None \
            kv_cache_max_concurrency \(Double(tokens) / Double(settings.maxModelLength)) \
            kv_cache_memory_bytes 1073741824 kv_cache_size_tokens \(tokens) kv_offloading_backend native \
            kv_offloading_size None kv_sharing_fast_prefill False mamba_block_size None mamba_cache_dtype auto \
            mamba_cache_mode none mamba_page_size_padded None mamba_ssm_cache_dtype float32 num_cpu_blocks None \
            num_gpu_blocks \(settings.gpuBlocks) \
            num_gpu_blocks_override \(gpuBlocksOverridden ? "\(settings.gpuBlocks)" : "None") \
            prefix_cache_retention_interval 0 prefix_caching_hash_algo sha256 prefix_match_unit None \
            replayssm_buffer_len 16 skip_page_size_padded None sliding_window None swa_bounded_replay True \
            use_kda_recoverssm False use_replayssm False user_specified_block_size False
            """
        let words = text.split(separator: " ").map(String.init)
        return stride(from: 0, to: words.count - 1, by: 2).map { (words[$0], words[$0 + 1]) }
    }

    private func write(_ http: HTTPStatistics, _ page: inout MetricsText) {
        let sizes = "by handler. Only value of header is respected. Otherwise ignored. No percentile calculated. "
        // The size families know no method: the handlers that differ only in it share a series.
        let paths = http.handlers.reduce(into: [String]()) { if !$0.contains($1.path) { $0.append($1.path) } }
        func series(_ bytes: (HTTPStatistics.Handler) -> Int) -> Series {
            paths.map { path in
                let same = http.handlers.filter { $0.path == path }
                let count = same.reduce(0) { $0 + $1.duration.count }
                return ([("handler", path)], .summary(count: count, sum: Double(same.reduce(0) { $0 + bytes($1) })))
            }
        }
        page.family(
            .counter, "http_requests", "Total number of requests by method, status and handler.",
            http.requests.map {
                ([("handler", $0.path), ("method", $0.method), ("status", $0.status)], .number(Double($0.count)))
            })
        page.family(
            .summary, "http_request_size_bytes", "Content length of incoming requests " + sizes, series(\.requestBytes))
        page.family(
            .summary, "http_response_size_bytes", "Content length of outgoing responses " + sizes,
            series(\.responseBytes))
        page.family(
            .histogram, "http_request_duration_highr_seconds",
            "Latency with many buckets but no API specific labels. Made for more accurate percentile calculations. ",
            [([], .histogram(http.duration))])
        page.family(
            .histogram, "http_request_duration_seconds",
            "Latency with only few buckets by handler. Made to be only used if aggregation by handler is important. ",
            http.handlers.map { ([("handler", $0.path), ("method", $0.method)], .histogram($0.duration)) })
    }
}
