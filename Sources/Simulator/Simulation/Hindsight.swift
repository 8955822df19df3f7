/// The cheapest fleet for a trace, with the future known: every bin's work is served in its bin.
package struct Hindsight: Hashable, Sendable {
    package var replicaHours: Double
    /// Replicas that each bin's work needs, at least the minimum.
    package var need: [Int]
    /// The plan: what to ask for at the end of each bin, so that `need` is ready in time.
    package var desired: [Int]
    /// Replicas that the plan begins with.
    package var startReplicas: Int

    package var peakNeed: Int { need.max() ?? 0 }
}

extension FleetSimulator {
    /// The cheapest schedule, found layer by layer.
    ///
    /// Replica k is busy while the need exceeds k. Over an idle gap the cheaper of two is right: to keep it, which
    /// costs the gap, or to release it and boot it again in time, which costs a boot. Replicas nest, so no gap of one
    /// depends on another. Disturbances are left out. O(bins + changes of the need).
    package func hindsight() -> Hindsight {
        let need = work.map(scenario.need(of:))
        let (bin, boot) = (scenario.binSeconds, scenario.bootSeconds)
        let bootBins = Int((boot / bin - 1e-9).rounded(.up))
        /// The bin at which each replica's latest busy span ended; `nil` before the first.
        var idleSince = [Int?](repeating: nil, count: need.max() ?? 0)
        /// What the plan's count changes by at the start of each bin.
        var steps = [Int](repeating: 0, count: need.count + 1)
        var seconds = 0.0
        var current = 0
        for (index, count) in need.enumerated() {
            seconds += Double(count) * bin
            for layer in stride(from: current, to: count, by: 1) {
                var begin = max(0, index - bootBins)
                if let since = idleSince[layer] {
                    let gap = Double(index - since) * bin
                    seconds += min(gap, boot)
                    if gap <= boot { begin = since }
                } else if layer >= scenario.minimumReplicas {
                    seconds += min(boot, Double(index) * bin)
                }
                steps[begin] += 1
            }
            for layer in stride(from: count, to: current, by: 1) { idleSince[layer] = index }
            // A kept gap takes the end of its span back by starting again right there.
            if count < current { steps[index] -= current - count }
            current = count
        }
        var (desired, total) = ([Int](), 0)
        for index in need.indices {
            total += steps[index]
            desired.append(total)
        }
        let start = desired.first ?? 0
        // Asked for at the end of a bin, there from the next one on.
        desired = Array(desired.dropFirst()) + desired.suffix(1)
        return Hindsight(replicaHours: seconds / 3600, need: need, desired: desired, startReplicas: start)
    }

    /// What the hindsight plan gives: its hours, and its waits and changes as played without disturbances.
    package func runHindsight(keepsTimeline: Bool = false) -> FleetReport {
        let plan = hindsight()
        var scenario = scenario
        scenario.startReplicas = plan.startReplicas
        scenario.disturbances = Disturbances()
        var report = FleetSimulator(work: work, scenario: scenario)
            .run(PlannedCounts(counts: plan.desired), keepsTimeline: keepsTimeline)
        // Played, a boot lasts whole bins.
        report.replicaHours = plan.replicaHours
        report.usd = scenario.usdPerReplicaHour.map { $0 * plan.replicaHours }
        return report
    }
}
