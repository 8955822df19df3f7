import FoundationEssentials

/// The names in a JSON list of models, as OpenAI's API (`data`, `id`) and Ollama's (`models`, `model`) have it.
struct ModelNames: Decodable {
    private struct Model: Decodable {
        var id: String?
        var model: String?
    }

    private var data: [Model]?
    private var models: [Model]?

    /// `nil` for anything else.
    init?(_ body: [UInt8]) {
        guard let list = try? JSONDecoder().decode(Self.self, from: Data(body)), list.names != nil else { return nil }
        self = list
    }

    var names: [String]? { (data ?? models)?.compactMap { $0.id ?? $0.model } }
}

/// What vLLM's `/is_sleeping` answers.
struct SleepState: Decodable {
    private var isSleeping: Bool

    private enum CodingKeys: String, CodingKey { case isSleeping = "is_sleeping" }

    static func read(_ body: [UInt8]) -> Bool? {
        (try? JSONDecoder().decode(Self.self, from: Data(body)))?.isSleeping
    }
}
