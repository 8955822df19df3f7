package import Fleet

/// All that one decision depends on, besides the settings and the memory of earlier ones.
package struct TickInput: Hashable, Sendable, Codable {
    package var now: Timestamp
    package var observation: PoolObservation
    /// `nil` when the control plane did not answer; `fleetError` then says why.
    package var fleet: FleetState?
    package var fleetError: String?
    package var authority: Authority
    /// What became of the action of an earlier tick, if it has become known since the last one.
    package var outcome: ActionOutcome?
    /// When somebody outside last asked for the pool, if that was since the last tick.
    package var wake: Timestamp?

    package init(
        now: Timestamp, observation: PoolObservation, fleet: FleetState?, fleetError: String? = nil,
        authority: Authority = .act, outcome: ActionOutcome? = nil, wake: Timestamp? = nil
    ) {
        self.now = now
        self.observation = observation
        self.fleet = fleet
        self.fleetError = fleetError
        self.authority = authority
        self.outcome = outcome
        self.wake = wake
    }
}

/// What became of an action.
package struct ActionOutcome: Hashable, Sendable, Codable {
    package enum Result: Hashable, Sendable, Codable {
        case accepted(Receipt)
        case failed(DriverError)
    }

    package var id: ActionID
    package var result: Result

    package init(id: ActionID, result: Result) {
        self.id = id
        self.result = result
    }
}

/// What one tick wants.
package struct TickOutput: Hashable, Sendable, Codable {
    package var decision: Decision
    /// The supply as the decision counted it; `nil` when the fleet is unknown.
    package var supply: Supply?
    package var demand: Demand
    /// What the tick teaches. `nil` in records of earlier versions.
    package var work: PoolWork?
    /// `nil` where nobody forecasts, and before the first sample.
    package var forecast: PoolForecast?
    /// By what an objective is kept; `nil` without one, and while it is not known how much a replica carries.
    package var choice: ShadowChoice?
    /// What to ask of the control plane; at most one thing a tick.
    package var action: PlannedAction?
    /// What happened to replicas, found out in this tick.
    package var events: [PoolEvent]
    package var nextTick: Timestamp
}

/// An action with its name.
package struct PlannedAction: Hashable, Sendable, Codable {
    package var id: ActionID
    package var action: ScalingAction

    package init(id: ActionID, action: ScalingAction) {
        self.id = id
        self.action = action
    }
}

/// A change in a replica's life that history keeps.
package enum PoolEvent: Hashable, Sendable, Codable {
    /// It answered for the first time, so long after its launch.
    case booted(ReplicaID, took: Duration)
    /// It did not answer within the boot deadline.
    case bootTimedOut(ReplicaID)
    /// It is to be removed once it is idle; routers should send it nothing new.
    case cordoned(ReplicaID)
    /// It is needed again and stays.
    case uncordoned(ReplicaID)
    /// It left; `cutRequests` were still on it, as far as its last reading tells.
    case drained(ReplicaID, took: Duration, cutRequests: Double)
    /// Its health check failed for too long.
    case died(ReplicaID)
    /// Somebody else changed the size that the control plane works towards.
    case resizedFromOutside(from: Int, to: Int)
    /// A pool in which nobody served was asked for, and serves again.
    case woken(WakeCall.Cause, took: Duration)
    /// It was asked for, and got no replica while somebody asked.
    case wakeFailed(WakeCall.Cause, after: Duration)
    /// Forecasts became, or are no longer, better than the last value.
    case forecastTrusted(Bool)
}

extension ActionOutcome.Result: CustomStringConvertible {
    package var description: String {
        switch self {
        case .accepted: "accepted"
        case .failed(let error): error.description
        }
    }
}

extension PoolEvent: CustomStringConvertible {
    package var description: String {
        switch self {
        case .booted(let id, let took): "\(id) booted in \(took.seconds) s"
        case .bootTimedOut(let id): "\(id) did not boot in time"
        case .cordoned(let id): "\(id) cordoned"
        case .uncordoned(let id): "\(id) kept after all"
        case .drained(let id, let took, let cut):
            "\(id) drained in \(took.seconds) s" + (cut > 0 ? ", \(cut) requests cut" : "")
        case .died(let id): "\(id) fails its health check"
        case .resizedFromOutside(let from, let to): "resized from outside, \(from) to \(to)"
        case .woken(let cause, let took): "woken in \(took.seconds) s: \(cause)"
        case .wakeFailed(let cause, let after): "not woken in \(after.seconds) s: \(cause)"
        case .forecastTrusted(true): "the forecast is better than the last value"
        case .forecastTrusted(false): "the forecast is no better than the last value: demand is met as it comes"
        }
    }
}
