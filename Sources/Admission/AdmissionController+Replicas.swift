import Fleet

extension AdmissionController {
    /// Takes over what the controller sees of a pool's replicas.
    mutating func observe(_ seen: [ObservedReplica], desk: Int) {
        let named = Set(seen.map(\.id))
        for replica in seen where !desks[desk].isRetired {
            let index = indexOrNew(replica.id, desk)
            desks[desk].replicas[index].report(replica, desks[desk].limits)
            change(to: replica.state, index, desk)
        }
        for index in desks[desk].replicas.indices.reversed()
        where !named.contains(desks[desk].replicas[index].id) || desks[desk].isRetired {
            desks[desk].replicas[index].isListed = false
            change(to: .down, index, desk)
        }
        touch(desk)
    }

    private mutating func indexOrNew(_ id: ReplicaID, _ desk: Int) -> Int {
        if let index = desks[desk].index(of: id) { return index }
        let index = desks[desk].replicas.firstIndex { id < $0.id } ?? desks[desk].replicas.count
        desks[desk].replicas.insert(RoutedReplica(id: id, slots: desks[desk].limits.slots), at: index)
        return index
    }

    private mutating func change(to state: ObservedReplica.State, _ index: Int, _ desk: Int) {
        let phase = desks[desk].replicas[index].phase
        if phase == .booting || phase == .away, state != .booting, state != .down,
            !desks[desk].replicas[index].inFlight.isEmpty
        {
            actions.append(.found(destination(index, desk)))
        }
        switch (state, phase) {
        case (.booting, .booting), (.down, .away), (.up, .climbing), (.up, .ready), (.up, .ejected), (.up, .closed):
            break
        case (.draining(let deadline), .draining(_, let isDone)):
            if !isDone { timers.set(timerKey(index, desk), at: deadline) }
        case (.booting, _), (.down, _):
            timers.cancel(timerKey(index, desk))
            desks[desk].replicas[index].phase = state == .booting ? .booting : .away
            if phase != .booting, phase != .away {
                actions.append(.dropConnections(destination(index, desk)))
                if !desks[desk].replicas[index].inFlight.isEmpty { actions.append(.lost(destination(index, desk))) }
            }
            if state == .booting { desks[desk].failure = nil }
        case (.up, .draining(let wasReady, _)) where wasReady:
            timers.cancel(timerKey(index, desk))
            becomeReady(index, desk)
        case (.up, _):
            desks[desk].failure = nil
            climb(index, desk)
        case (.draining(let deadline), _):
            desks[desk].replicas[index].phase = .draining(wasReady: phase == .ready, isDone: false)
            timers.set(timerKey(index, desk), at: deadline)
        }
        settleReplica(index, of: desk)
    }

    /// Forgets a replica that is gone, and reports one that has drained, once their last request has ended.
    mutating func settleReplica(_ index: Int, of desk: Int) {
        guard desks[desk].replicas[index].inFlight.isEmpty else { return }
        if case .draining(let wasReady, isDone: false) = desks[desk].replicas[index].phase {
            timers.cancel(timerKey(index, desk))
            desks[desk].replicas[index].phase = .draining(wasReady: wasReady, isDone: true)
            actions.append(.drained(destination(index, desk), cut: 0))
        }
        if !desks[desk].replicas[index].isListed { desks[desk].replicas.remove(at: index) }
    }

    mutating func replicaIsDue(_ destination: Destination) {
        guard let desk = deskIndex[destination.pool], let index = desks[desk].index(of: destination.replica) else {
            return
        }
        switch desks[desk].replicas[index].phase {
        case .climbing(let step, asked: nil): probe(step, index, desk)
        case .climbing: probeFailed(index, desk)
        case .ejected, .closed: climb(index, desk)
        case .draining: cutAll(index, desk)
        case .booting, .away, .ready: break
        }
    }

    private func destination(_ index: Int, _ desk: Int) -> Destination {
        Destination(pool: desks[desk].id, replica: desks[desk].replicas[index].id)
    }

    private func timerKey(_ index: Int, _ desk: Int) -> TimerKey { .replica(destination(index, desk)) }

    // MARK: The ladder

    private mutating func climb(_ index: Int, _ desk: Int) { probe(0, index, desk) }

    private mutating func probe(_ step: Int, _ index: Int, _ desk: Int) {
        let ladder = desks[desk].limits.ladder
        guard step < ladder.count else { return becomeReady(index, desk) }
        probes += 1
        desks[desk].replicas[index].phase = .climbing(step: step, asked: probes)
        actions.append(.probe(Probe(destination: destination(index, desk), step: ladder[step], number: probes)))
        timers.set(timerKey(index, desk), at: now + settings.probeDeadline)
    }

    /// One that fails a step begins again: it may have been started anew.
    mutating func probed(_ probe: Probe, _ passed: Bool) {
        guard let desk = deskIndex[probe.destination.pool],
            let index = desks[desk].index(of: probe.destination.replica),
            case .climbing(let step, asked: probe.number) = desks[desk].replicas[index].phase
        else { return }
        if passed { self.probe(step + 1, index, desk) } else { probeFailed(index, desk) }
    }

    private mutating func probeFailed(_ index: Int, _ desk: Int) {
        desks[desk].replicas[index].phase = .climbing(step: 0, asked: nil)
        let pause = desks[desk].queue.isEmpty ? settings.idleProbePause : settings.probePause
        timers.set(timerKey(index, desk), at: now + pause)
    }

    /// Somebody waits: pauses between probes end.
    mutating func hurryProbes(_ desk: Int) {
        for index in desks[desk].replicas.indices {
            guard case .climbing(let step, asked: nil) = desks[desk].replicas[index].phase else { continue }
            probe(step, index, desk)
        }
    }

    private mutating func becomeReady(_ index: Int, _ desk: Int) {
        timers.cancel(timerKey(index, desk))
        desks[desk].replicas[index].phase = .ready
        desks[desk].replicas[index].failuresInRow = 0
        // One that has just become ready has not been idle.
        if desks[desk].isEmpty { desks[desk].idleSince = now }
        touch(desk)
    }

    /// A stop was called off: what was closed for it shows again that it can serve.
    mutating func reopen(_ desk: Int) {
        for index in desks[desk].replicas.indices where desks[desk].replicas[index].phase == .closed {
            climb(index, desk)
        }
        touch(desk)
    }

    // MARK: Failures

    /// Nothing listens there: whatever the controller believes, it is not ready.
    mutating func becomeUnready(_ replica: ReplicaID, of desk: Int) {
        guard let index = desks[desk].index(of: replica), desks[desk].replicas[index].isReady else { return }
        actions.append(.dropConnections(destination(index, desk)))
        climb(index, desk)
    }

    /// Counts how a replica served a request, and takes it out for a while after too many failures in a row, unless too
    /// many others are out.
    mutating func score(_ replica: ReplicaID, of desk: Int, isFailure: Bool) {
        guard let index = desks[desk].index(of: replica) else { return }
        guard isFailure else {
            desks[desk].replicas[index].failuresInRow = 0
            desks[desk].replicas[index].ejections = 0
            return
        }
        desks[desk].replicas[index].failuresInRow += 1
        let failures = desks[desk].replicas[index].failuresInRow
        guard failures >= settings.ejectionFailures, desks[desk].replicas[index].isReady else { return }
        let ready = desks[desk].replicas.count { $0.isReady }
        let out = desks[desk].replicas.count { $0.phase == .ejected || $0.ejections > 0 && $0.isComing }
        let most = max(1, Int(settings.maximumEjectedShare * Double(ready + out)))
        guard ready > 1, out < most else { return }
        let doublings = min(desks[desk].replicas[index].ejections, 16)
        let until = now + min(settings.ejection * (1 << doublings), settings.maximumEjection)
        desks[desk].replicas[index].phase = .ejected
        desks[desk].replicas[index].ejections += 1
        timers.set(timerKey(index, desk), at: until)
        actions.append(.dropConnections(destination(index, desk)))
        actions.append(.ejected(destination(index, desk), until: until))
    }
}
