import Fleet

/// The life of an instance in its group, in the group's words.
enum AutoScalingLifecycle {
    /// What a `LifecycleState` means for the pool.
    ///
    /// The list of states grows with the service. One that is not known here counts as kept but not serving: it adds no
    /// capacity and is not mistaken for something broken that may be taken down.
    static func state(_ lifecycleState: String?, health: String?) -> ReplicaState {
        switch lifecycleState ?? "" {
        case "Pending":
            .booting(phase: .provision)
        case "Pending:Wait", "Pending:Proceed", "ReplacingRootVolume", "ReplacingRootVolume:Wait",
            "ReplacingRootVolume:Proceed", "RootVolumeReplaced":
            .booting(phase: .serviceStart)
        case "InService":
            health?.lowercased() == "unhealthy" ? .failed("the group calls it unhealthy and will replace it") : .ready
        case "Quarantined":
            .failed("the group has put it in quarantine")
        case let state where leaves(state):
            .terminating
        default:
            .stopped
        }
    }

    /// On its way out of the group, or already out.
    static func leaves(_ lifecycleState: String) -> Bool {
        ["Terminating", "Terminated", "Detaching", "Detached", "Warmed:Terminating", "Warmed:Terminated"]
            .contains { lifecycleState.hasPrefix($0) }
    }

    /// Why the group would not terminate an instance in this state when asked; `nil` when it would.
    static func refusal(_ lifecycleState: String) -> String? {
        if lifecycleState.hasPrefix("Detach") { return "it has left the group and runs on by itself" }
        if lifecycleState.hasPrefix("Warmed") { return "it is in the warm pool" }
        return nil
    }
}
