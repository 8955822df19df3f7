import Fleet
import Forecast
import Testing

@testable import Policy

@Suite struct ForecastRuleTests {
    @Test(
        "what is expected over the lead time is ordered for, while forecasts are good enough",
        arguments: [(32.0, true, 4), (33, true, 5), (8, true, 1), (33, false, nil)] as [(Double, Bool, Int?)])
    func need(expected: Double, active: Bool, replicas: Int?) {
        var tick = context(requests: 8, serving: 1)
        tick.forecast = forecast(expected, active: active)
        #expect(ForecastNeed().propose(tick, target: 1)?.target == replicas)
        tick.settings.signals.actsOnForecast = false
        #expect(ForecastNeed().propose(tick, target: 1) == nil)
        tick.settings.signals.actsOnForecast = true
        tick.forecast = nil
        #expect(ForecastNeed().propose(tick, target: 1) == nil)
    }

    @Test("it goes by the configured quantile, and a little more than the threshold is tolerated")
    func quantile() {
        var tick = context(requests: 8, serving: 3) { $0.tolerance = 0.1 }
        var ahead = forecast(0)
        ahead.demand.maximum = [8, 26, 80]
        tick.forecast = ahead
        #expect(ForecastNeed().propose(tick, target: 1)?.target == 3)
        tick.settings.forecast.quantile = 0.99
        #expect(ForecastNeed().propose(tick, target: 1)?.target == 10)
        tick.settings.forecast.quantile = 0.5
        #expect(ForecastNeed().propose(tick, target: 1)?.target == 1)
    }

    @Test("a replica stays that is needed again too soon", arguments: [(24.0, 3), (25, 4), (80, 10)])
    func hold(expected: Double, replicas: Int) {
        var tick = context(requests: 8, serving: 5)
        tick.forecast = forecast(expected)
        #expect(ForecastHold().propose(tick, target: 1)?.target == replicas)
        tick.settings.headroom = .replicas(1)
        #expect(ForecastHold().propose(tick, target: 1)?.target == replicas + 1)
        tick.forecast?.untilBreakEven = nil
        #expect(ForecastHold().propose(tick, target: 1) == nil)
    }

    @Test(
        "what remains has room: at most 0.8 of 80 % on one replica less",
        arguments: [(25.6, true, false), (25.7, true, true), (25.7, false, false)])
    func consolidation(requests: Double, active: Bool, holds: Bool) {
        var tick = context(requests: requests, serving: 5)
        tick.forecast = forecast(1, active: active)
        #expect((Consolidation().propose(tick, target: 4)?.target == 5) == holds)
        tick.settings.scaleDown.loadBelow = 0.6
        #expect(Consolidation().propose(tick, target: 4) == nil)
    }

    @Test("waves that were learned are met before they come, and their replicas last through the trough")
    func waves() {
        func late(act: Bool) -> (overload: Int, cordons: Int) {
            var pool = VirtualPool(replicas: 2, boot: .seconds(300)) {
                $0.signals.actsOnForecast = act
                $0.scaleDown.after = .zero
                $0.scaleDown.cooldown = .zero
            }
            pool.controller = PoolController(
                pool: PoolID(rawValue: "p"), settings: pool.controller.settings, learning: trained)
            var overload = 0
            for slot in 0..<960 {
                pool.running = wave(slot)
                pool.tick()
                if pool.running > 10 * Double(pool.ready) { overload += 1 }
            }
            let cordons = pool.log.flatMap(\.output.events).count { if case .cordoned = $0 { true } else { false } }
            return (overload, cordons)
        }
        #expect(trained.forecaster.skill(over: .seconds(435))?.isActive == true)
        let (with, without) = (late(act: true), late(act: false))
        #expect(with.overload * 4 < without.overload, "\(with), \(without)")
        #expect(with.cordons < without.cordons, "\(with), \(without)")
    }

    @Test("constant load settles with a forecaster too, and a young pool is as it was", arguments: [0, 300, 1800])
    func constant(bootSeconds: Int) {
        func run(_ learning: PoolLearning?, hours: Int) -> VirtualPool {
            var pool = VirtualPool(replicas: 3, boot: .seconds(bootSeconds)) {
                $0.boot.deadline = .seconds(3600)
                $0.scaleDown.after = .seconds(60)
            }
            pool.controller = PoolController(
                pool: PoolID(rawValue: "p"), settings: pool.controller.settings, learning: learning)
            pool.running = 47
            pool.run(.seconds(3600 * hours))
            return pool
        }
        let fresh = PoolLearning(PolicySettings())
        let (with, without) = (run(fresh, hours: 1), run(nil, hours: 1))
        #expect(with.log.map(\.output.decision) == without.log.map(\.output.decision))
        let long = run(fresh, hours: 8)
        #expect(long.actions(since: long.now - .seconds(4 * 3600)).isEmpty)
        #expect(long.size == 6)
    }
}
