package import Fleet

/// What the replicas of a pool have cost on one local day, as far as it was watched.
package struct Spending: Hashable, Sendable, Codable {
    package var day: CivilDate
    package var usd: Double
}

extension FleetState {
    /// The price of each replica that is there and paid for; `nil` when one of them is unknown.
    var pricesPerHour: [ReplicaID: Double]? {
        var prices: [ReplicaID: Double] = [:]
        for replica in replicas where replica.state != .terminating && replica.state != .stopped {
            guard let price = replica.usdPerHour else { return nil }
            prices[replica.id] = price
        }
        return prices
    }
}
