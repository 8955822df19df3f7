import Fleet
import Forecast
import Testing

@testable import Policy

@Suite struct PrewarmTests {
    private func tick(_ requests: Double, _ expected: Double? = nil) -> TickContext {
        var tick = context(requests: requests, serving: 3) { $0.prewarm = PolicySettings.Prewarm() }
        if let expected {
            tick.forecast = forecast(0)
            tick.forecast?.prewarm = forecast(expected).demand
        }
        return tick
    }

    @Test(
        "one step more when the load reaches 0.7, now or as the forecast says",
        arguments: [
            (20.9, nil, 3), (21, nil, 4), (90, nil, 4), (13.9, nil, 2), (1, 20.9, 3), (1, 21, 4), (30, 1, 4),
            (0, 0, nil),
        ] as [(Double, Double?, Int?)])
    func reaches(requests: Double, expected: Double?, replicas: Int?) {
        #expect(Prewarm().propose(tick(requests, expected), target: 0)?.target == replicas)
    }

    @Test("the step is that of scaling up; without acting on forecasts only the present counts")
    func settings() {
        var tick = tick(90, 90)
        tick.settings.scaleUp.step = StepLimit(replicas: 5, per: .seconds(60))
        #expect(Prewarm().propose(tick, target: 0)?.target == 8)
        tick = self.tick(1, 90)
        tick.settings.signals.actsOnForecast = false
        #expect(Prewarm().propose(tick, target: 0)?.target == 1)
        tick.settings.prewarm = nil
        #expect(Prewarm().propose(tick, target: 0) == nil)
    }

    @Test("constant load settles just below the share", arguments: Array(stride(from: 3.0, through: 95, by: 4.6)))
    func settles(requests: Double) {
        var pool = VirtualPool(replicas: 3, boot: .seconds(300)) {
            $0.prewarm = PolicySettings.Prewarm()
            $0.scaleDown.after = .seconds(60)
        }
        pool.running = requests
        pool.run(.seconds(4 * 3600))
        let settled = pool.now
        pool.run(.seconds(7200))
        #expect(pool.actions(since: settled).isEmpty)
        #expect(requests / 10 / Double(pool.size) < 0.7)
    }
}
