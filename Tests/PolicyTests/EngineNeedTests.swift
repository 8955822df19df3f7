import Fleet
import Testing

@testable import Policy

@Suite struct EngineNeedTests {
    /// A pool whose engines say this of themselves; `nil` is silent.
    private func tick(
        _ values: [Double?], _ value: WritableKeyPath<EngineObservation, Double?>,
        _ configure: (inout PolicySettings) -> Void = { _ in }
    ) -> TickContext {
        var tick = context(requests: 0, serving: values.count, booting: 1, configure)
        for (index, told) in values.enumerated() {
            tick.observation.engines[index][keyPath: value] = told ?? 1
            if told == nil { tick.observation.engines[index].condition = .silent("timed out") }
        }
        return tick
    }

    @Test(
        "as many as hold the KV caches at the wanted share",
        arguments: [
            ([0.6, 0.9, 0.99], 0.85, 3), ([0.9, 0.9], 0.9, 2), ([0.95, 0.95], 0.9, 3), ([1, 1, 1], 0.5, 6),
            ([0.2, 0.2, 0.2], 0.9, 1), ([0.8, nil], 0.4, 4), ([nil, nil], 0.9, nil), ([0, 0], 0.9, nil),
            ([1], nil, nil),
        ] as [([Double?], Double?, Int?)])
    func kvCache(usage: [Double?], above: Double?, replicas: Int?) {
        let tick = tick(usage, \.kvCacheUsage) { $0.signals.kvCacheAbove = above }
        #expect(KVCacheNeed().propose(tick, target: 0)?.target == replicas)
    }

    @Test("engines read as a whole give the share, the control plane the number")
    func balanced() {
        var tick = tick([0.95, 0.95], \.kvCacheUsage)
        tick.observation = PoolObservation(
            at: tick.now, engines: [tick.observation.engines[0]], enginesAreReplicas: false)
        #expect(KVCacheNeed().propose(tick, target: 0)?.target == 3)
    }

    @Test(
        "as many as generate the tokens at the wanted load",
        arguments: [
            ([800, 800], 1000, 0, 2), ([810, 800], 1000, 0, 3), ([870, 870], 1000, 0.1, 3), ([900, 890], 1000, 0.1, 3),
            ([100, nil], 1000, 0, 1), ([nil], 1000, 0, nil), ([800], nil, 0, nil),
        ] as [([Double?], Double?, Double, Int?)])
    func tokenRate(rates: [Double?], perReplica: Double?, tolerance: Double, replicas: Int?) {
        let tick = tick(rates, \.generationTokensPerSecond) {
            $0.signals.tokensPerSecond = perReplica
            $0.tolerance = tolerance
        }
        #expect(TokenRateNeed().propose(tick, target: 0)?.target == replicas)
    }

    @Test("a replica that has just come up, and one with left-over gauges, add nothing")
    func newcomers() {
        var tick = tick([2500, 2500, 2500, 2500, 2500], \.generationTokensPerSecond) {
            $0.signals.tokensPerSecond = 2500
        }
        tick.observation.engines[4].generationTokensPerSecond = nil
        tick.observation.engines[4].answeringSince = tick.now
        #expect(TokenRateNeed().propose(tick, target: 0)?.target == 5)
        for index in 1..<5 { tick.observation.engines[index].condition = .leftoverGauges }
        #expect(TokenRateNeed().propose(tick, target: 0)?.target == 2)
    }

    @Test("what all told last keeps replicas while some do not tell, as far as those may have it, and not for long")
    func untold() {
        var tick = tick([nil, 200, 100], \.generationTokensPerSecond) { $0.signals.tokensPerSecond = 1000 }
        func keeps(_ last: Double, _ minutes: Int = 5) -> Int? {
            tick.memory.tokenRate = EngineSignal.Last(amount: last, at: tick.now - .seconds(60 * minutes))
            return TokenRateNeed().propose(tick, target: 0)?.target
        }
        #expect([keeps(700), keeps(1200), keeps(9000), keeps(9000, 61)] == [1, 2, 2, 1])
        // All may be full; of those that are there, four.
        for index in 1..<3 { tick.observation.engines[index].generationTokensPerSecond = nil }
        #expect([keeps(700), keeps(2300), keeps(9000), keeps(9000, 61)] == [1, 3, 4, nil])
        // Known to be idle is not unknown.
        for index in 0..<3 { tick.observation.engines[index].condition = .leftoverGauges }
        #expect(keeps(9000) == nil)
    }

    @Test("endpoints that are read as a whole tell all there is, whatever the size of the fleet")
    func wholes() {
        var tick = tick(Array(repeating: 1, count: 10), \.generationTokensPerSecond) {
            $0.signals.tokensPerSecond = 2500
        }
        tick.observation.engines[0].generationTokensPerSecond = 25_000
        tick.observation = PoolObservation(
            at: tick.now, engines: [tick.observation.engines[0]], enginesAreReplicas: false)
        #expect(TokenRateNeed().propose(tick, target: 0)?.target == 13)
    }

    @Test(
        "constant use of the KV cache settles at its threshold",
        arguments: Array(stride(from: 0.3, through: 8, by: 0.7)))
    func settles(caches: Double) {
        var pool = VirtualPool(replicas: 3) { $0.scaleDown.after = .seconds(60) }
        (pool.running, pool.kvCache) = (1, caches)
        pool.run(.seconds(3600 * 4))
        let settled = pool.now
        pool.run(.seconds(7200))
        #expect(pool.actions(since: settled).isEmpty)
        #expect(caches <= 0.9 * 1.1 * Double(pool.size) && pool.size <= max(1, Int((caches / 0.9).rounded(.up))))
    }
}
