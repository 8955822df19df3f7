/// Writes the answers of one generation in vLLM's wording: a whole body, or the pieces of an event stream.
struct GenerationReply: Sendable {
    let endpoint: GenerationRequest.Endpoint
    let model: String
    let promptTokens: Int
    let includeUsage: Bool
    /// Unix seconds.
    let created: Int
    let id: String

    static let fingerprint = "vllm-0.32.0-5ca1ab1e"

    init(
        _ endpoint: GenerationRequest.Endpoint, model: String, promptTokens: Int, includeUsage: Bool, created: Int
    ) {
        self.endpoint = endpoint
        self.model = model
        self.promptTokens = promptTokens
        self.includeUsage = includeUsage
        self.created = created
        id = freshIdentifier(endpoint == .chat ? "chatcmpl" : "cmpl")
    }

    // MARK: Not streamed

    func body(tokens: Int, reason: FinishReason) -> String {
        let text = quoted(Lorem.text(0..<tokens))
        let reason = quoted(reason.rawValue)
        switch endpoint {
        case .chat:
            return opening("chat.completion")
                + #""choices":[{"index":0,"message":{"role":"assistant","content":\#(text),"refusal":null,"#
                + #""annotations":null,"audio":null,"function_call":null,"reasoning":null},"logprobs":null,"#
                + #""finish_reason":\#(reason),"stop_reason":null,"token_ids":null,"routed_experts":null}],"#
                + #""service_tier":null,"system_fingerprint":"\#(Self.fingerprint)",\#(usage(tokens, whole: true)),"#
                + #""prompt_logprobs":null,"prompt_token_ids":null,"prompt_text":null,"kv_transfer_params":null,"#
                + #""ec_transfer_params":null,"metrics":null}"#
        case .completions:
            return opening("text_completion")
                + #""choices":[{"index":0,"text":\#(text),"logprobs":null,"finish_reason":\#(reason),"#
                + #""stop_reason":null,"token_ids":null,"prompt_logprobs":null,"prompt_token_ids":null,"#
                + #""routed_experts":null}],"service_tier":null,"system_fingerprint":"\#(Self.fingerprint)","#
                + #"\#(usage(tokens, whole: true)),"kv_transfer_params":null,"ec_transfer_params":null,"#
                + #""metrics":null}"#
        }
    }

    // MARK: Streamed

    /// What is sent before the first token; a chat says the role first.
    var preamble: String {
        guard endpoint == .chat else { return "" }
        return event(
            opening("chat.completion.chunk")
                + #""choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"#
                + #""finish_reason":null}],"prompt_token_ids":null,"prompt_text":null}"#)
    }

    /// One event for a token, or for the end of a generation that had none left to say.
    ///
    /// - Parameter token: counted from 0; `nil` carries no text.
    func chunk(token: Int?, reason: FinishReason?) -> String {
        let text = quoted(token.map { Lorem.text($0..<($0 + 1)) } ?? "")
        let finish = reason.map { quoted($0.rawValue) } ?? "null"
        let tail = reason != nil && !includeUsage ? #"],"system_fingerprint":"\#(Self.fingerprint)"}"# : "]}"
        switch endpoint {
        case .chat:
            let stop = reason == nil ? "" : #""stop_reason":null,"#
            return event(
                opening("chat.completion.chunk")
                    + #""choices":[{"index":0,"delta":{"content":\#(text)},"logprobs":null,"#
                    + #""finish_reason":\#(finish),\#(stop)"token_ids":null}"# + tail)
        case .completions:
            return event(
                opening("text_completion")
                    + #""choices":[{"index":0,"text":\#(text),"logprobs":null,"finish_reason":\#(finish),"#
                    + #""stop_reason":null,"prompt_token_ids":null,"token_ids":null}"# + tail)
        }
    }

    /// What is sent after the last token.
    func postamble(tokens: Int) -> String {
        let done = "data: [DONE]\n\n"
        guard includeUsage else { return done }
        let object = endpoint == .chat ? "chat.completion.chunk" : "text_completion"
        return event(
            opening(object) + #""choices":[],\#(usage(tokens, whole: false)),"#
                + #""system_fingerprint":"\#(Self.fingerprint)"}"#) + done
    }

    /// How a stream ends whose head is already out when the engine fails.
    func failure(_ error: APIError) -> String {
        event(error.body) + "data: [DONE]\n\n"
    }

    // MARK: Parts

    private func event(_ json: String) -> String { "data: " + json + "\n\n" }

    private func opening(_ object: String) -> String {
        #"{"id":"\#(id)","object":"\#(object)","created":\#(created),"model":\#(quoted(model)),"#
    }

    private func usage(_ tokens: Int, whole: Bool) -> String {
        #""usage":{"prompt_tokens":\#(promptTokens),"total_tokens":\#(promptTokens + tokens),"#
            + #""completion_tokens":\#(tokens),"prompt_tokens_details":null"#
            + (whole ? #","completion_tokens_details":null}"# : "}")
    }
}
