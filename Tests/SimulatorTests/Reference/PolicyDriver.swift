@testable import Simulator

/// Shows a policy one bin after the other: replicas of capacity 1, bins of 15 s, every order obeyed at once.
struct PolicyDriver<Policy: ScalingPolicy> {
    var policy: Policy
    var desired: Int
    var booting: [Double] = []
    var bin = 15.0
    private(set) var second = 0.0

    init(_ policy: Policy, desired: Int) {
        self.policy = policy
        self.desired = desired
    }

    /// One bin with a demand per second, of which a part waits; `nil` is a bin without metrics.
    mutating func step(_ demand: Double?, waiting: Double = 0) -> Int {
        second += bin
        let load = demand.map {
            FleetView.Load(arrivals: ($0 - waiting) * bin, backlog: waiting * bin, served: 0)
        }
        desired = policy.desired(
            FleetView(
                second: second, binSeconds: bin, load: load, ready: desired - booting.count,
                bootingSinceSeconds: booting, desired: desired, capacityPerSecond: 1, bootSeconds: 180))
        return desired
    }

    /// The answers to a demand that stays.
    mutating func steps(_ count: Int, _ demand: Double?) -> [Int] { (0..<count).map { _ in step(demand) } }

    /// How many bins it takes until the answer changes; `nil` when `limit` bins do not suffice.
    mutating func binsUntilChange(_ demand: Double?, limit: Int = 1000) -> Int? {
        let before = desired
        return (1...limit).first { _ in step(demand) != before }
    }
}
