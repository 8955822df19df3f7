import Exporters
import Fleet
import FoundationEssentials
import TestSupport
import Testing

@testable import Policy

@Suite struct TickExplanationTests {
    private func tick() throws -> StoredTick {
        let pool = SampleSnapshot.growing.pools[0]
        var output = try #require(pool.output)
        let standings = [(0.9, 0.98671), (0.95, 0.99482), (0.97, 0.99623)].map { level, share in
            ShadowStanding(
                candidate: ShadowCandidate(
                    signal: .quantile(level), delay: ShadowCandidate.delays[1], band: 0), share: share,
                meanReplicas: 3 + 20 * (share - 0.98))
        }
        output.choice = ShadowChoice(
            desired: 5, followed: standings[1], below: standings[0], above: standings[2], required: 0.9921,
            share: 0.9935, isLearning: false)
        output.work = PoolWork(arrivals: 58.5, backlog: 18, boot: .seconds(437))
        output.events = [.booted(ReplicaID(rawValue: "i-0790cd1e2f3a4b5c6"), took: .seconds(401))]
        return StoredTick(
            settings: pool.settings, input: try #require(pool.input), memoryBefore: pool.memory, output: output)
    }

    @Test("all that a decision rested on, its steps as sentences, and what came of it")
    func golden() throws {
        let explanation = TickExplanation(PoolID(rawValue: "chat"), try tick(), result: "accepted")
        try Golden.expect([UInt8]((explanation.text + "\n").utf8), at: "Tests/Golden/exporters/explain.txt")
        struct Answer: Decodable {
            struct Step: Decodable { var without: Int? }
            var pool, at, action, result: String
            var steps: [Step]
        }
        let answer = try JSONDecoder().decode(Answer.self, from: Data(explanation.json))
        #expect((answer.pool, answer.action, answer.result) == ("chat", "grow to 6", "accepted"))
        #expect(answer.steps.map(\.without) == [4, 5, 6])
    }

    @Test("a tick without a fleet says so")
    func unknownFleet() throws {
        var tick = try tick()
        tick.input.fleetError = "unreachable: refused"
        (tick.output.decision, tick.output.supply, tick.output.action) = (
            Decision(current: nil, target: nil, steps: []), nil, nil
        )
        let text = TickExplanation(PoolID(rawValue: "chat"), tick, result: nil).text
        for words in ["fleet unknown", "unreachable: refused", "did not answer", "nothing was asked"] {
            #expect(text.contains(words), "\(words)")
        }
    }

    @Test("the ledger is a table with a line for each rule that had a say")
    func ledger() {
        let lines = SampleSnapshot.growing.pools[0].counters.rules.table
        #expect(
            lines == [
                "rule             settled  share  added h   USD  denied h   USD",
                "observed_demand      0 s    0 %        1  2.40         -     -",
                "step_up              1 h  100 %        -     -         1  2.40",
            ])
    }
}
