import Testing

@testable import Collectors

struct SingleChildTests {
    @Test(.timeLimit(.minutes(1)))
    func aChildThatCannotBeKilledHoldsUpNobodyAndNoOtherIsStarted() async {
        let wedge = Wedge()
        let child = SingleChild { _ in await wedge.hang() }
        #expect(await child.run([], until: .now + .milliseconds(20)) == .overdue)
        for _ in 1...3 { #expect(await child.run([], until: .now + .seconds(30)) == .stuck) }
        #expect(await wedge.starts == 1)

        await wedge.letGo()
        // The old child is reaped soon after; then the next one starts, and is late like the first.
        while await child.run([], until: .now + .milliseconds(20)) == .stuck { await Task.yield() }
        #expect(await wedge.starts == 2)
        await wedge.letGo()
    }

    @Test func theOutcomeOfARunIsItsOwn() async {
        let child = SingleChild { .exited(code: 3, output: Array($0.joined(separator: " ").utf8)) }
        for word in ["a", "b", "c"] {
            let outcome = await child.run(["-q", word], until: .now + .seconds(30))
            #expect(outcome == .exited(code: 3, output: Array("-q \(word)".utf8)))
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func cancellingTheCallerKillsTheChild() async {
        let child = SingleChild { _ in
            do {
                try await Task.sleep(for: .seconds(3600))
                return .exited(code: 0, output: [])
            } catch {
                return .failed("killed")
            }
        }
        let caller = Task { await child.run([], until: .now + .seconds(10)) }
        caller.cancel()
        #expect(await caller.value == .failed("killed"))
    }

    @Test(.timeLimit(.minutes(1)))
    func aCancelledCallerDoesNotWaitForAChildThatCannotBeKilled() async {
        let wedge = Wedge()
        let child = SingleChild { _ in await wedge.hang() }
        let caller = Task { await child.run([], until: .now + .seconds(3600)) }
        caller.cancel()
        #expect(await caller.value == .overdue)
        while await wedge.starts == 0 { await Task.yield() }
        await wedge.letGo()
    }
}

/// A child that ignores being killed until it is let go.
actor Wedge {
    private(set) var starts = 0
    private var held: CheckedContinuation<Void, Never>?

    func hang() async -> ChildOutcome {
        starts += 1
        await withCheckedContinuation { held = $0 }
        return .exited(code: 0, output: Array("late".utf8))
    }

    func letGo() { held?.resume() }
}
