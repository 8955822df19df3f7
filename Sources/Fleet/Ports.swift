/// Reads what a control plane says about a pool.
package protocol FleetInventory: Sendable {
    /// The present state. Bounded in time by the implementation.
    func describe() async throws(DriverError) -> FleetState
}

/// Asks a control plane for changes.
package protocol FleetActuator: Sendable {
    /// Returns when the control plane has accepted the action; never waits for a boot or a shutdown.
    ///
    /// - Throws: `outcomeUnknown` when the request may have been carried out; the caller then describes before it
    ///   asks again.
    func submit(_ action: ScalingAction, id: ActionID) async throws(DriverError) -> Receipt
}
