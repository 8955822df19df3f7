import Testing

@testable import vllm_sim

struct GenerationRequestTests {
    private func work(
        _ json: String, _ endpoint: GenerationRequest.Endpoint, limit: Int = 2048
    ) throws -> EngineScheduler.Work {
        try GenerationRequest.parse(Array(json.utf8)).work(endpoint, maxModelLength: limit, naturalTokens: 100)
    }

    @Test(arguments: [
        (#"{"prompt":"12345678"}"#, 2, 16),
        (#"{"prompt":"12345678","max_tokens":7}"#, 2, 7),
        (#"{"prompt":["1234","12345"],"max_tokens":7}"#, 3, 7),
        (#"{"prompt":[1,2,3,4,5],"max_tokens":7}"#, 5, 7),
        (#"{"prompt":[[1,2],[3]],"max_tokens":7}"#, 3, 7),
        (#"{"prompt":""}"#, 1, 16),
    ])
    func completions(json: String, prompt: Int, output: Int) throws {
        let work = try work(json, .completions)
        #expect(work == .init(promptTokens: prompt, outputTokens: output, maxTokens: output, ending: .length))
    }

    @Test(arguments: [
        (#"{"messages":[{"role":"user","content":"1234"}]}"#, 8, 100, FinishReason.stop),
        (#"{"messages":[{"role":"user","content":"1234"}],"max_completion_tokens":5,"max_tokens":9}"#, 8, 5, .length),
        (#"{"messages":[{"role":"user","content":[{"type":"text","text":"1234"}]}],"max_tokens":9}"#, 8, 9, .length),
        (#"{"messages":[{"role":"assistant","content":null}],"max_tokens":200}"#, 7, 200, .length),
    ])
    func chats(json: String, prompt: Int, output: Int, ending: FinishReason) throws {
        let work = try work(json, .chat)
        #expect(work.promptTokens == prompt)
        #expect(work.outputTokens == output)
        #expect(work.ending == ending)
    }

    @Test func aChatEndsWithTheContextAtTheLatest() throws {
        let work = try work(#"{"messages":[{"content":"1234"}]}"#, .chat, limit: 50)
        #expect(work.outputTokens == 42)
        #expect(work.ending == .length)
    }

    @Test(arguments: [
        (#"{"prompt": "#, 400, "body.11"), (#"{}"#, 400, "body.prompt"),
        (#"{"prompt":"a","n":2}"#, 400, "body.n"), (#"{"prompt":"a","max_tokens":0}"#, 400, "body.max_tokens"),
        (#"{"prompt":"a","max_tokens":"many"}"#, 400, "body.max_tokens"),
        (#"{"prompt":"a","max_tokens":2048}"#, 400, "input_tokens"), (#"{"prompt":{}}"#, 0, ""), (#"[]"#, 400, "body."),
    ])
    func refusals(json: String, status: Int, param: String) {
        do {
            _ = try work(json, .completions)
            #expect(status == 0)
        } catch let error as APIError {
            #expect(error.status == status)
            #expect(error.param == param)
        } catch {
            Issue.record("\(error)")
        }
    }
}
