/// A path that engines serve and that may wake a pool, with what differs between them.
struct InferencePath: Sendable {
    /// How the answer streams.
    enum Streaming: Sendable {
        case never
        /// As server-sent events where the body says `"stream": true`.
        case onRequest
        case always
    }

    var streaming = Streaming.never
    /// Whether it generates: a second run costs machine time, and what killed one replica may kill the next.
    var isGeneration = true
    /// Whether errors are in Anthropic's shape.
    var isAnthropic = false

    /// Ollama streams lines of JSON and not events, so its answers are held silently.
    private static let known: [String: InferencePath] = {
        let generation = InferencePath(streaming: .onRequest)
        let lookup = InferencePath(isGeneration: false)
        var paths: [String: InferencePath] = [
            "/v1/messages": InferencePath(streaming: .onRequest, isAnthropic: true),
            "/generate_stream": InferencePath(streaming: .always),
            "/v1/audio/speech": InferencePath(),
            "/api/chat": InferencePath(),
            "/api/generate": InferencePath(),
        ]
        for path in [
            "/v1/chat/completions", "/v1/completions", "/v1/responses", "/generate", "/completion", "/infill",
            "/v1/audio/transcriptions", "/v1/audio/translations", "/inference/v1/generate", "/invocations", "/",
        ] {
            paths[path] = generation
        }
        for path in [
            "/v1/embeddings", "/v2/embed", "/v1/moderations", "/v1/messages/count_tokens", "/embed", "/embed_all",
            "/embed_sparse", "/embedding", "/embeddings", "/predict", "/rerank", "/v1/rerank", "/v2/rerank",
            "/reranking",
            "/v1/reranking", "/score", "/v1/score", "/similarity", "/classify", "/pooling", "/encode", "/tokenize",
            "/detokenize", "/apply-template", "/chat_tokenize", "/api/embed", "/api/embeddings",
        ] {
            paths[path] = lookup
        }
        return paths
    }()

    /// The path as it stands in the request, without decoding: another spelling of it is another path.
    static func named(_ path: String) -> InferencePath? { known[path] }
}
