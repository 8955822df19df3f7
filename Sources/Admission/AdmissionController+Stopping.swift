import Fleet

/// The gateway's own end.
struct GatewayDrain: Sendable {
    var deadline: Timestamp
    var cut = 0
    var isReported = false
}

extension AdmissionController {
    /// Gives a pool up for a stop, if there is proof that it is idle: nothing in flight, nothing held, no wake, and that for
    /// the grace. From this step on an arrival is held and wakes it.
    mutating func closeIfIdle(_ desk: Int) {
        touch(desk)
        let quiet = desks[desk].idleSince.map { now - $0 >= desks[desk].limits.idleGrace } ?? false
        guard desks[desk].isEmpty, desks[desk].lease == nil, quiet else {
            actions.append(.notIdle(demand(ofDesk: desk, now: now)))
            return
        }
        for index in desks[desk].replicas.indices {
            let destination = Destination(pool: desks[desk].id, replica: desks[desk].replicas[index].id)
            switch desks[desk].replicas[index].phase {
            case .booting, .away, .draining, .closed: continue
            case .climbing, .ready, .ejected: break
            }
            desks[desk].replicas[index].phase = .closed
            timers.set(.replica(destination), at: now + settings.stopPatience)
            actions.append(.dropConnections(destination))
        }
        actions.append(.closed(desks[desk].id))
    }

    /// Requests that have not ended by the deadline of a replica's drain are cut.
    mutating func cutAll(_ index: Int, _ desk: Int) {
        let replica = desks[desk].replicas[index]
        // Said here with its count, and not when the last of them has gone.
        desks[desk].replicas[index].phase = .draining(wasReady: false, isDone: true)
        for id in replica.inFlight.sorted() { cut(id) }
        actions.append(
            .drained(Destination(pool: desks[desk].id, replica: replica.id), cut: replica.inFlight.count))
    }

    private mutating func cut(_ id: RequestID) {
        actions.append(.cut(id))
        end(id, .drainDeadline)
    }

    var drainRefusal: Refusal {
        Refusal(.draining, "This gateway is being stopped.", retryAfter: settings.retryAfter)
    }

    /// What waits for a slot may still get one; what waits for a wake is better off at another gateway.
    mutating func startDrain(_ deadline: Timestamp) {
        drain = GatewayDrain(deadline: min(deadline, drain?.deadline ?? deadline), cut: drain?.cut ?? 0)
        timers.set(.drainDeadline, at: drain?.deadline ?? deadline)
        for desk in desks.indices { touch(desk) }
    }

    mutating func finishDrain() {
        for desk in desks.indices { refuseHeld(desk, drainRefusal) }
        let late = requests.keys.sorted()
        drain?.cut += late.count
        for id in late { cut(id) }
    }

    mutating func reportDrained() {
        guard let drain, !drain.isReported else { return }
        self.drain?.isReported = true
        timers.cancel(.drainDeadline)
        actions.append(.gatewayDrained(cut: drain.cut))
    }
}
