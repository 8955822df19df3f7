/// One engine of an `EngineModel` in virtual time: first come first served, from event to event.
///
/// Between two events all speeds are constant, so stepping with a coarse `now` gives the same as with a fine one.
struct ReplicaEngine {
    /// A request by its number in the plan.
    typealias RequestID = Int

    enum Event: Equatable {
        case firstToken(RequestID, second: Double)
        case finished(RequestID, second: Double)
    }

    private struct Sequence {
        var id: RequestID
        var request: TrafficArrival
        /// Prompt tokens to compute while it is prefilled; then the value of `decoded` at its last token.
        var goal: Double
    }

    private let model: EngineModel
    private var now: Double
    private var waiting: ArraySlice<Sequence> = []
    private var prefilling: Sequence?
    /// The one that ends first comes last.
    private var decoding: [Sequence] = []
    /// Tokens that a sequence would have got that was decoded since the engine began.
    private var decoded = 0.0
    private var usedBlocks = 0
    /// Work of the requests that have not been started, in seconds.
    private(set) var waitingWork = 0.0

    init(_ model: EngineModel, at second: Double) {
        self.model = model
        now = second
    }

    var inFlight: Int { waiting.count + decoding.count + (prefilling == nil ? 0 : 1) }

    var load: EngineLoad {
        EngineLoad(
            running: inFlight - waiting.count, waiting: waiting.count,
            kvCacheUsage: Double(usedBlocks) / Double(model.kvBlocks))
    }

    /// All requests that have not finished, as they were submitted.
    var unfinished: [RequestID] { (decoding + [prefilling].compactMap { $0 } + waiting).map(\.id).sorted() }

    /// - Precondition: the engine was advanced to the moment at which the request comes.
    mutating func submit(_ id: RequestID, _ request: TrafficArrival) {
        waiting.append(Sequence(id: id, request: request, goal: Double(request.promptTokens)))
        waitingWork += model.workSeconds(request)
        startNext()
    }

    /// Computes up to a moment, which must not go backwards.
    mutating func advance(to second: Double) -> [Event] {
        var events: [Event] = []
        while inFlight > 0 {
            // What a step takes, and what it brings.
            let chunk = prefilling == nil ? 0 : model.chunkTokens
            let step = chunk / model.prefillTokensPerSecond + model.decodeStep(decoding.count)
            let toPrefill = prefilling.map { max(0, $0.goal) / chunk * step } ?? .infinity
            let toFinish = decoding.last.map { max(0, $0.goal - decoded) * step } ?? .infinity
            let span = min(toPrefill, toFinish, second - now)
            if !decoding.isEmpty { decoded += span / step }
            prefilling?.goal -= span / step * chunk
            now += span

            if span == toPrefill, var sequence = prefilling {
                prefilling = nil
                events.append(.firstToken(sequence.id, second: now))
                // The prefill gave the first token.
                sequence.goal = decoded + Double(sequence.request.outputTokens - 1)
                if sequence.request.outputTokens > 1 { decode(sequence) } else { finish(sequence, &events) }
            } else if span == toFinish, let sequence = decoding.popLast() {
                finish(sequence, &events)
            } else {
                break
            }
            startNext()
        }
        now = max(now, second)
        return events
    }

    private mutating func decode(_ sequence: Sequence) {
        var (low, high) = (0, decoding.count)
        while low < high {
            let middle = (low + high) / 2
            if decoding[middle].goal > sequence.goal { low = middle + 1 } else { high = middle }
        }
        decoding.insert(sequence, at: low)
    }

    private mutating func finish(_ sequence: Sequence, _ events: inout [Event]) {
        usedBlocks -= model.blocks(sequence.request)
        events.append(.finished(sequence.id, second: now))
    }

    private mutating func startNext() {
        guard prefilling == nil, decoding.count < model.slots, let next = waiting.first,
            usedBlocks + model.blocks(next.request) <= model.kvBlocks
        else { return }
        waiting.removeFirst()
        usedBlocks += model.blocks(next.request)
        waitingWork = waiting.isEmpty ? 0 : waitingWork - model.workSeconds(next.request)
        prefilling = next
    }
}
