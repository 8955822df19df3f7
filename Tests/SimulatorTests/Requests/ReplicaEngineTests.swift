import Fleet
import Testing

@testable import Simulator

struct ReplicaEngineTests {
    /// 100 prompt tokens a second, 10 tokens a second for one sequence, 100 tokens of cache.
    static let model = EngineModel(
        slots: 2, prefillTokensPerSecond: 100, decodeTokensPerSecond: 10, decodeSlowdown: 1, chunkTokens: 20,
        kvBlocks: 10, blockTokens: 10)

    static func request(_ prompt: Int, _ output: Int, at second: Double = 0) -> TrafficArrival {
        TrafficArrival(at: .seconds(second), promptTokens: prompt, outputTokens: output)
    }

    @Test func `a lone request: its prompt, then one token a step`() {
        var engine = ReplicaEngine(Self.model, at: 0)
        engine.submit(0, Self.request(50, 11))
        #expect(engine.load == EngineLoad(running: 1, waiting: 0, kvCacheUsage: 0.7))
        #expect(engine.advance(to: 10) == [.firstToken(0, second: 0.5), .finished(0, second: 1.5)])
        #expect(engine.load == EngineLoad(running: 0, waiting: 0, kvCacheUsage: 0))
    }

    @Test func `prefill and decoding slow one another down`() {
        var engine = ReplicaEngine(Self.model, at: 0)
        engine.submit(0, Self.request(10, 31))
        _ = engine.advance(to: 0.1)
        // Decoding from 0.1 s on, a step each 0.1 s; with chunks of 20 beside it, one each 0.3 s.
        _ = engine.advance(to: 1.1)
        engine.submit(1, Self.request(40, 5))
        let events = engine.advance(to: 60)
        let first = events.compactMap { event -> Double? in
            if case .firstToken(1, let second) = event { second } else { nil }
        }
        // Two chunks: 0.6 s.
        #expect(first.count == 1 && (first[0] - 1.7).magnitude < 1e-9)
        // Then both, 0.2 s a step: the 4 tokens left of the second, while the first got 10 + 2 + 4 of its 30.
        let ends = events.compactMap { event -> Double? in
            if case .finished(_, let second) = event { second } else { nil }
        }
        #expect(ends.count == 2 && (ends[0] - 2.5).magnitude < 1e-9 && (ends[1] - 3.9).magnitude < 1e-9)
    }

    @Test func `slots and cache make requests wait, in their order`() {
        var engine = ReplicaEngine(Self.model, at: 0)
        engine.submit(0, Self.request(10, 50))
        engine.submit(1, Self.request(10, 20))
        engine.submit(2, Self.request(5, 5))
        _ = engine.advance(to: 0.9)
        // 60 and 30 of 100 tokens; both slots in use.
        #expect(engine.load == EngineLoad(running: 2, waiting: 1, kvCacheUsage: 0.9))
        #expect((engine.waitingWork - Self.model.workSeconds(Self.request(5, 5))).magnitude < 1e-12)
        #expect(engine.unfinished == [0, 1, 2])

        var full = ReplicaEngine(Self.model, at: 0)
        full.submit(0, Self.request(30, 40))
        // Needs 40 tokens of the 30 left, and those behind it do not overtake.
        full.submit(1, Self.request(30, 10))
        full.submit(2, Self.request(5, 5))
        _ = full.advance(to: 1)
        #expect(full.load == EngineLoad(running: 1, waiting: 2, kvCacheUsage: 0.7))
        // Too long for the cache: it runs alone.
        var long = ReplicaEngine(Self.model, at: 0)
        long.submit(0, Self.request(1000, 10))
        long.submit(1, Self.request(1, 1))
        #expect(long.load == EngineLoad(running: 1, waiting: 1, kvCacheUsage: 1))
        #expect(long.advance(to: 100).count == 4)
    }

    /// The engine step by step: a chunk of the head's prompt and a token of every decoding sequence at a time.
    static func stepped(_ requests: [TrafficArrival], _ model: EngineModel) -> [Double] {
        var firsts = [Double](repeating: .nan, count: requests.count)
        var (now, next, blocks) = (0.0, 0, 0)
        var prefill: (id: Int, left: Double)?
        var decoding: [(id: Int, left: Int)] = []
        while next < requests.count || prefill != nil || !decoding.isEmpty {
            if prefill == nil, next < requests.count, requests[next].at.seconds <= now, decoding.count < model.slots,
                blocks + model.blocks(requests[next]) <= model.kvBlocks
            {
                prefill = (next, Double(requests[next].promptTokens))
                blocks += model.blocks(requests[next])
                next += 1
            }
            if prefill == nil && decoding.isEmpty {
                now = requests[next].at.seconds
                continue
            }
            let chunk = min(model.chunkTokens, prefill?.left ?? 0)
            now += chunk / model.prefillTokensPerSecond + model.decodeStep(decoding.count)
            for index in decoding.indices.reversed() {
                decoding[index].left -= 1
                if decoding[index].left <= 0 { blocks -= model.blocks(requests[decoding.remove(at: index).id]) }
            }
            prefill?.left -= chunk
            if let done = prefill, done.left <= 0 {
                firsts[done.id] = now
                prefill = nil
                decoding.append((done.id, requests[done.id].outputTokens - 1))
            }
        }
        return firsts
    }

    @Test(arguments: [0.3, 0.6, 0.85])
    func `it agrees with an engine that goes step by step`(load: Double) {
        let model = EngineModel()
        let lengths = RequestLengths(meanPromptTokens: 4000, meanOutputTokens: 150)
        let work = model.workSeconds(Self.request(4000, 150))
        let day = TrafficDay(peakRequestsPerSecond: load / work / 0.88, seed: 5, lengths: lengths, burstsPerDay: 0)
        let requests = day.arrivals(from: .seconds(37_800), to: .seconds(38_800))
            .map { Self.request($0.promptTokens, $0.outputTokens, at: $0.at.seconds - 37_800) }
        var engine = ReplicaEngine(model, at: 0)
        var (firsts, finished) = ([Double](repeating: .nan, count: requests.count), 0)
        func note(_ events: [ReplicaEngine.Event]) {
            for event in events {
                switch event {
                case .firstToken(let id, let second): firsts[id] = second
                case .finished: finished += 1
                }
            }
        }
        for (id, request) in requests.enumerated() {
            note(engine.advance(to: request.at.seconds))
            #expect(engine.load.running <= model.slots + 1 && engine.load.kvCacheUsage <= 1)
            engine.submit(id, request)
        }
        note(engine.advance(to: 10_000))
        #expect(finished == requests.count && engine.inFlight == 0 && engine.waitingWork == 0)
        func mean(_ firsts: [Double]) -> Double {
            let waits = zip(firsts, requests).map { first, request in first - request.at.seconds }
            return waits.reduce(0, +) / Double(requests.count)
        }
        let (ours, slow) = (mean(firsts), mean(Self.stepped(requests, model)))
        #expect((ours / slow - 1).magnitude < 0.15, "\(ours) s against \(slow) s")
    }

    @Test func `coarse and fine steps are the same`() {
        let requests = (0..<40).map { (id: Int) -> TrafficArrival in
            let (prompt, output) = (1 + id * 7 % 60, 1 + id * 5 % 30)
            return Self.request(prompt, output, at: Double(id) * 0.7)
        }
        /// The moments of all events, in milliseconds.
        func moments(_ step: Double) -> [Int] {
            var engine = ReplicaEngine(Self.model, at: 0)
            var events: [ReplicaEngine.Event] = []
            for (id, request) in requests.enumerated() {
                for second in stride(from: Double(id) * 0.7 - 0.7, to: request.at.seconds, by: step) where second > 0 {
                    events += engine.advance(to: second)
                }
                events += engine.advance(to: request.at.seconds)
                engine.submit(id, request)
            }
            events += engine.advance(to: 1e4)
            return events.map { event -> Int in
                switch event {
                case .firstToken(_, let second), .finished(_, let second): Int((second * 1000).rounded())
                }
            }
        }
        let coarse = moments(100)
        #expect(coarse.count == 80)
        #expect(zip(coarse, moments(0.01)).allSatisfy { ($0 - $1).magnitude <= 1 })
    }
}
