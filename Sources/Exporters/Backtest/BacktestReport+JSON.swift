import Fleet

extension BacktestReport {
    /// Everything but the timeline, as UTF-8 in one line.
    package var json: [UInt8] {
        let document: JSON = [
            "trace": [
                "name": .string(name), "start_t_s": JSON(start.secondsSince1970), "bins": .integer(world.bins),
                "bin_seconds": JSON(world.binSeconds), "missing": .integer(missing),
            ],
            "world": [
                "capacity_per_second": JSON(world.capacityPerSecond), "mean_replicas": JSON(world.meanReplicas),
                "boot_seconds": JSON(world.bootSeconds),
                "boot_quantiles_seconds": world.bootQuantilesSeconds.isEmpty
                    ? nil : .array(world.bootQuantilesSeconds.compactMap { JSON($0) }),
                "wait_seconds": JSON(world.waitSeconds), "share": JSON(world.share),
                "start_replicas": .integer(world.startReplicas), "usd_per_replica_hour": JSON(world.usdPerReplicaHour),
            ],
            "policies": .array(rows.map(json)),
            "sweep": sweep.isEmpty ? nil : .array(sweep.map(json)),
        ]
        return document.bytes
    }

    private func json(_ row: Row) -> JSON {
        [
            "policy": .string(row.name), "setting_name": JSON(row.settingName), "setting": JSON(row.setting),
            "replica_hours": JSON(row.replicaHours), "usd": JSON(row.usd), "x_hindsight": JSON(overHindsight(row)),
            "share_in_time": JSON(row.shareInTime), "keeps_share": .bool(keepsShare(row)),
            "mean_wait_seconds": JSON(row.meanWaitSeconds), "p99_wait_seconds": JSON(row.p99WaitSeconds),
            "worst_wait_seconds": JSON(row.worstWaitSeconds), "changes": .integer(row.changes),
            "scale_ups": .integer(row.scaleUps), "scale_downs": .integer(row.scaleDowns), "flaps": .integer(row.flaps),
            "arrivals": JSON(row.arrivals), "served": JSON(row.served), "backlog": JSON(row.backlog),
            "seconds": JSON(row.seconds),
        ]
    }
}
