import Fleet

extension AdmissionController {
    /// Why waiting for a replica would be in vain; `nil` when it would not. A request that cannot wait for as long as it
    /// takes still wakes the pool, so that it finds a replica when it comes back.
    mutating func cannotWake(for request: LetInRequest) -> Refusal? {
        let desk = request.pool
        if let failure = desks[desk].failure {
            guard failure.until <= now else {
                return Refusal(
                    .wakeFailed, "The model could not be woken: \(failure.reason)", retryAfter: failure.until - now)
            }
            desks[desk].failure = nil
        }
        if !request.mayWake, desks[desk].lease?.isAsked != true, !desks[desk].isComing {
            return Refusal(.modelAsleep, "The model sleeps, and the key may not wake it.")
        }
        guard let wait = desks[desk].expectedWait(now), wait > desks[desk].patience(for: request.arrival) else {
            return nil
        }
        if request.mayWake {
            startWake(desk, asks: true)
            // Twice as long: the one who comes back is to find it, late as it may be.
            let until = max(desks[desk].lease?.keptUntil ?? now, now + wait * 2)
            desks[desk].lease?.keptUntil = until
            timers.set(.lease(desks[desk].id), at: until)
            touch(desk)
        }
        return Refusal(
            .wakeTimeout, "The model is waking up, which takes longer than this request can wait.", retryAfter: wait)
    }

    /// What a pool without a ready replica does about those who wait.
    mutating func settleWake(_ desk: Int) {
        if drain != nil { refuseHeld(desk, drainRefusal) }
        if desks[desk].queue.isEmpty {
            let isKept = desks[desk].lease?.keptUntil.map { now < $0 } ?? false
            if !isKept || drain != nil { endWake(desk, .abandoned) }
        } else if desks[desk].heldWakers == 0, !desks[desk].isComing, desks[desk].lease?.isAsked != true {
            refuseHeld(desk, Refusal(.modelAsleep, "The model went to sleep, and the key may not wake it."))
        } else {
            startWake(desk, asks: desks[desk].heldWakers > 0)
        }
    }

    private mutating func startWake(_ desk: Int, asks: Bool) {
        if desks[desk].lease == nil {
            desks[desk].lease = PoolDesk.WakeLease(startedAt: now)
            hurryProbes(desk)
        }
        guard asks, desks[desk].lease?.isAsked == false else { return }
        desks[desk].lease?.isAsked = true
        actions.append(.wake(desks[desk].id))
    }

    /// Does nothing when there is no wake.
    mutating func endWake(_ desk: Int, _ outcome: WakeRecord.Outcome) {
        guard let lease = desks[desk].lease else { return }
        desks[desk].lease = nil
        desks[desk].wakesEnded += 1
        desks[desk].outlook.readyAt = nil
        timers.cancel(.lease(desks[desk].id))
        actions.append(
            .wakeEnded(
                WakeRecord(
                    pool: desks[desk].id, outcome: outcome, startedAt: lease.startedAt, endedAt: now,
                    waiters: desks[desk].queue.count)))
    }

    /// A replica that serves anyway makes the failure nobody's concern.
    mutating func wakeFailed(_ reason: String, desk: Int) {
        guard !desks[desk].isServed else { return }
        desks[desk].failure = (reason, now + settings.failedWakeMemory)
        endWake(desk, .failed(reason))
        refuseHeld(
            desk,
            Refusal(
                .wakeFailed, "The model could not be woken: \(reason)", retryAfter: settings.failedWakeMemory))
    }
}
