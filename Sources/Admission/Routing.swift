import Fleet

extension PoolDesk {
    /// The replica that a request should go to now, as an index; `nil` when none has room.
    ///
    /// 1. Only ready replicas below their hard limit, the slots. A request that failed on some avoids them, as long as
    ///    there is another ready one, even if it has to wait for that one's slot.
    /// 2. With an affinity: among those within their soft limit and not far above the mean load, the one that rendezvous
    ///    hashing gives, so that a replica that comes or goes moves only its own share of sessions.
    /// 3. Those within their soft limit; then the least loaded; then the smallest KV cache; then the longest unused.
    func choose(for request: LetInRequest) -> Int? {
        let avoids = !request.tried.isEmpty && replicas.contains { $0.isReady && !request.tried.contains($0.id) }
        let open = replicas.indices.lazy.filter { index in
            replicas[index].isReady && !(avoids && request.tried.contains(replicas[index].id))
        }
        if let affinity = request.arrival.affinity, let chosen = preferred(by: affinity, among: Array(open)) {
            return chosen
        }
        return open.filter { replicas[$0].hasRoom }.min { isPreferred(replicas[$0], to: replicas[$1]) }
    }

    private func isPreferred(_ a: RoutedReplica, to b: RoutedReplica) -> Bool {
        let beyond = (a.isBeyondSoftLimit(limits), b.isBeyondSoftLimit(limits))
        if beyond.0 != beyond.1 { return beyond.1 }
        if a.load != b.load { return a.load < b.load }
        let (kvA, kvB) = (a.kvCacheUsage ?? 0, b.kvCacheUsage ?? 0)
        return kvA == kvB ? a.lastUsed < b.lastUsed : kvA < kvB
    }

    private func preferred(by affinity: UInt64, among open: [Int]) -> Int? {
        let slots = open.reduce(0) { $0 + replicas[$1].slots }
        let used = open.reduce(1) { $0 + replicas[$1].inFlight.count }
        guard slots > 0 else { return nil }
        let share = limits.affinityLoadFactor * Double(used) / Double(slots)
        return open.filter { index in
            let replica = replicas[index]
            let bound = max(1, (share * Double(replica.slots)).rounded(.up))
            return replica.hasRoom && Double(replica.inFlight.count) < bound && !replica.isBeyondSoftLimit(limits)
        }.max { mixed(replicas[$0].hash ^ affinity) < mixed(replicas[$1].hash ^ affinity) }
    }
}

/// A hash of a hash, all of whose bits depend on all bits (the finalizer of SplitMix64).
private func mixed(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
}
