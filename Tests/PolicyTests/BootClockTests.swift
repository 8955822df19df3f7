import Fleet
import TestSupport
import Testing

@testable import Policy

@Suite struct BootClockTests {
    private func clock(_ seconds: [Int]) -> BootClock {
        var clock = BootClock()
        for boot in seconds { clock.record(.seconds(boot)) }
        return clock
    }

    @Test("with nothing measured, the expectation is the 90th percentile, and a late boot is trusted ever less")
    func prior() {
        let clock = BootClock()
        let chances = [0, 420, 840, 8400].map {
            clock.chance(within: .seconds(420), age: .seconds($0), expected: .seconds(420))
        }
        let expected: [Double] = [0.9, 9.0 / 19, 9.0 / 28, 9.0 / 190]
        for (chance, expected) in zip(chances, expected) {
            #expect(abs(chance - expected) < 1e-9)
        }
        #expect(clock.p90(expected: .seconds(420)) == .seconds(420))
        #expect(clock.quantile(0.5) == nil)
    }

    @Test(
        "what was measured outweighs it",
        arguments: [
            // Of 10 boots of 100 s and 5 imagined ones, 5 / 10.9 would still boot after 110 s.
            (0, 110, 0.969418960), (90, 20, 0.956517584),
            // Later than all of them: only the imagined ones are left to compare with.
            (100, 100, 0.473684211), (0, 0, 0), (50, 10, 0.011718750),
        ] as [(Int, Int, Double)])
    func measured(age: Int, span: Int, chance: Double) {
        let clock = clock(Array(repeating: 100, count: 10))
        let found = clock.chance(within: .seconds(span), age: .seconds(age), expected: .seconds(100))
        #expect(abs(found - chance) < 1e-8)
    }

    @Test("a probability, and the larger the longer one waits", arguments: 0..<50)
    func monotone(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        let clock = clock(
            (0..<Int.random(in: 0...80, using: &random)).map { _ in Int.random(in: 0...900, using: &random) })
        let age = Duration.seconds(Int.random(in: 0...1200, using: &random))
        var last = 0.0
        for span in stride(from: 0, through: 2400, by: 37) {
            let chance = clock.chance(within: .seconds(span), age: age, expected: .seconds(300))
            #expect(chance >= last && chance < 1, "seed \(seed)")
            last = chance
        }
        let quantiles = [0.1, 0.5, 0.9, 1].compactMap { clock.quantile($0) }
        #expect(quantiles == quantiles.sorted())
    }

    @Test(
        "boots count as far as they are expected in time; until any are known, nothing shrinks beside them",
        arguments: [
            ([30, 30, 30], 30, 8, nil), ([30, 30, 30], 4, 8, nil), ([229], 30, 6, nil), ([800], 30, 6, 7),
            ([800, 800, 800], 30, 8, 10), ([800, 800, 800], 30, 6, 7), ([800, 800, 800], 30, 5, nil), ([], 30, 5, nil),
        ] as [([Int], Int, Int, Int?)])
    func credit(ages: [Int], measured: Int, target: Int, needed: Int?) {
        let serving = 5
        var tick = context(requests: 8, serving: serving, booting: ages.count)
        tick.memory.boots = clock(Array(repeating: 200, count: measured))
        tick.settings.boot.expected = .seconds(200)
        for (index, age) in ages.enumerated() {
            tick.fleet.replicas[serving + index].launchedAt = tick.now - .seconds(age)
        }
        tick.lateBoots = tick.supply.lateBoots(tick.fleet, tick.memory, tick.settings, now: tick.now)
        #expect(BootCredit().propose(tick, target: target)?.target == needed)
        let isHeld = !ages.isEmpty && measured < BootClock.needed
        #expect(BootsInFlight().propose(tick, target: 2)?.target == (isHeld ? tick.current : nil))
    }

    @Test(
        "a step up and down during long boots gives back what is not needed, and orders it once",
        arguments: [600, 1800])
    func cancels(bootSeconds: Int) {
        var pool = VirtualPool(replicas: 2, boot: .seconds(bootSeconds)) {
            $0.boot.expected = .seconds(bootSeconds)
            $0.boot.deadline = .seconds(3600)
            $0.scaleDown.after = .seconds(120)
            $0.scaleDown.cooldown = .zero
        }
        // Five boots to learn from.
        pool.running = 50
        pool.run(.seconds(bootSeconds + 60))
        let start = pool.now
        pool.running = 96
        pool.tick()
        pool.running = 50
        pool.run(.seconds(bootSeconds - 60))
        let early = pool.size
        pool.run(.seconds(bootSeconds + 3600))
        #expect(pool.actions(since: start).count { if case .grow = $0.action { true } else { false } } == 1)
        #expect(early < 12 && pool.size <= 8, "\(early), then \(pool.size)")
    }
}
