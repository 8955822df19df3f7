import Admission
import Fleet
import Testing

@testable import Gateway

/// A controller that says nothing, or too little.
@Suite struct ControllerWatchTests {
    private let start = Timestamp(millisecondsSince1970: 1_000_000)
    private let other = PoolID(rawValue: "q")

    @Test("A wake is asked for again, ever more rarely, and given up after a minute")
    func unheard() {
        var watch = ControllerWatch(patience: .seconds(60))
        watch.asked(for: pool, now: start)
        var again: [Int] = []
        var givenUp: [Int] = []
        for second in 0...120 {
            let due = watch.due(start + .seconds(second))
            if !due.again.isEmpty { again.append(second) }
            if !due.givenUp.isEmpty { givenUp.append(second) }
        }
        #expect(again == [1, 3, 7, 15, 23, 31, 39, 47, 55])
        #expect(givenUp == [60])
    }

    @Test("News about the pool, or the wake's end, is an answer; news about another pool is not")
    func heard() {
        for end in 0..<3 {
            var watch = ControllerWatch(patience: .seconds(60))
            watch.asked(for: pool, now: start)
            switch end {
            case 0: watch.heard(of: pool, replicas: nil, now: start)
            case 1: watch.wakeEnded(pool)
            default: watch.heard(of: other, replicas: [], now: start)
            }
            #expect(watch.due(start + .seconds(70)).givenUp == (end == 2 ? [pool] : []))
        }
    }

    @Test("Readings are taken back once when no new ones come, and the rest of what is known stays")
    func outdated() {
        var watch = ControllerWatch(patience: .seconds(60))
        let known = ObservedReplica(id: ReplicaID(rawValue: "r"), state: .up, slots: 4, requests: 2, waiting: 1)
        watch.heard(of: pool, replicas: [known], now: start)
        #expect(watch.due(start + .seconds(29)).outdated.isEmpty)
        watch.heard(of: pool, replicas: [known], now: start + .seconds(20))
        #expect(watch.due(start + .seconds(49)).outdated.isEmpty)
        let outdated = watch.due(start + .seconds(50)).outdated
        #expect(outdated.map(\.0) == [pool])
        #expect(outdated.first?.1 == [ObservedReplica(id: known.id, state: .up, slots: 4)])
        #expect(watch.due(start + .seconds(90)).outdated.isEmpty)
    }

    @Test("A waiter is told when nobody answers who could start a replica")
    func deaf() async throws {
        try await RunningGateway.run { settings, _, _ in
            settings.controllerPatience = .seconds(2)
        } _: { gateway in
            let waiter = try await gateway.request(chat())
            #expect(await gateway.holds(1))
            #expect(try await waiter.message().status == 503)
            #expect(gateway.controller.wakes > 1)
        }
    }
}
