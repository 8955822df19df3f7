/// The load loop of NVIDIA Dynamo's planner.
///
/// Every 5 s, one replica at a time: up when the predicted latency of every engine breaks the objective, down when it
/// would hold at 80 % of the objective with the load of one replica spread over the others. While any replica boots it
/// only looks on. Dynamo predicts latency by a regression per engine; in this fluid model all engines are alike, the
/// wait is the backlog over the serving rate, and token latency reaches its limit at a load of `limit`.
///
/// Source: <https://docs.nvidia.com/dynamo/latest/>, "Planner", load-based scaling.
package struct DynamoLoadPlanner: ScalingPolicy {
    /// Load of a replica, as a share of its capacity, at which the objective breaks.
    package var limit: Double
    package var waitSeconds: Double
    package var intervalSeconds = 5.0
    package var consolidation = 0.8

    package init(limit: Double = 0.9, waitSeconds: Double = 10) {
        self.limit = limit
        self.waitSeconds = waitSeconds
    }

    package func desired(_ view: FleetView) -> Int {
        guard view.ticks(every: intervalSeconds), view.booting == 0, view.ready == view.desired, view.ready > 0,
            let load = view.load, let demand = view.demandPerSecond
        else { return view.desired }
        let ready = Double(view.ready)
        let share = demand / (ready * view.capacityPerSecond)
        let wait = load.backlog / (ready * view.capacityPerSecond)
        if share > limit || wait > waitSeconds { return view.desired + 1 }
        let spread = ready / (ready - 1)
        if view.ready > 1, share * spread < consolidation * limit, wait * spread < consolidation * waitSeconds {
            return view.desired - 1
        }
        return view.desired
    }
}
