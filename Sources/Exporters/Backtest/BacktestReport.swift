package import Fleet

/// What scaling policies cost and gave on one recorded traffic, ready to be shown.
package struct BacktestReport: Sendable {
    /// What the traffic is called.
    package var name: String
    /// Of the first bin.
    package var start: Timestamp
    /// Bins that have the value of the one before, for want of their own.
    package var missing: Int
    package var world: World
    /// The best with hindsight, this product, then the others.
    package var rows: [Row] = []
    /// Every setting that was tried, where there was tuning.
    package var sweep: [Row] = []
    /// What this product did.
    package var timeline: [Bin] = []

    package static let productName = "scale-agent"

    package init(name: String, start: Timestamp, missing: Int, world: World) {
        (self.name, self.start, self.missing, self.world) = (name, start, missing, world)
    }

    /// What every policy was tried on.
    package struct World: Sendable {
        package var bins: Int
        package var binSeconds: Double
        /// Work of a ready replica.
        package var capacityPerSecond: Double
        /// Replicas that the mean load keeps busy.
        package var meanReplicas: Double
        package var bootSeconds: Double
        /// Empty when every boot takes the same time.
        package var bootQuantilesSeconds: [Double]
        /// The objective: this share of the work waits no longer than that.
        package var waitSeconds: Double
        package var share: Double
        package var startReplicas: Int
        package var usdPerReplicaHour: Double?

        package init(
            bins: Int, binSeconds: Double, capacityPerSecond: Double, meanReplicas: Double, bootSeconds: Double,
            bootQuantilesSeconds: [Double], waitSeconds: Double, share: Double, startReplicas: Int,
            usdPerReplicaHour: Double?
        ) {
            (self.bins, self.binSeconds, self.capacityPerSecond) = (bins, binSeconds, capacityPerSecond)
            (self.meanReplicas, self.bootSeconds) = (meanReplicas, bootSeconds)
            (self.bootQuantilesSeconds, self.waitSeconds) = (bootQuantilesSeconds, waitSeconds)
            (self.share, self.startReplicas, self.usdPerReplicaHour) = (share, startReplicas, usdPerReplicaHour)
        }
    }

    /// One policy at one setting.
    package struct Row: Sendable {
        package var name: String
        /// `nil` for what has no setting.
        package var settingName: String?
        package var setting: Double?
        package var replicaHours: Double
        package var usd: Double?
        /// `nil` without any work, as for the waits.
        package var shareInTime: Double?
        package var meanWaitSeconds: Double?
        package var p99WaitSeconds: Double?
        package var worstWaitSeconds = 0.0
        package var scaleUps = 0
        package var scaleDowns = 0
        package var flaps = 0
        package var arrivals = 0.0
        package var served = 0.0
        package var backlog = 0.0
        /// Wall time of playing it, where it was taken.
        package var seconds: Double?

        package init(name: String, replicaHours: Double) {
            (self.name, self.replicaHours) = (name, replicaHours)
        }

        var changes: Int { scaleUps + scaleDowns }
    }

    /// One bin of the product's pool.
    package struct Bin: Sendable {
        /// Replicas that the arrivals keep busy.
        package var demand: Double
        package var ready: Int
        package var booting: Int
        /// What waits at the end, in seconds of a replica.
        package var backlog: Double

        package init(demand: Double, ready: Int, booting: Int, backlog: Double) {
            (self.demand, self.ready, self.booting, self.backlog) = (demand, ready, booting, backlog)
        }
    }

    /// Cost over that of the best with hindsight; `nil` when that one costs nothing.
    func overHindsight(_ row: Row) -> Double? {
        rows.first.flatMap { $0.replicaHours > 0 ? row.replicaHours / $0.replicaHours : nil }
    }

    func keepsShare(_ row: Row) -> Bool { (row.shareInTime ?? 1) >= world.share }

    /// What was played, in one line.
    var summary: String {
        let span = Duration.seconds(Double(world.bins) * world.binSeconds)
        let days = span < .seconds(2 * 86_400) ? spanText(span) : shortNumber(span.seconds / 86_400) + " days"
        let gaps = Double(missing) / Double(world.bins)
        let quantiles = world.bootQuantilesSeconds
        let boots =
            quantiles.isEmpty
            ? spanText(.seconds(world.bootSeconds))
            : "\(spanText(.seconds(quantiles[0]))) to \(spanText(.seconds(quantiles[quantiles.count - 1])))"
        return "\(days) in steps of \(shortNumber(world.binSeconds, decimals: 3)) s"
            + (missing > 0 ? ", \(shortNumber(gaps * 100, decimals: 2)) % missing" : "")
            + "; \(shortNumber(world.meanReplicas)) busy replicas in the mean at "
            + "\(shortNumber(world.capacityPerSecond, decimals: 3)) of work a second each; boots of \(boots); "
            + "\(shortNumber(world.share * 100, decimals: 3)) % within \(shortNumber(world.waitSeconds, decimals: 3)) s"
    }

    // MARK: Columns

    /// One number of every policy.
    struct Column: Sendable {
        var title: String
        var decimals: Int
        var value: @Sendable (Row) -> Double?
    }

    /// The numbers of the tables; dollars only where a price is known.
    var columns: [Column] {
        let best = rows.first?.replicaHours ?? 0
        var columns = [
            Column(title: "setting", decimals: 2) { $0.setting },
            Column(title: "hours", decimals: 1) { $0.replicaHours },
            Column(title: "x hindsight", decimals: 3) { best > 0 ? $0.replicaHours / best : nil },
            Column(title: "in time %", decimals: 3) { $0.shareInTime.map { $0 * 100 } },
            Column(title: "P99 wait s", decimals: 1) { $0.p99WaitSeconds },
            Column(title: "worst s", decimals: 1) { $0.worstWaitSeconds },
            Column(title: "changes", decimals: 0) { Double($0.changes) },
            Column(title: "flaps", decimals: 0) { Double($0.flaps) },
        ]
        if rows.contains(where: { $0.usd != nil }) {
            columns.insert(Column(title: "USD", decimals: 2) { $0.usd }, at: 2)
        }
        return columns
    }

    /// What the columns mean, a sentence each.
    var legend: [String] {
        let (wait, share) = (shortNumber(world.waitSeconds, decimals: 3), shortNumber(world.share * 100, decimals: 3))
        return [
            "hours: of ready and booting replicas; x hindsight: over the cheapest fleet that serves every bin with the "
                + "future known.",
            "in time: work that waits at most \(wait) s; flaps: changes that go back within ten minutes.",
            sweep.isEmpty
                ? "setting: the usual one."
                : "setting: the cheapest that keeps \(share) % in time, else the one with the most.",
        ]
    }
}
