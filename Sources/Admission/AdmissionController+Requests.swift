import Fleet

/// Calls with the same one are repetitions of each other.
struct CallIdentity: Hashable, Sendable {
    var key: KeyID
    var hash: UInt64
}

extension AdmissionController {
    /// Lets a request in, or refuses it:
    ///
    /// 1. The gateway drains; the model is unknown; the key may not use it.
    /// 2. The key's own limits.
    /// 3. A free slot serves it at once. Whoever waits is before it, so there is none while somebody does.
    /// 4. It may be held: a wake is possible and can be in time, and there is room to hold it.
    ///
    /// A repetition of a call that is held takes its place instead of a second one.
    mutating func arrive(_ arrival: Arrival) {
        guard requests[arrival.id] == nil else { return }
        let key = settings.keys[arrival.key] ?? KeyLimits()
        let priority = min(arrival.priority ?? key.priority, key.priority)
        guard let pool = settings.models[arrival.model], let desk = deskIndex[pool] else {
            return refuse(arrival, priority, nil, Refusal(.modelNotFound, "The model is not known here."))
        }
        let request = LetInRequest(
            arrival: arrival, arrivedAt: now, pool: desk, place: FairQueue.Place(priority: priority, key: arrival.key),
            mayWake: key.mayWake, bodyBytes: max(0, arrival.bodyBytes),
            nextBeat: arrival.isStreaming ? beat(now + settings.firstHeartbeat) : nil,
            wakesBefore: desks[desk].wakesEnded)
        let earlier = arrival.retryCount > 0 ? heldTwin(of: request) : nil
        let free = desks[desk].queue.isEmpty ? desks[desk].choose(for: request) : nil
        if let refusal = barred(arrival, key, replacing: earlier) ?? (free == nil ? unheld(request, earlier) : nil) {
            return refuse(arrival, priority, pool, refusal)
        }
        keys.letIn(arrival.key, key, now: now)
        desks[desk].arrivals += 1
        touch(desk)
        if let free { return send(request, to: free) }
        requests[arrival.id] = request
        if let earlier {
            desks[desk].queue.replace(earlier.id, with: arrival.id, at: request.place)
            countHeld(request, +1)
            actions.append(.cut(earlier.id))
            end(earlier.id, .superseded)
        } else {
            desks[desk].queue.append(arrival.id, at: request.place)
            countHeld(request, +1)
        }
        if let identity = request.identity { identities[identity] = arrival.id }
        setTimer(arrival.id)
    }

    private func barred(_ arrival: Arrival, _ key: KeyLimits, replacing earlier: LetInRequest?) -> Refusal? {
        if drain != nil { return drainRefusal }
        if let models = key.models, !models.contains(arrival.model) {
            return Refusal(.modelNotAllowed, "The key may not use this model.")
        }
        return keys.refusal(arrival.key, key, replaced: earlier == nil ? 0 : 1, now: now, settings.retryAfter)
    }

    /// Why a request that finds no free slot cannot be held; `nil` when it can.
    private mutating func unheld(_ request: LetInRequest, _ earlier: LetInRequest?) -> Refusal? {
        let desk = request.pool
        if !desks[desk].isServed, let refusal = cannotWake(for: request) { return refusal }
        let count = earlier == nil ? 1 : 0
        let bytes = request.bodyBytes - (earlier?.bodyBytes ?? 0)
        return fits(desk, count: count, bytes: bytes) ? nil : queueFull
    }

    private func fits(_ desk: Int, count: Int, bytes: Int) -> Bool {
        let limits = desks[desk].limits
        return desks[desk].queue.count + count <= limits.maximumHeld
            && desks[desk].heldBodyBytes + bytes <= limits.maximumHeldBodyBytes
            && held + count <= settings.maximumHeld && heldBodyBytes + bytes <= settings.maximumHeldBodyBytes
    }

    private var queueFull: Refusal {
        Refusal(.queueFull, "Too many requests wait for this model.", retryAfter: settings.retryAfter)
    }

    private func heldTwin(of request: LetInRequest) -> LetInRequest? {
        guard let identity = request.identity, let id = identities[identity], let twin = requests[id],
            twin.sentTo == nil, twin.pool == request.pool, twin.place == request.place
        else { return nil }
        return twin
    }

    mutating func bodyGrew(_ id: RequestID, to bytes: Int) {
        guard let request = requests[id], bytes > request.bodyBytes else { return }
        let more = bytes - request.bodyBytes
        guard request.sentTo != nil || fits(request.pool, count: 0, bytes: more) else {
            return reject(id, queueFull)
        }
        if request.sentTo == nil {
            desks[request.pool].heldBodyBytes += more
            heldBodyBytes += more
        }
        requests[id]?.bodyBytes = bytes
    }

    /// Sends what is held to where there is room, in order. One that came back waits for another replica alone, without
    /// holding up the rest.
    mutating func release(_ desk: Int) {
        while let id = desks[desk].queue.returned.first, dispatch(id) {}
        while let id = desks[desk].queue.next, dispatch(id) {}
    }

    /// - Returns: whether there was room.
    private mutating func dispatch(_ id: RequestID) -> Bool {
        guard let request = requests[id], let index = desks[request.pool].choose(for: request) else { return false }
        desks[request.pool].queue.release(id, from: request.place)
        countHeld(request, -1)
        send(request, to: index)
        return true
    }

    private mutating func send(_ held: LetInRequest, to index: Int) {
        var request = held
        dispatches += 1
        desks[request.pool].replicas[index].lastUsed = dispatches
        desks[request.pool].replicas[index].inFlight.insert(request.id)
        desks[request.pool].inFlight += 1
        let replica = desks[request.pool].replicas[index].id
        request.isCold = request.isCold || desks[request.pool].wakesEnded > request.wakesBefore
        request.sentTo = replica
        request.lastReplica = replica
        request.attempts += 1
        request.dispatchedAt = request.dispatchedAt ?? now
        requests[request.id] = request
        // An engine may be silent for long while it reads the prompt, so comments go on until the first byte.
        setTimer(request.id)
        let destination = Destination(pool: desks[request.pool].id, replica: replica)
        actions.append(.dispatch(request.id, to: destination, attempt: request.attempts))
    }

    mutating func responseStarted(_ id: RequestID) {
        guard requests[id]?.sentTo != nil, requests[id]?.firstByteAt == nil else { return }
        requests[id]?.firstByteAt = now
        timers.cancel(.request(id))
    }

    mutating func finished(_ id: RequestID, _ status: Int) {
        guard let request = requests[id], let replica = request.sentTo else { return }
        score(replica, of: request.pool, isFailure: [500, 502, 503, 504].contains(status))
        end(id, .served(status: status))
    }

    /// Sends a request again, if that can do no harm, or ends it.
    mutating func failed(_ id: RequestID, _ failure: DispatchFailure) {
        guard let request = requests[id], let replica = request.sentTo else { return }
        switch failure {
        case .unreachable: becomeUnready(replica, of: request.pool)
        case .unsent: break
        case .turnedAway, .unanswered, .midway: score(replica, of: request.pool, isFailure: true)
        }
        guard failure != .midway, request.firstByteAt == nil else {
            actions.append(.cut(id))
            return end(id, .brokenOff)
        }
        let isHarmless = failure != .unanswered || request.arrival.isSafeToRepeat
        let patience = desks[request.pool].patience(for: request.arrival)
        guard isHarmless, request.attempts < settings.maximumAttempts, now < request.arrivedAt + patience else {
            return reject(id, Refusal(.upstreamFailed, "The replica that was to serve this request failed."))
        }
        leaveReplica(request)
        if failure != .unsent { requests[id]?.tried.append(replica) }
        requests[id]?.sentTo = nil
        desks[request.pool].queue.giveBack(id)
        countHeld(request, +1)
        setTimer(id)
    }

    /// Beats, or ends a wait that was long enough.
    mutating func requestIsDue(_ id: RequestID) {
        guard let request = requests[id] else { return }
        let eta = desks[request.pool].expectedWait(now)
        if request.sentTo == nil, now >= request.arrivedAt + desks[request.pool].patience(for: request.arrival) {
            let refusal =
                desks[request.pool].isServed
                ? Refusal(.queueTimeout, "No slot became free in time.", retryAfter: settings.retryAfter)
                : Refusal(
                    .wakeTimeout, "The model did not wake up in time.", retryAfter: eta ?? settings.retryAfter)
            return reject(id, refusal)
        }
        if let due = request.nextBeat, due <= now {
            actions.append(.heartbeat(id, eta: eta))
            let next = beat(now + settings.heartbeat)
            requests[id]?.nextBeat = next
        }
        setTimer(id)
    }

    private mutating func setTimer(_ id: RequestID) {
        guard let request = requests[id] else { return }
        let end = request.sentTo == nil ? request.arrivedAt + desks[request.pool].patience(for: request.arrival) : nil
        guard let due = end ?? request.nextBeat else { return timers.cancel(.request(id)) }
        timers.set(.request(id), at: min(due, request.nextBeat ?? due))
    }

    /// Comments are due at whole tenths of seconds, so that thousands of waiters share a few wake-ups.
    private func beat(_ moment: Timestamp) -> Timestamp {
        Timestamp(millisecondsSince1970: (moment.millisecondsSince1970 + 99) / 100 * 100)
    }

    // MARK: The ends

    mutating func reject(_ id: RequestID, _ refusal: Refusal) {
        actions.append(.reject(id, refusal))
        end(id, .refused(refusal.code))
    }

    /// Refuses all that a pool holds, the oldest first.
    mutating func refuseHeld(_ desk: Int, _ refusal: Refusal) {
        while let id = desks[desk].queue.byAge.first { reject(id, refusal) }
    }

    /// Takes a request out of everything and says so, once.
    mutating func end(_ id: RequestID, _ outcome: RequestRecord.Outcome) {
        guard var request = requests.removeValue(forKey: id) else { return }
        let desk = request.pool
        timers.cancel(.request(id))
        keys.end(request.arrival.key, settings.keys[request.arrival.key] ?? KeyLimits(), now: now)
        if let identity = request.identity, identities[identity] == id { identities[identity] = nil }
        if request.sentTo == nil {
            request.isCold = request.isCold || desks[desk].lease != nil || desks[desk].wakesEnded > request.wakesBefore
            desks[desk].queue.remove(id, from: request.place)
            countHeld(request, -1)
        } else {
            leaveReplica(request)
        }
        actions.append(.ended(request.record(outcome, pool: desks[desk].id, now: now)))
        touch(desk)
    }

    /// A request that was never let in leaves nothing behind.
    private mutating func refuse(_ arrival: Arrival, _ priority: Int, _ pool: PoolID?, _ refusal: Refusal) {
        actions.append(.reject(arrival.id, refusal))
        actions.append(
            .ended(
                RequestRecord(
                    id: arrival.id, model: arrival.model, key: arrival.key, pool: pool, priority: priority,
                    outcome: .refused(refusal.code), arrivedAt: now, endedAt: now, attempts: 0, isCold: false)))
    }

    private mutating func leaveReplica(_ request: LetInRequest) {
        guard let replica = request.sentTo else { return }
        desks[request.pool].inFlight -= 1
        touch(request.pool)
        guard let index = desks[request.pool].index(of: replica) else { return }
        desks[request.pool].replicas[index].inFlight.remove(request.id)
        settleReplica(index, of: request.pool)
    }

    private mutating func countHeld(_ request: LetInRequest, _ sign: Int) {
        held += sign
        heldBodyBytes += sign * request.bodyBytes
        desks[request.pool].heldBodyBytes += sign * request.bodyBytes
        if request.mayWake { desks[request.pool].heldWakers += sign }
    }
}

extension LetInRequest {
    var identity: CallIdentity? { arrival.identity.map { CallIdentity(key: arrival.key, hash: $0) } }
}
