/// A fluid model of a pool under recorded traffic, in virtual time, to compare scaling policies.
///
/// Bin by bin:
/// 1. replicas whose boot has come to its end turn ready;
/// 2. the bin's arrivals join the backlog, ready replicas serve their capacity, first come first served;
/// 3. the wait of the bin's work runs linearly from the backlog before, over the serving rate, to the backlog after;
///    while nothing serves, the time to the next ready replica comes on top;
/// 4. ready and booting replicas cost for the bin;
/// 5. the policy is asked; what it orders boots from the end of the bin on, what it takes away is gone at once,
///    booting replicas first.
///
/// Disturbances happen at the starts of bins.
package struct FleetSimulator: Sendable {
    /// Work that arrives in each bin.
    package let work: [Double]
    package let scenario: FleetScenario

    /// - Precondition: work is finite and not negative; bins, capacity and boot are positive times and rates; quantiles
    ///   of boot times ascend.
    package init(work: [Double], scenario: FleetScenario) {
        precondition(work.allSatisfy { $0 >= 0 && $0.isFinite })
        precondition(scenario.binSeconds > 0 && scenario.capacityPerSecond > 0 && scenario.bootSeconds >= 0)
        let quantiles = scenario.disturbances.bootQuantilesSeconds
        precondition(zip(quantiles, quantiles.dropFirst()).allSatisfy { $0 <= $1 } && (quantiles.first ?? 0) >= 0)
        self.work = work
        self.scenario = scenario
    }

    /// Plays the whole traffic.
    ///
    /// - Parameter keepsTimeline: whether the report has a row for every bin.
    package func run(_ policy: some ScalingPolicy, keepsTimeline: Bool = false) -> FleetReport {
        var policy = policy
        let (bin, capacity) = (scenario.binSeconds, scenario.capacityPerSecond)
        let end = Double(work.count) * bin
        var fleet = VirtualFleet(scenario)
        var waits = WaitLedger(objective: scenario.waitObjectiveSeconds)
        var metrics = Metrics(faults: scenario.disturbances.metricsFaults)
        var changes = ChangeCounter()
        var report = FleetReport()
        var backlog = 0.0
        var refused = 0
        var desired = scenario.startReplicas
        if keepsTimeline { report.timeline.reserveCapacity(work.count) }

        for (index, arrivals) in work.enumerated() {
            let start = Double(index) * bin
            let booted = fleet.advance(to: start)
            let ready = fleet.ready
            let before = backlog
            backlog = max(0, before + arrivals - Double(ready) * capacity * bin)
            let served = before + arrivals - backlog
            report.served += served
            if ready > 0 {
                let rate = Double(ready) * capacity
                waits.add(arrivals, from: before / rate, to: backlog / rate)
            } else if before + arrivals > 0 {
                let delay = (fleet.nextReady ?? start + bin + scenario.bootSeconds) - start
                waits.add(arrivals, from: delay + before / capacity, to: delay + backlog / capacity)
            }
            fleet.bill(bin)

            let now = start + bin
            let booting = fleet.count - ready
            if let deadline = policy.bootDeadlineSeconds {
                report.abandonedBoots += fleet.giveUpBoots(orderedBefore: now - deadline)
            }
            let load = metrics.shown(
                FleetView.Load(arrivals: arrivals, backlog: backlog, served: served), at: now)
            let answer = policy.desired(
                FleetView(
                    second: now, binSeconds: bin, load: load, ready: ready, bootingSinceSeconds: fleet.bootingSince,
                    bootedAfterSeconds: booted, refused: refused, desired: desired, capacityPerSecond: capacity,
                    bootSeconds: scenario.bootSeconds))
            let wanted = max(scenario.minimumReplicas, min(scenario.maximumReplicas, answer))
            changes.count(from: desired, to: wanted, at: now)
            desired = wanted
            refused = 0
            if desired > fleet.count {
                refused = fleet.grow(by: desired - fleet.count, at: now)
            } else if desired < fleet.count {
                // Nothing is billed beyond the end of the trace.
                let drain = min(scenario.disturbances.drainSeconds, end - now)
                fleet.shrink(by: fleet.count - desired, drainSeconds: drain)
            }
            if keepsTimeline {
                report.timeline.append(
                    FleetBin(
                        second: start, arrivals: arrivals, backlog: backlog, ready: ready, booting: booting,
                        desired: desired))
            }
        }

        report.backlog = backlog
        report.take(waits)
        report.take(changes)
        report.take(fleet, scenario)
        return report
    }
}

extension FleetReport {
    fileprivate mutating func take(_ waits: WaitLedger) {
        arrivals = waits.work
        shareInTime = waits.shareInTime
        meanWaitSeconds = waits.mean
        p99WaitSeconds = waits.quantile(0.99)
        worstWaitSeconds = waits.worst
    }

    fileprivate mutating func take(_ changes: ChangeCounter) {
        (scaleUps, scaleDowns, flaps) = (changes.ups, changes.downs, changes.flaps)
    }

    fileprivate mutating func take(_ fleet: VirtualFleet, _ scenario: FleetScenario) {
        replicaHours = (fleet.onDemandSeconds + fleet.spotSeconds) / 3600
        spotReplicaHours = fleet.spotSeconds / 3600
        (failedBoots, interruptions, refusedOrders) = (fleet.failedBoots, fleet.interruptions, fleet.refusedOrders)
        let spotPrice = fleet.spotSeconds > 0 ? scenario.disturbances.spot?.usdPerReplicaHour : 0
        if let price = scenario.usdPerReplicaHour, let spotPrice {
            usd = (fleet.onDemandSeconds * price + fleet.spotSeconds * spotPrice) / 3600
        }
    }
}

/// Counts how often the count that is asked for changes, and how often in vain.
private struct ChangeCounter {
    private(set) var ups = 0
    private(set) var downs = 0
    private(set) var flaps = 0
    private var last: (isUp: Bool, second: Double)?

    mutating func count(from old: Int, to new: Int, at second: Double) {
        guard old != new else { return }
        let isUp = new > old
        if isUp { ups += 1 } else { downs += 1 }
        if let last, last.isUp != isUp, second - last.second <= FleetReport.flapSeconds { flaps += 1 }
        last = (isUp, second)
    }
}

/// What a policy sees of the truth.
private struct Metrics {
    let faults: [MetricsFault]
    private var last: (load: FleetView.Load, second: Double)?

    init(faults: [MetricsFault]) { self.faults = faults }

    mutating func shown(_ truth: FleetView.Load, at second: Double) -> FleetView.Load? {
        guard let fault = faults.first(where: { $0.seconds.contains(second) }) else {
            last = (truth, second)
            return truth
        }
        switch fault.kind {
        case .missing: return nil
        case .stale:
            return last.map {
                var load = $0.load
                load.ageSeconds = second - $0.second
                return load
            }
        case .scaled(let factor):
            return FleetView.Load(
                arrivals: truth.arrivals * factor, backlog: truth.backlog * factor, served: truth.served * factor)
        }
    }
}
