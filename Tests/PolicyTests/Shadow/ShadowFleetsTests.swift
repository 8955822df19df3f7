import Fleet
import Forecast
import Foundation
import TestSupport
import Testing

@testable import Policy

struct ShadowFleetsTests {
    @Test("every candidate's ledger is what a pool of its own would have had", arguments: [0, 3, 12, 40])
    func ledgersAreTrue(boot: Int) {
        var settings = ShadowSettings()
        settings.halfLife = .seconds(1e9)
        var driver = ShadowDriver(settings: settings, capacity: 10, boot: boot, ready: 7)
        let work = dailyWork(intervals: 700, mean: 60, seed: 3)
        // Without a forecast a quantile is a load of 70 %.
        let candidates = ShadowCandidate.all.enumerated().filter { $0.offset % 7 == 0 || $0.element.isLoad }
        var pools = candidates.map { _ in FluidPool(capacity: 10, boot: boot, ready: 7) }
        var calm = candidates.map { _ in [Int]() }
        for (index, arrivals) in work.enumerated() {
            let now = Timestamp(secondsSince1970: 15 * Double(index))
            _ = driver.shadow.step(
                arrivals: arrivals, forecast: nil, ready: 7, booting: 0, boot: .seconds(15 * boot), capacity: 10,
                now: now)
            for (place, (_, candidate)) in candidates.enumerated() {
                pools[place].serve(arrivals)
                let clearing = pools[place].backlog / 10 * 15 / 240
                // What is there clears that much until one ordered now would serve.
                let cleared = Double(boot) * max(0, 10 * Double(pools[place].total) - arrivals)
                let left = max(0, pools[place].backlog - cleared) / 10 * 15 / 240
                let need = Int((arrivals / 10 / candidate.load + left - 1e-9).rounded(.up))
                let keep = (arrivals / 10 / candidate.load * (candidate.isLoad ? 1.1 : 1) + clearing - 1e-9)
                let (least, most) = (max(1, need), max(1, need, Int(keep.rounded(.up))))
                let surplus = pools[place].total - most
                if surplus > 0, Double(surplus) >= candidate.band * Double(pools[place].total) {
                    calm[place].append(most)
                    let delay = Int(candidate.delay.seconds(boot: Double(15 * boot)) / 15)
                    if calm[place].count > delay, let peak = calm[place].max() {
                        pools[place].resize(to: peak)
                        calm[place] = []
                    }
                } else {
                    calm[place] = []
                    pools[place].resize(to: max(pools[place].total, least))
                }
            }
        }
        let standings = driver.shadow.standings
        for (place, (index, candidate)) in candidates.enumerated() {
            let pool = pools[place]
            let mean = (Double(pool.cost) + Double(pool.changed) * 10 / 15) / Double(work.count)
            #expect((standings[index].share - pool.share).magnitude < 1e-5, "\(candidate)")
            #expect((standings[index].meanReplicas - mean).magnitude < 1e-4 * mean, "\(candidate)")
        }
    }

    @Test("what is to come does not change what is said", arguments: [12, 28])
    func noLookAhead(boot: Int) {
        let work = dailyWork(intervals: 1000, mean: 120, seed: 5)
        var (one, other) = (ShadowDriver(capacity: 10, boot: boot, ready: 10), [ShadowChoice]())
        var two = one
        for (index, arrivals) in work.enumerated() {
            let choice = one.step(arrivals)
            if index < 800 { other.append(choice) }
        }
        for (index, arrivals) in (work.prefix(800) + work.suffix(200).map { 3 * $0 }).enumerated() {
            let choice = two.step(arrivals)
            if index < 800 { #expect(choice == other[index]) }
        }
        #expect(!isSame(one.shadow, two.shadow))
    }

    @Test("after a restart at any moment it goes on bit for bit", arguments: [1, 17, 240, 503])
    func restart(at moment: Int) throws {
        let work = dailyWork(intervals: 700, mean: 120, seed: 8)
        var settings = ShadowSettings()
        settings.learning = .seconds(3600)
        var through = ShadowDriver(settings: settings, capacity: 10, boot: 12, ready: 9)
        for arrivals in work.prefix(moment) { through.step(arrivals) }
        var restarted = through
        restarted.shadow = try JSONDecoder().decode(ShadowFleets.self, from: JSONEncoder().encode(through.shadow))
        #expect(isSame(restarted.shadow, through.shadow))
        for arrivals in work.dropFirst(moment) {
            #expect(restarted.step(arrivals) == through.step(arrivals))
        }
        #expect(isSame(restarted.shadow, through.shadow))
    }

    @Test("memory does not grow")
    func boundedMemory() throws {
        var driver = ShadowDriver(capacity: 10, boot: 480, ready: 9)
        let work = dailyWork(intervals: 1500, mean: 120, seed: 9)
        for arrivals in work { driver.step(arrivals) }
        #expect(driver.shadow.boots.length == 512)
        // Boots beyond the longest count as that long.
        driver.pool.boot = 100_000
        for arrivals in work.prefix(100) { driver.step(arrivals) }
        #expect(driver.shadow.boots.length == 1024)
        let encoded = try JSONEncoder().encode(driver.shadow)
        #expect(encoded.count < 150_000)
        #expect(isSame(try JSONDecoder().decode(ShadowFleets.self, from: encoded), driver.shadow))
    }

    @Test("the same traffic in other units asks for the same replicas", arguments: [1.0 / 4096, 1024])
    func units(scale: Double) {
        var (plain, scaled) = (
            ShadowDriver(capacity: 10, boot: 12, ready: 9), ShadowDriver(capacity: 10 * scale, boot: 12, ready: 9)
        )
        for arrivals in dailyWork(intervals: 900, mean: 120, seed: 10) {
            #expect(plain.step(arrivals).desired == scaled.step(arrivals * scale).desired)
        }
    }

    @Test("while it learns it is never below what came at a load of 85 %, nor ever below the minimum")
    func neverBelowNeed() {
        var settings = ShadowSettings()
        settings.minimum = 3
        var driver = ShadowDriver(settings: settings, capacity: 10, boot: 12, ready: 9)
        for arrivals in dailyWork(intervals: 1200, mean: 60, seed: 11) {
            let choice = driver.step(arrivals)
            #expect(choice.desired >= 3)
            if choice.isLearning { #expect(Double(choice.desired) * 8.5 >= arrivals - 1e-6) }
        }
        #expect(driver.step(0).isLearning == false)
    }

    @Test("steady traffic ends in a steady count that bears it", arguments: [0, 4, 28, 120])
    func noLimitCycle(boot: Int) {
        var driver = ShadowDriver(capacity: 10, boot: boot, ready: 2)
        var desired: [Int] = []
        // The longer the boot, the longer the cold start is held against the cheap.
        for _ in 0..<1500 + 20 * boot { desired.append(driver.step(95).desired) }
        #expect(Set(desired.suffix(500)).count == 1)
        #expect((10...12).contains(desired[1499 + 20 * boot]))
    }

    @Test("unknown demand changes nothing, and is nothing to learn from", arguments: [Double?.none, .nan, -1, 1e300])
    func unknownDemand(arrivals: Double?) {
        var driver = ShadowDriver(capacity: 10, boot: 12, ready: 9)
        for arrivals in dailyWork(intervals: 300, mean: 60, seed: 12) { driver.step(arrivals) }
        let before = driver.shadow
        for interval in 0..<200 {
            let choice = driver.shadow.step(
                arrivals: arrivals, forecast: nil, ready: 40, booting: 2, boot: .seconds(180), capacity: 10,
                now: Timestamp(secondsSince1970: 15 * Double(300 + interval)))
            #expect(choice.desired == 42)
        }
        #expect(isSame(driver.shadow.ledgers, before.ledgers))
        #expect(driver.shadow.budget == before.budget)
        // The calm does not count from before the silence.
        #expect(driver.shadow.real.calm == 0)
    }

    @Test(
        "after a gap, and when the clock was set back, every virtual fleet is the real one", arguments: [3600, -3600])
    func anchors(seconds: Int) {
        var driver = ShadowDriver(capacity: 10, boot: 12, ready: 9)
        for arrivals in dailyWork(intervals: 300, mean: 60, seed: 13) { driver.step(arrivals) }
        #expect(Set(driver.shadow.fleets.map(\.total)).count > 3)
        _ = driver.shadow.step(
            arrivals: nil, forecast: nil, ready: 5, booting: 4, boot: .seconds(180), capacity: 10,
            now: driver.now + .seconds(seconds))
        #expect(driver.shadow.fleets.allSatisfy { $0.ready == 5 && $0.booting == 4 })
        #expect(driver.shadow.fleets.indices.allSatisfy { driver.shadow.boots.count(of: $0) == 4 })
    }

    @Test("asked twice in one interval it says the same and learns nothing")
    func twice() {
        var driver = ShadowDriver(capacity: 10, boot: 12, ready: 9)
        for arrivals in dailyWork(intervals: 300, mean: 60, seed: 14) { driver.step(arrivals) }
        var again = driver.shadow
        let choice = again.step(
            arrivals: 1e6, forecast: nil, ready: 9, booting: 0, boot: .seconds(180), capacity: 10,
            now: driver.now - .seconds(11))
        #expect(choice.desired == driver.shadow.desired)
        #expect(isSame(again.ledgers, driver.shadow.ledgers))
    }

    @Test("a pool with history does not begin by guessing")
    func warmStart() {
        var driver = ShadowDriver(capacity: 10, boot: 12, ready: 9)
        for (index, arrivals) in dailyWork(intervals: 800, mean: 60, seed: 15).enumerated() {
            driver.shadow.learn(
                arrivals: arrivals, forecast: nil, boot: .seconds(180), capacity: 10,
                now: Timestamp(secondsSince1970: 15 * Double(index)))
        }
        driver.interval = 800
        let choice = driver.step(60)
        #expect(!choice.isLearning)
        #expect(driver.shadow.chosen.contains { $0 != ShadowCandidate.first })
    }

    @Test("a damaged state is refused", arguments: ["\"fleets\":[[", "\"chosen\":[", "\"tick\":", "\"costs\":["])
    func damaged(key: String) throws {
        let text = String(decoding: try JSONEncoder().encode(ShadowFleets()), as: UTF8.self)
        let place = try #require(text.range(of: key))
        let damaged = text.replacingCharacters(in: place, with: key + "99999999" + (key.hasSuffix("[") ? "," : ""))
        var refusal: (any Error)?
        do { _ = try JSONDecoder().decode(ShadowFleets.self, from: Data(damaged.utf8)) } catch { refusal = error }
        #expect(refusal is DecodingError)
    }
}

/// Where a difference would be too long to print.
private func isSame<Value: Equatable>(_ a: Value, _ b: Value) -> Bool { a == b }

extension ShadowCandidate {
    fileprivate var isLoad: Bool { if case .load = signal { true } else { false } }
    fileprivate var load: Double { if case .load(let load) = signal { load } else { 0.7 } }
}
