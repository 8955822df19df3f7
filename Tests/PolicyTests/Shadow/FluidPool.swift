import Fleet
import Forecast
import TestSupport

@testable import Policy

/// A pool under traffic, sized by shadow fleets or by a fixed rule: the obvious arithmetic with a list of boots.
struct FluidPool {
    var capacity: Double
    /// In intervals of 15 s.
    var boot: Int
    var ready: Int
    var dueIn: [Int] = []
    var backlog = 0.0
    /// Replicas, summed over intervals.
    private(set) var cost = 0
    private(set) var late = 0.0
    private(set) var work = 0.0
    private(set) var changes = 0
    /// Replicas there were at each change, summed.
    private(set) var changed = 0

    var share: Double { work > 0 ? 1 - late / work : 1 }
    var total: Int { ready + dueIn.count }

    init(capacity: Double, boot: Int, ready: Int) {
        (self.capacity, self.boot, self.ready) = (capacity, boot, ready)
    }

    mutating func serve(_ arrivals: Double, wait: Double = 10) {
        ready += dueIn.count { $0 == 0 }
        dueIn = dueIn.filter { $0 > 0 }.map { $0 - 1 }
        let rate = Double(ready) * capacity
        let after = max(0, backlog + arrivals - rate)
        let (low, high) = (min(backlog, after) / rate * 15, max(backlog, after) / rate * 15)
        if ready == 0 {
            late += arrivals > 0 && Double(boot) * 15 > wait ? arrivals : 0
        } else if high > wait {
            late += low > wait ? arrivals : arrivals * (high - wait) / (high - low)
        }
        (backlog, work, cost) = (after, work + arrivals, cost + total)
    }

    mutating func resize(to count: Int) {
        if count != total { (changes, changed) = (changes + 1, changed + total) }
        while total < count { dueIn.append(boot) }
        while total > count, !dueIn.isEmpty { dueIn.removeLast() }
        ready -= total - count
    }
}

/// Traffic that rises and falls over a day, with noise and bursts.
func dailyWork(intervals: Int, mean: Double, seed: UInt64) -> [Double] {
    var generator = SeededGenerator(seed: seed)
    var burst = 0.0
    return (0..<intervals).map { index in
        // A triangle over the day; between half and one and a half times the mean.
        let hour = Double(index % 5760) / 240
        let level = 0.5 + (hour < 12 ? hour : 24 - hour) / 12
        if Double.random(in: 0..<1, using: &generator) < 0.002 { burst = 0.8 }
        burst *= 0.97
        return mean * level * (1 + burst) * Double.random(in: 0.7..<1.3, using: &generator)
    }
}

/// Shadow fleets with the forecaster that they go with.
struct ShadowDriver {
    var shadow: ShadowFleets
    var forecaster: Forecaster
    var pool: FluidPool
    var interval = 0

    var boot: Duration { .seconds(15 * pool.boot) }
    private var lead: Duration { boot + .seconds(30) }

    init(settings: ShadowSettings = ShadowSettings(), capacity: Double, boot: Int, ready: Int) {
        shadow = ShadowFleets(settings: settings)
        pool = FluidPool(capacity: capacity, boot: boot, ready: ready)
        var forecast = ForecastSettings()
        forecast.levels = ShadowCandidate.levels
        let lead: Duration = .seconds(15 * boot + 30)
        forecaster = Forecaster(settings: forecast, horizons: [.seconds(15), .seconds(60), lead / 2, lead])
    }

    var now: Timestamp { Timestamp(secondsSince1970: 15 * Double(interval)) }

    @discardableResult mutating func step(_ arrivals: Double) -> ShadowChoice {
        pool.serve(arrivals)
        forecaster.observe(arrivals, at: now)
        let choice = shadow.step(
            arrivals: arrivals, backlog: pool.backlog, forecast: forecaster.forecast(over: lead), ready: pool.ready,
            booting: pool.dueIn.count, boot: boot, capacity: pool.capacity, now: now)
        pool.resize(to: choice.desired)
        interval += 1
        return choice
    }
}
