import Fleet

import func Glibc.log

/// The replicas of a simulated pool, and what becomes of each order.
///
/// All that is random about a replica is drawn when it is ordered, from the seed and the number of the order alone.
struct VirtualFleet {
    private struct Boot {
        var market: Market
        /// Infinite when it never ends.
        var endsAt: Double
        var fails: Bool
        /// When the provider takes the replica back; infinite on demand.
        var interruptedAt: Double
    }

    private let disturbances: Disturbances
    private let bootSeconds: Double
    private let seed: UInt64
    private var onDemandReady = 0
    /// When each ready spot replica will be taken back, in the order in which they became ready.
    private var spotReady: [Double] = []
    /// In the order of their orders, as is `bootingSince`.
    private var boots: [Boot] = []
    private var spotBooting = 0
    /// The earliest moment at which a replica changes by itself.
    private var nextEvent = Double.infinity
    private var orders: Int64 = 0

    private(set) var bootingSince: [Double] = []
    private(set) var interruptions = 0
    private(set) var failedBoots = 0
    private(set) var refusedOrders = 0
    private(set) var onDemandSeconds = 0.0
    private(set) var spotSeconds = 0.0

    init(_ scenario: FleetScenario) {
        disturbances = scenario.disturbances
        bootSeconds = scenario.bootSeconds
        seed = scenario.seed
        for _ in 0..<scenario.startReplicas {
            let market = nextMarket
            makeReady(market, interruptedAt: draw(market, at: 0).interruptedAt)
        }
    }

    var ready: Int { onDemandReady + spotReady.count }
    var count: Int { ready + boots.count }

    /// When the next boot will end; `nil` when none will.
    var nextReady: Double? { boots.lazy.map(\.endsAt).filter(\.isFinite).min() }

    // MARK: What happens by itself

    /// Lets everything happen whose time has come.
    ///
    /// - Returns: how long the boots took that ended in a ready replica.
    mutating func advance(to second: Double) -> [Double] {
        guard nextEvent <= second else { return [] }
        let known = spotReady.count
        spotReady.removeAll { $0 <= second }
        interruptions += known - spotReady.count

        var took: [Double] = []
        var kept = 0
        for index in boots.indices {
            let boot = boots[index]
            if boot.interruptedAt > second && boot.endsAt > second {
                (boots[kept], bootingSince[kept]) = (boot, bootingSince[index])
                kept += 1
                continue
            }
            if boot.market == .spot { spotBooting -= 1 }
            if boot.interruptedAt <= second {
                interruptions += 1
            } else if boot.fails {
                failedBoots += 1
            } else {
                took.append(boot.endsAt - bootingSince[index])
                makeReady(boot.market, interruptedAt: boot.interruptedAt)
            }
        }
        boots.removeLast(boots.count - kept)
        bootingSince.removeLast(bootingSince.count - kept)
        nextEvent = min(
            spotReady.min() ?? .infinity, boots.lazy.map { min($0.endsAt, $0.interruptedAt) }.min() ?? .infinity)
        return took
    }

    /// Bills every replica for a span.
    mutating func bill(_ seconds: Double) {
        onDemandSeconds += Double(onDemandReady + boots.count - spotBooting) * seconds
        spotSeconds += Double(spotReady.count + spotBooting) * seconds
    }

    // MARK: What is asked for

    /// Orders replicas.
    ///
    /// - Returns: how many of them the provider did not have.
    mutating func grow(by wanted: Int, at second: Double) -> Int {
        for ordered in 0..<wanted {
            let market = nextMarket
            let refused = disturbances.capacityGaps.contains {
                $0.seconds.contains(second) && ($0.market ?? market) == market
            }
            if refused {
                refusedOrders += wanted - ordered
                return wanted - ordered
            }
            append(draw(market, at: second), orderedAt: second)
        }
        return 0
    }

    /// Takes replicas away: booting ones first, then spot ones, the newest first; those that were ready are billed
    /// for `drainSeconds` more.
    mutating func shrink(by unwanted: Int, drainSeconds: Double) {
        let cancelled = min(unwanted, boots.count)
        spotBooting -= boots.suffix(cancelled).count { $0.market == .spot }
        boots.removeLast(cancelled)
        bootingSince.removeLast(cancelled)
        let spot = min(unwanted - cancelled, spotReady.count)
        spotReady.removeLast(spot)
        let onDemand = min(unwanted - cancelled - spot, onDemandReady)
        onDemandReady -= onDemand
        onDemandSeconds += Double(onDemand) * drainSeconds
        spotSeconds += Double(spot) * drainSeconds
    }

    /// Takes the booting replicas away that were ordered before a moment.
    ///
    /// - Returns: how many.
    mutating func giveUpBoots(orderedBefore second: Double) -> Int {
        let count = bootingSince.prefix { $0 < second }.count
        spotBooting -= boots.prefix(count).count { $0.market == .spot }
        boots.removeFirst(count)
        bootingSince.removeFirst(count)
        return count
    }

    // MARK: One replica

    private var nextMarket: Market {
        guard let spot = disturbances.spot else { return .onDemand }
        return onDemandReady + boots.count - spotBooting < spot.onDemandBase ? .onDemand : .spot
    }

    private mutating func makeReady(_ market: Market, interruptedAt: Double) {
        switch market {
        case .onDemand: onDemandReady += 1
        case .spot:
            spotReady.append(interruptedAt)
            nextEvent = min(nextEvent, interruptedAt)
        }
    }

    private mutating func append(_ boot: Boot, orderedAt: Double) {
        boots.append(boot)
        bootingSince.append(orderedAt)
        if boot.market == .spot { spotBooting += 1 }
        nextEvent = min(nextEvent, boot.endsAt, boot.interruptedAt)
    }

    private mutating func draw(_ market: Market, at second: Double) -> Boot {
        var generator = SplitMix64(seed: seed, stream: 16, cell: orders)
        orders += 1
        // Always all draws in this order, so that switching one disturbance on leaves the others as they were.
        let (duration, failure, stuck, life) = (
            generator.uniform(), generator.uniform(), generator.uniform(), generator.uniform()
        )
        var boot = Boot(
            market: market, endsAt: second + bootSeconds, fails: failure < disturbances.failedBootShare,
            interruptedAt: .infinity)
        let quantiles = disturbances.bootQuantilesSeconds
        if let last = quantiles.last {
            let place = duration * Double(quantiles.count - 1)
            let index = Int(place)
            let upper = index + 1 < quantiles.count ? quantiles[index + 1] : last
            boot.endsAt = second + quantiles[index] + (upper - quantiles[index]) * (place - Double(index))
        }
        if stuck < disturbances.stuckBootShare { boot.endsAt = .infinity }
        if market == .spot, let rate = disturbances.spot?.interruptionsPerHour, rate > 0 {
            // Interruptions come at a constant rate: the time to the first is exponential.
            boot.interruptedAt = second - log(life) * 3600 / rate
        }
        return boot
    }
}
