package import Fleet
import Forecast

/// A pool without a serving replica is asked for, until one serves or nobody has asked for too long.
package struct WakeCall: Hashable, Sendable, Codable {
    package enum Cause: String, Hashable, Sendable, Codable, CaseIterable {
        /// Somebody outside said so.
        case asked
        /// Requests are there, such as at a gateway.
        case requests
        /// The forecast expects some by the time at which a replica ordered now would serve.
        case forecast
    }

    package var cause: Cause
    package var since: Timestamp
    /// Unless somebody asks again, or a replica is on its way.
    package var until: Timestamp
}

extension PoolMemory {
    /// Somebody asks for the pool; who asks again keeps the call alive.
    mutating func call(_ cause: WakeCall.Cause, at asked: Timestamp, _ settings: PolicySettings, now: Timestamp) {
        guard settings.scaleToZero != nil else { return }
        let life = max(boots.p90(expected: settings.boot.expected) * 2, settings.interval * 4)
        wake = WakeCall(cause: wake?.cause ?? cause, since: wake?.since ?? min(asked, now), until: now + life)
    }

    /// Takes note of who asks for a pool in which nobody serves, and of the end of the asking.
    ///
    /// - Parameter asked: when somebody outside last asked, if that was since the last tick.
    mutating func noteWake(_ asked: Timestamp?, _ tick: TickContext) -> [PoolEvent] {
        let isServed = !tick.supply.serving.isEmpty
        if !isServed {
            if let asked {
                call(.asked, at: asked, tick.settings, now: tick.now)
            } else if (tick.demand.requests ?? 0) > 0 {
                call(.requests, at: tick.now, tick.settings, now: tick.now)
            } else if tick.isAtZero, tick.expectsRequests {
                call(.forecast, at: tick.now, tick.settings, now: tick.now)
            }
        }
        guard let call = wake else { return [] }
        let took = tick.now - call.since
        if isServed {
            wake = nil
            return [.woken(call.cause, took: took)]
        }
        guard tick.now >= call.until, tick.current == 0 else { return [] }
        wake = nil
        return [.wakeFailed(call.cause, after: took)]
    }

    /// Idle is a pool whose engines all say that they have nothing to do, and that they have done nothing since they were
    /// asked last.
    ///
    /// It stays idle over a missed reading, for as long as a reading counts; and while the last replica drains, which is
    /// no longer asked to say anything.
    mutating func noteIdle(_ asked: Timestamp?, _ tick: TickContext) {
        let demand = tick.demand
        if isWanted(asked, demand, tick.observation) { return idleSince = nil }
        let patience = max(tick.settings.maximumAge, tick.settings.interval * 2)
        let isLastDraining = tick.current == 0 && !tick.supply.draining.isEmpty
        if !isLastDraining, idleSeen.map({ tick.now - $0 > patience }) ?? true { idleSince = nil }
        guard demand.requests == 0, demand.missing == 0, demand.engines > 0, tick.supply.lost.isEmpty else { return }
        (idleSince, idleSeen) = (idleSince ?? tick.now, tick.now)
    }

    /// Whether somebody is known to ask for something, or to have asked since the last tick.
    func isWanted(_ asked: Timestamp?, _ demand: Demand, _ observation: PoolObservation) -> Bool {
        demand.requests ?? 0 > 0 || asked != nil || wake != nil
            || observation.engines.contains { engine in
                [engine.finishedPerSecond, engine.promptTokensPerSecond, engine.generationTokensPerSecond].contains {
                    $0.map { $0 > 0 } ?? false
                }
            }
    }

    /// Whether its removal was asked for and not refused, so that nothing can call it back.
    func isRemoved(_ id: ReplicaID) -> Bool {
        if case .remove(let ids, _) = pending?.planned.action, ids.contains(id) { return true }
        return removed.since(id) != nil
    }
}

extension TickContext {
    /// By the control plane's word nothing is there, and nothing on its way.
    var isAtZero: Bool { supply.isAtZero(fleet) }

    /// Whether the last replica is nobody's need: none is there and nobody asks for one, or it has been idle for so long
    /// that stopping it pays.
    var mayRest: Bool {
        guard settings.scaleToZero != nil, memory.wake == nil else { return false }
        if isAtZero { return demand.requests == 0 }
        guard let idleFor, idleFor >= idleNeeded else { return false }
        return expectedAgain == nil
    }

    var idleFor: Duration? { memory.idleSince.map { now - $0 } }

    static let leastIdle: Duration = .seconds(600)

    /// Without a forecast to trust, what it has cost to stay is a guess at what it will: the longer the wake, the longer.
    var idleNeeded: Duration {
        let boot = memory.boots.p90(expected: settings.boot.expected)
        return settings.scaleToZero?.after ?? max(Self.leastIdle, boot * (forecast?.untilBreakEven == nil ? 4 : 2))
    }

    /// The demand that a trusted forecast expects before stopping and starting would have paid; `nil` below one request.
    var expectedAgain: (requests: Double, within: Duration)? {
        guard settings.signals.actsOnForecast, let ahead = forecast?.untilBreakEven,
            let requests = ahead.largest(settings.forecast), requests >= 1
        else { return nil }
        return (requests, ahead.lead)
    }

    /// Whether a trusted forecast expects a request by the time at which a replica ordered now would serve.
    var expectsRequests: Bool {
        guard settings.signals.actsOnForecast, let forecast, forecast.skill.isActive else { return false }
        return isWorthAReplica(forecast.expected(settings.forecast) ?? 0)
    }

    /// In a pool that may go to zero, less than a request is no reason to have a replica.
    func isWorthAReplica(_ expected: Double) -> Bool { settings.scaleToZero == nil || expected >= 1 }
}

extension Supply {
    func isAtZero(_ fleet: FleetState) -> Bool {
        undelivered == 0
            && fleet.replicas.allSatisfy { replica in
                switch replica.state {
                case .terminating, .stopped, .failed: true
                case .booting, .ready: false
                }
            }
    }
}
