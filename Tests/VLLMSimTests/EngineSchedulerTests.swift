import TestSupport
import Testing

@testable import vllm_sim

/// Decoding takes 20 ms a token, a prompt of 100 tokens 10 ms.
private func engine(
    slots: Int = 2, blocks: Int = 1001, blockSize: Int = 10, batched: Int = 1000, maxModelLength: Int = 1000
) -> EngineScheduler {
    EngineScheduler(
        .init(
            maxSequences: slots, maxBatchedTokens: batched, maxModelLength: maxModelLength,
            prefillTokensPerSecond: 10_000, decodeTokensPerSecond: 50, gpuBlocks: blocks,
            blockSize: blockSize))
}

private func work(_ prompt: Int, _ output: Int, _ ending: FinishReason = .length) -> EngineScheduler.Work {
    .init(promptTokens: prompt, outputTokens: output, maxTokens: output, ending: ending)
}

/// All events until the engine is idle, each with its moment.
private func drain(_ engine: inout EngineScheduler) -> [(at: Duration, event: EngineScheduler.Event)] {
    var events: [(at: Duration, event: EngineScheduler.Event)] = []
    for _ in 0..<100_000 {
        guard let next = engine.nextEvent else { return events }
        events += engine.advance(to: next).map { (next, $0) }
    }
    Issue.record("the engine never became idle")
    return events
}

struct EngineSchedulerTests {
    @Test func aLoneRequestTakesItsPrefillAndOneStepPerFurtherToken() {
        var engine = engine()
        engine.submit(1, work(100, 3), at: .zero)
        let events = drain(&engine)
        #expect(events.map(\.at) == [.milliseconds(10), .milliseconds(30), .milliseconds(50)])
        #expect(events.map(\.event.ending) == [nil, nil, .length])

        let seen = engine.statistics
        #expect(seen.promptTokens == 100)
        #expect(seen.generationTokens == 3)
        #expect(seen.finished == [.length: 1])
        #expect(seen.timeToFirstToken.sum.isClose(to: 0.010))
        #expect(seen.interTokenLatency.count == 2)
        #expect(seen.interTokenLatency.sum.isClose(to: 0.040))
        #expect(seen.timePerOutputToken.sum.isClose(to: 0.020))
        #expect(seen.endToEnd.sum.isClose(to: 0.050))
        #expect(seen.prefillTime.sum.isClose(to: 0.010))
        #expect(seen.decodeTime.sum.isClose(to: 0.040))
        #expect(seen.iterationTokens.count == 3)
        #expect(seen.iterationTokens.sum == 103)
        #expect(engine.gauges == EngineGauges())
    }

    @Test func requestsBeyondTheSlotsWaitInOrderOfArrival() {
        var engine = engine(slots: 2)
        for id in 1...5 { engine.submit(id, work(10, 5), at: .zero) }
        _ = engine.advance(to: .milliseconds(30))
        #expect(engine.gauges.running == 2)
        #expect(engine.gauges.waiting == 3)
        let ended = drain(&engine).filter { $0.event.ending != nil }.map(\.event.id)
        #expect(ended == [1, 2, 3, 4, 5])
        #expect(engine.statistics.queueTime.count == 5)
        #expect(engine.statistics.queueTime.sum > 0.1)
        #expect(engine.statistics.timeToFirstToken.sum > engine.statistics.prefillTime.sum)
    }

    @Test func aCoarseClockGivesTheSameResultAsAFineOne() {
        var fine = engine(slots: 3, blocks: 31, maxModelLength: 300)
        var coarse = engine(slots: 3, blocks: 31, maxModelLength: 300)
        for id in 1...9 {
            fine.submit(id, work(20 * id, 10 + id), at: .zero)
            coarse.submit(id, work(20 * id, 10 + id), at: .zero)
        }
        var fineEvents: [EngineScheduler.Event] = []
        for milliseconds in stride(from: 0, through: 5000, by: 1) {
            fineEvents += fine.advance(to: .milliseconds(milliseconds))
        }
        #expect(coarse.advance(to: .seconds(5)) == fineEvents)
        #expect(coarse.statistics == fine.statistics)
        #expect(coarse.nextEvent == nil)
    }

    @Test func anEndAndTheLastTokenAreOneEvent() {
        var engine = engine()
        engine.submit(1, work(10, 1, .stop), at: .zero)
        #expect(drain(&engine).map(\.event) == [.init(id: 1, tokens: 1, ending: .stop)])
        #expect(engine.statistics.finished == [.stop: 1])
    }

    @Test func longPromptsArePrefilledInChunks() {
        var engine = engine(batched: 100)
        engine.submit(1, work(250, 1), at: .zero)
        #expect(engine.nextEvent == .milliseconds(10))
        #expect(engine.advance(to: .milliseconds(20)).isEmpty)
        #expect(engine.advance(to: .milliseconds(25)) == [.init(id: 1, tokens: 1, ending: .length)])
        #expect(engine.statistics.iterationTokens.count == 3)
    }

    @Test func kvCacheUseIsCountedInWholeBlocks() {
        var engine = engine(blocks: 101, blockSize: 10)
        engine.submit(1, work(25, 10), at: .zero)
        _ = engine.advance(to: .milliseconds(3))
        #expect(engine.gauges.kvCacheUsage.isClose(to: 0.03))
        // 25 + 6 tokens have been computed when the seventh comes out.
        _ = engine.advance(to: .milliseconds(3 + 6 * 20))
        #expect(engine.gauges.kvCacheUsage.isClose(to: 0.04))
        _ = drain(&engine)
        #expect(engine.gauges.kvCacheUsage == 0)
    }

    @Test func whereBlocksRunOutTheYoungestIsPreemptedAndRecomputed() {
        // 11 blocks of 10 tokens less the null block: two requests of 80 tokens in the end do not fit together.
        var engine = engine(blocks: 11, blockSize: 10, maxModelLength: 100)
        engine.submit(1, work(30, 50), at: .zero)
        engine.submit(2, work(30, 50), at: .zero)
        var sawPreempted = false
        var ended: [Int] = []
        while let next = engine.nextEvent {
            ended += engine.advance(to: next).filter { $0.ending != nil }.map(\.id)
            if engine.statistics.preemptions > 0, engine.gauges.waiting == 1 { sawPreempted = true }
        }
        #expect(sawPreempted)
        #expect(ended == [1, 2])
        #expect(engine.statistics.preemptions == 1)
        #expect(engine.statistics.requestPreemptions.sum == 1)
        // Neither the prompt nor its lookup counts twice.
        #expect(engine.statistics.promptTokens == 60)
        #expect(engine.statistics.prefixCacheQueries == 60)
        #expect(engine.statistics.generationTokens == 100)
        #expect(engine.gauges.kvCacheUsage == 0)
    }

    @Test func anAbortedRequestFreesItsSlotAndCountsNowhere() {
        var engine = engine(slots: 1)
        engine.submit(1, work(10, 100), at: .zero)
        engine.submit(2, work(10, 2), at: .zero)
        _ = engine.advance(to: .milliseconds(200))
        engine.abort(1)
        #expect(engine.gauges == EngineGauges(running: 0, waiting: 1, kvCacheUsage: 0))
        #expect(drain(&engine).compactMap(\.event.ending) == [.length])
        #expect(engine.statistics.finished == [.length: 1])
        #expect(engine.statistics.requestPromptTokens.count == 1)
        #expect(engine.statistics.timeToFirstToken.count == 2)
    }

    @Test func gaugesAfterADisconnect() {
        var engine = engine()
        engine.submit(1, work(10, 100), at: .zero)
        engine.submit(2, work(10, 100), at: .zero)
        _ = engine.advance(to: .milliseconds(200))
        engine.abort(1)
        #expect(engine.gauges.running == 1)
        engine.abort(2)
        #expect(engine.gauges == EngineGauges())
        #expect(engine.nextEvent == nil)
    }

    @Test func allAreAbortedAtOnce() {
        var engine = engine(slots: 1)
        engine.submit(1, work(10, 100), at: .zero)
        engine.submit(2, work(10, 100), at: .zero)
        _ = engine.advance(to: .milliseconds(100))
        #expect(engine.abortAll().map(\.ending) == [.abort, .abort])
        #expect(engine.gauges == EngineGauges() && engine.nextEvent == nil && engine.inFlight == 0)
    }

    @Test func randomLoadsKeepTheBooks() {
        for seed in UInt64(1)...30 {
            var random = SeededGenerator(seed: seed)
            var engine = engine(
                slots: .random(in: 1...6, using: &random), blocks: 14, blockSize: 10, maxModelLength: 120)
            var expected = 0
            var aborted = 0
            for id in 0..<40 {
                let now = Duration.milliseconds(id * 37)
                _ = engine.advance(to: now)
                let output = Int.random(in: 1...60, using: &random)
                engine.submit(id, work(.random(in: 1...60, using: &random), output), at: now)
                expected += output
                #expect((0...1).contains(engine.gauges.kvCacheUsage))
                #expect(engine.gauges.running <= engine.settings.maxSequences)
                if id % 7 == 3 {
                    engine.abort(id)
                    aborted += 1
                    expected -= output
                }
            }
            _ = drain(&engine)
            #expect(engine.statistics.finished == [.length: 40 - aborted], "seed \(seed)")
            #expect(engine.statistics.requestGenerationTokens.sum == Double(expected))
            #expect(engine.statistics.generationTokens >= expected)
            #expect(engine.gauges == EngineGauges())
            #expect(engine.inFlight == 0)
        }
    }
}

extension Double {
    func isClose(to other: Double) -> Bool { abs(self - other) < 1e-9 }
}
