/// Always the same count: what most fleets without an autoscaler do, sized for the peak.
package struct FixedSize: ScalingPolicy {
    package var replicas: Int

    package init(replicas: Int) { self.replicas = replicas }

    package func desired(_ view: FleetView) -> Int { replicas }
}

/// A recorded or computed plan: one count for every bin; after its end, the last one.
package struct PlannedCounts: ScalingPolicy {
    private let counts: [Int]
    private var next = 0

    package init(counts: [Int]) { self.counts = counts }

    package mutating func desired(_ view: FleetView) -> Int {
        guard next < counts.count else { return counts.last ?? view.desired }
        next += 1
        return counts[next - 1]
    }
}
