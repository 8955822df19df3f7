/// One change of one group that the controller wants. It names its victims: the control plane never chooses them.
package enum ScalingAction: Hashable, Sendable, Codable {
    /// Work towards this size, which is above the present one. Absolute, so asking twice asks once.
    case grow(to: Int, in: GroupID? = nil)
    /// Take these replicas down and work towards a size smaller by their number.
    case remove([ReplicaID], in: GroupID? = nil)
    /// Take these replicas down and start others in their place: the size stays.
    case replace([ReplicaID], in: GroupID? = nil)
    /// Work towards this size, which is below the present aim and not below what is there: orders that were not
    /// delivered are given back. Takes nobody down.
    case withdraw(to: Int, in: GroupID? = nil)

    /// `nil` in a pool that is one group.
    package var group: GroupID? {
        switch self {
        case .grow(_, let group), .remove(_, let group), .replace(_, let group), .withdraw(_, let group): group
        }
    }

    /// As the driver of its group understands it, which knows no other.
    package var inOnlyGroup: ScalingAction {
        switch self {
        case .grow(let size, _): .grow(to: size)
        case .remove(let ids, _): .remove(ids)
        case .replace(let ids, _): .replace(ids)
        case .withdraw(let size, _): .withdraw(to: size)
        }
    }
}

/// What the control plane answered when it accepted an action. It accepted; nothing has booted or stopped yet.
package struct Receipt: Hashable, Sendable, Codable {
    /// The control plane's own identifier of the request, when it gave one.
    package var reference: String?
    /// Replicas that the action had named and that were already gone.
    package var alreadyGone: [ReplicaID]

    package init(reference: String? = nil, alreadyGone: [ReplicaID] = []) {
        self.reference = reference
        self.alreadyGone = alreadyGone
    }
}

/// Why a control plane did not do what it was asked. Closed, so that the caller switches on it.
package enum DriverError: Error, Hashable, Sendable, Codable {
    /// Too many calls; nothing was changed.
    case throttled(retryAfter: Duration?, message: String)
    /// Credentials are missing, expired, or not allowed to do this.
    case unauthorized(message: String)
    /// The cloud has no such machine to give right now.
    case noCapacity(market: Market, zone: String?, message: String)
    /// Understood and refused; the same call will be refused again.
    case rejected(message: String)
    /// The call did not get through, or another change is in progress; nothing was changed.
    case unreachable(message: String)
    /// The call was sent and its answer lost: describe before trying again.
    case outcomeUnknown(message: String)
}

extension DriverError: CustomStringConvertible {
    /// The class of the error, as metrics and logs name it.
    package var kind: String {
        switch self {
        case .throttled: "throttled"
        case .unauthorized: "unauthorized"
        case .noCapacity: "no_capacity"
        case .rejected: "rejected"
        case .unreachable: "unreachable"
        case .outcomeUnknown: "outcome_unknown"
        }
    }

    package var message: String {
        switch self {
        case .throttled(_, let message), .unauthorized(let message), .noCapacity(_, _, let message),
            .rejected(let message), .unreachable(let message), .outcomeUnknown(let message):
            message
        }
    }

    package var description: String { "\(kind): \(message)" }
}

extension ScalingAction: CustomStringConvertible {
    /// One word, as metrics name it.
    package var kind: String {
        switch self {
        case .grow: "grow"
        case .remove: "remove"
        case .replace: "replace"
        case .withdraw: "withdraw"
        }
    }

    package var isGrowth: Bool { if case .grow = self { true } else { false } }

    /// All of `kind`.
    package static let kinds = ["grow", "remove", "replace", "withdraw"]

    package var description: String {
        let what =
            switch self {
            case .grow(let size, _), .withdraw(let size, _): "to \(size)"
            case .remove(let ids, _), .replace(let ids, _): ids.map(\.rawValue).joined(separator: ", ")
            }
        return [kind, group?.rawValue, what].compactMap { $0 }.joined(separator: " ")
    }
}
