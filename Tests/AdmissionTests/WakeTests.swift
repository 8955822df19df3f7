import Fleet
import Testing

@testable import Admission

struct WakeTests {
    @Test func `one wake, however many wait; it ends when a replica is ready`() {
        var gate = Gate()
        let all = (0..<50).map { _ in gate.arrive().actions.wakes }
        #expect(all.reduce(0, +) == 1 && all[0] == 1)
        #expect(gate.demand?.isWaking == true)
        gate.see(["r1": .booting])
        let actions = gate.up(["r1": 4])
        #expect(actions.wakeEnds == [.served])
        #expect(actions.contains { if case .wakeEnded(let record) = $0 { record.waiters == 50 } else { false } })
        #expect(gate.demand?.isWaking == false)
    }

    @Test func `a wake outlives a waiter that leaves, and ends with the last one`() {
        var gate = Gate()
        let ids = gate.arrive(3)
        #expect(gate.send(.cancelled(ids[0])).wakeEnds.isEmpty)
        #expect(gate.send(.cancelled(ids[1])).wakeEnds.isEmpty)
        #expect(gate.send(.cancelled(ids[2])).wakeEnds == [.abandoned])
        #expect(gate.arrive().actions.wakes == 1)
    }

    @Test func `a failed wake answers all who wait, and for a while all who come`() {
        var gate = Gate()
        _ = gate.arrive(3)
        let failed = gate.send(.wakeFailed(Gate.pool, reason: "no capacity"))
        #expect(
            failed.refused == [.wakeFailed, .wakeFailed, .wakeFailed] && failed.wakeEnds == [.failed("no capacity")])
        gate.pass(.seconds(5))
        let retry = gate.arrive { $0.retryCount = 1 }.actions
        #expect(retry.refusal?.code == .wakeFailed && retry.refusal?.retryAfter == .seconds(10) && retry.wakes == 0)
        #expect(retry.refusal?.message.contains("no capacity") == true)
        gate.pass(.seconds(10))
        #expect(gate.arrive().actions.wakes == 1)
    }

    @Test func `a failure is forgotten when a replica comes after all`() {
        var gate = Gate()
        _ = gate.arrive()
        gate.see(["r1": .booting])
        gate.send(.wakeFailed(Gate.pool, reason: "r1 crashed"))
        gate.see(["r1": .booting])
        #expect(gate.arrive().actions.refused == [.wakeFailed])
        gate.see(["r1": .booting, "r2": .booting])
        #expect(gate.arrive().actions.refused.isEmpty)
    }

    @Test func `a failed wake is nobody's concern while a replica serves`() {
        var gate = Gate()
        gate.up(["r1": 1])
        _ = gate.arrive(2)
        #expect(gate.send(.wakeFailed(Gate.pool, reason: "late")).isEmpty)
        #expect(gate.arrive().actions.refused.isEmpty)
    }

    struct Outlook: Sendable {
        var outlook: BootOutlook
        var patience: Duration?
        var retryAfter: Duration?
    }

    @Test(arguments: [
        Outlook(outlook: BootOutlook()),
        Outlook(outlook: BootOutlook(typical: .seconds(480))),
        Outlook(outlook: BootOutlook(typical: .seconds(481)), retryAfter: .seconds(481)),
        Outlook(outlook: BootOutlook(typical: .seconds(60)), patience: .seconds(30), retryAfter: .seconds(60)),
        Outlook(outlook: BootOutlook(typical: .seconds(60)), patience: .seconds(90)),
    ])
    func `a wait that cannot be long enough ends at once, and the pool wakes all the same`(row: Outlook) {
        var gate = Gate()
        gate.send(.boot(Gate.pool, row.outlook))
        let actions = gate.arrive { $0.patience = row.patience }.actions
        #expect(actions.refusal?.code == (row.retryAfter == nil ? nil : .wakeTimeout))
        #expect(actions.refusal?.retryAfter == row.retryAfter)
        #expect(actions.wakes == 1)
        #expect(gate.demand?.isWaking == true)
    }

    /// Told to come back in 600 s: at 590 s the boot has 10 s to go, which fits.
    @Test func `who was told to come back finds the wake under way`() {
        var gate = Gate()
        gate.send(.boot(Gate.pool, BootOutlook(typical: .seconds(600))))
        gate.pass(.seconds(60))
        #expect(gate.arrive().actions.refused == [.wakeTimeout])
        #expect(gate.send(.closeIfIdle(Gate.pool)).contains { if case .notIdle = $0 { true } else { false } })
        #expect(gate.pass(.seconds(590)).wakeEnds.isEmpty)
        let again = gate.arrive().actions
        #expect(again.refused.isEmpty && again.wakes == 0)
        gate.send(.cancelled(RequestID(rawValue: 2)))
        #expect(gate.demand?.isWaking == true)
        // Nobody came: it ends twice as late as the boot was to end.
        #expect(gate.pass(.seconds(610)).wakeEnds == [.abandoned])
    }

    @Test func `when a boot was expected says nothing about the next one`() {
        var gate = Gate()
        _ = gate.arrive()
        gate.send(.boot(Gate.pool, BootOutlook(readyAt: gate.now + .seconds(400))))
        gate.finish(gate.up(["r1": 1]).dispatched[0])
        gate.see([:])
        #expect(gate.arrive { $0.patience = .seconds(30) }.actions.refused.isEmpty)
    }

    @Test func `a repetition needs no more of its key's limit than the call that it repeats`() {
        var gate = Gate { settings, _ in settings.keys[KeyID(rawValue: "k")] = KeyLimits(maximumConcurrent: 1) }
        _ = gate.arrive { $0.identity = 1 }
        #expect(gate.arrive { ($0.identity, $0.retryCount) = (1, 1) }.actions.refused.isEmpty)
        #expect(gate.arrive { ($0.identity, $0.retryCount) = (2, 1) }.actions.refused == [.tooManyRequests])
    }

    @Test func `a repetition takes the place of the call that it repeats`() {
        var gate = Gate { _, limits in limits.maximumHeld = 3 }
        let ids = (1...3).map { identity in gate.arrive { $0.identity = identity }.id }
        let retry = gate.arrive { ($0.identity, $0.retryCount) = (2, 1) }
        #expect(retry.actions.refused.isEmpty && retry.actions.wakes == 0)
        #expect(retry.actions.cut == [ids[1]] && retry.actions.records.map(\.outcome) == [.superseded])
        #expect(gate.demand?.held == 3)
        #expect(gate.up(["r1": 9]).dispatched == [ids[0], retry.id, ids[2]])
        // What is in flight may be about to answer and stays.
        #expect(gate.arrive { ($0.identity, $0.retryCount) = (3, 1) }.actions.cut.isEmpty)
    }

    @Test(arguments: [("other", 1, 0), ("k", 0, 0), ("k", 1, -1)])
    func `only a repetition with the same key and priority does so`(key: String, retryCount: Int, priority: Int) {
        var gate = Gate()
        let first = gate.arrive { $0.identity = 2 }.id
        let second = gate.arrive {
            ($0.identity, $0.retryCount, $0.key, $0.priority) = (2, retryCount, KeyID(rawValue: key), priority)
        }
        #expect(second.actions.cut.isEmpty && gate.demand?.held == 2)
        #expect(gate.up(["r1": 9]).dispatched == [first, second.id])
    }

    @Test func `a key that may not wake joins those who wait, and never asks`() {
        var gate = Gate { settings, _ in settings.keys[KeyID(rawValue: "guest")] = KeyLimits(mayWake: false) }
        func guest(_ arrival: inout Arrival) { arrival.key = KeyID(rawValue: "guest") }
        #expect(gate.arrive(guest).actions.refused == [.modelAsleep])
        let waker = gate.arrive().id
        #expect(gate.arrive(guest).actions.refused.isEmpty)
        // The wake was asked for; it goes on for the guest.
        #expect(gate.send(.cancelled(waker)).wakeEnds.isEmpty)
        gate.send(.cancelled(RequestID(rawValue: 3)))
        // A replica comes by itself: the guest may wait for it, until it goes away again.
        gate.see(["r1": .booting])
        let waiting = gate.arrive(guest).actions
        #expect(waiting.refused.isEmpty && waiting.wakes == 0)
        let gone = gate.see([:])
        #expect(gone.refused == [.modelAsleep] && gone.wakes == 0 && gone.wakeEnds == [.abandoned])
    }

    @Test func `when the last replica goes, those who wait wake the pool`() {
        var gate = Gate()
        gate.up(["r1": 1])
        let ids = gate.arrive(2)
        #expect(gate.see([:]).wakes == 1)
        gate.finish(ids[0])
        #expect(gate.up(["r2": 1]).dispatched == [ids[1]])
        #expect(gate.finish(ids[1]).records.map(\.isCold) == [true])
    }
}
