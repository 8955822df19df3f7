import Testing

@testable import Simulator

/// The published behaviour of the reference policies, constant by constant.
struct ReferencePolicyTests {
    @Test func `the documented constants`() {
        let hpa = HorizontalPodAutoscaler()
        #expect((hpa.tolerance, hpa.syncSeconds, hpa.downStabilizationSeconds) == (0.1, 15, 300))
        #expect((hpa.upRatio, hpa.upReplicas) == (2, 4))
        let keda = KEDAScaler()
        #expect((keda.pollingSeconds, keda.cooldownSeconds, keda.minimumReplicas) == (30, 300, 0))
        let knative = KnativeAutoscaler()
        #expect(
            (knative.target, knative.stableSeconds, knative.panicSeconds, knative.panicThreshold) == (0.7, 60, 6, 2))
        #expect((knative.maximumUpRate, knative.maximumDownRate, knative.limitsRates) == (1000, 2, true))
        let aws = TargetTracking()
        #expect((aws.outMinutes, aws.inMinutes, aws.inBelow) == (3, 15, 0.9))
        let predictive = PredictiveScaling()
        #expect((predictive.bufferSeconds, predictive.historyDays) == (300, 14))
        let nomad = NomadTargetValue()
        #expect((nomad.threshold, nomad.cooldownSeconds, nomad.evaluationSeconds) == (0.01, 300, 10))
        let sky = SkyServeAutoscaler()
        #expect(
            (sky.windowSeconds, sky.decisionSeconds, sky.upDelaySeconds, sky.downDelaySeconds) == (60, 20, 300, 1200))
        let dynamo = DynamoLoadPlanner()
        #expect((dynamo.intervalSeconds, dynamo.consolidation) == (5, 0.8))
        let thresholds = LoadThresholds()
        #expect((thresholds.above, thresholds.below, thresholds.calmSeconds) == (0.6, 0.2, 1800))
    }

    // MARK: Kubernetes

    @Test(arguments: [(7.0, 10), (7.69, 10), (7.71, 12), (14, 20), (50, 20), (6.31, 10)])
    func `HPA scales by the ratio beyond its tolerance, at most twofold`(demand: Double, expected: Int) {
        var driver = PolicyDriver(HorizontalPodAutoscaler(target: 0.7), desired: 10)
        #expect(driver.step(demand) == expected)
    }

    @Test func `HPA adds four to a small fleet and shrinks after 300 s to the most it wanted in them`() {
        var driver = PolicyDriver(HorizontalPodAutoscaler(target: 0.5), desired: 1)
        #expect(driver.steps(3, 50) == [5, 10, 20])
        #expect(driver.step(8) == 20)
        // 20 was wanted at 45 s and counts until 345 s; then 16, wanted at 60 s.
        #expect(driver.steps(18, 3).allSatisfy { $0 == 20 })
        #expect(driver.steps(2, 3) == [16, 6])
    }

    @Test func `HPA without a metric does nothing`() {
        var driver = PolicyDriver(HorizontalPodAutoscaler(), desired: 9)
        #expect(driver.steps(100, nil).allSatisfy { $0 == 9 })
    }

    @Test func `HPA looks every 15 s, also in shorter bins`() {
        var driver = PolicyDriver(HorizontalPodAutoscaler(target: 0.5), desired: 10)
        driver.bin = 5
        #expect(driver.steps(6, 20) == [10, 10, 20, 20, 20, 40])
    }

    @Test func `KEDA takes no answer for zero, and zero after its cooldown for idle`() {
        var driver = PolicyDriver(KEDAScaler(target: 0.5), desired: 10)
        #expect(driver.steps(2, 5) == [10, 10])
        // Last active at the poll of 30 s; the HPA holds what it wanted at 30 s until 330 s, when the cooldown is over.
        #expect(driver.steps(19, nil).allSatisfy { $0 == 10 })
        #expect(driver.step(nil) == 0)
        #expect(driver.step(0.1) == 0)
        #expect(driver.step(0.1) == 1)
        var kept = PolicyDriver(KEDAScaler(target: 0.5, minimumReplicas: 1), desired: 10)
        #expect(kept.steps(60, 0).last == 1)
    }

    // MARK: Knative

    @Test func `Knative scales to the mean of a minute, without panic`() {
        var driver = PolicyDriver(KnativeAutoscaler(target: 0.5), desired: 10)
        #expect(driver.steps(4, 5) == [10, 10, 10, 10])
        // Means of 5.5, 6, 6.5, 7 per second over 0.5.
        #expect(driver.steps(4, 7) == [11, 12, 13, 14])
        #expect(driver.steps(2, nil) == [14, 14])
    }

    @Test func `Knative panics at twice the ready replicas and then keeps the most for a minute`() {
        var driver = PolicyDriver(KnativeAutoscaler(target: 0.5), desired: 10)
        _ = driver.steps(4, 5)
        #expect(driver.step(10) == 20)
        // The panic counts from its last breach; after more than 60 s without one the mean rules again.
        #expect(driver.steps(4, 5) == [20, 20, 20, 20])
        #expect(driver.step(5) == 10)
        // No panic just under twice: the mean of 5, 5, 5 and 9.5.
        _ = driver.steps(3, 5)
        #expect(driver.step(9.5) == 13)
    }

    @Test func `Knative's rates bound a step`() {
        var driver = PolicyDriver(KnativeAutoscaler(target: 0.5), desired: 20)
        _ = driver.steps(4, 10)
        #expect(driver.steps(5, 0.5) == [16, 11, 6, 3, 1])
        var unlimited = PolicyDriver(KnativeAutoscaler(target: 0.5, limitsRates: false), desired: 20)
        #expect(unlimited.step(0.5) == 1)
        var limited = PolicyDriver(KnativeAutoscaler(target: 0.5), desired: 20)
        #expect(limited.step(0.5) == 10)
    }

    // MARK: Amazon

    @Test func `target tracking grows after three minutes and shrinks by a tenth after fifteen`() {
        var driver = PolicyDriver(TargetTracking(target: 0.5), desired: 20)
        #expect(driver.binsUntilChange(12) == 12 && driver.desired == 24)
        // The alarm is on: each further minute above the target grows again.
        #expect(driver.binsUntilChange(13) == 4 && driver.desired == 26)
        #expect(driver.binsUntilChange(10) == 60 && driver.desired == 24)
        #expect(driver.binsUntilChange(10) == 60 && driver.desired == 22)
        // Within 90 % to 100 % of the target nothing happens.
        #expect(driver.binsUntilChange(10.2) == nil)
    }

    @Test func `target tracking does not shrink while replicas boot, nor without data`() {
        var driver = PolicyDriver(TargetTracking(target: 0.5), desired: 20)
        driver.booting = [0]
        #expect(driver.binsUntilChange(2) == nil)
        driver.booting = []
        #expect(driver.binsUntilChange(nil) == nil)
        var gap = PolicyDriver(TargetTracking(target: 0.5), desired: 20)
        _ = gap.steps(8, 12)
        #expect(gap.step(nil) == 20 && gap.steps(3, 12).allSatisfy { $0 == 20 })
        #expect(gap.binsUntilChange(12) == 4)
    }

    @Test func `predictive scaling raises the floor five minutes before the hour, from the second day on`() {
        var driver = PolicyDriver(PredictiveScaling(target: 0.5), desired: 4)
        // 23 hours of 2 per second, then one of 20.
        #expect(driver.steps(23 * 240, 2).allSatisfy { $0 == 4 })
        _ = driver.steps(240, 20)
        #expect(driver.desired == 40)
        let night = driver.steps(22 * 240, 2)
        #expect(night.last == 4)
        // The hour of 20 begins in 60 minutes; its floor of 40 in 55.
        #expect(driver.steps(219, 2).allSatisfy { $0 == 4 })
        #expect(driver.step(2) == 40)
        // It holds through the hour, whatever the load, and target tracking takes it down from there.
        #expect(driver.steps(20 + 239, 2).allSatisfy { $0 == 40 })
        #expect(driver.steps(240, 2).last ?? 40 < 40)
    }

    // MARK: The others

    @Test func `Nomad follows the ratio and then rests for 300 s`() {
        var driver = PolicyDriver(NomadTargetValue(target: 0.5), desired: 10)
        #expect(driver.steps(2, 5.04) == [10, 10])
        #expect(driver.step(5.1) == 11)
        #expect(driver.binsUntilChange(10) == 20 && driver.desired == 20)
        #expect(driver.binsUntilChange(nil) == nil)
        #expect(driver.step(1) == 2)
    }

    @Test func `SkyServe waits 300 s to grow and 1200 s to shrink`() {
        var driver = PolicyDriver(SkyServeAutoscaler(target: 0.5), desired: 10)
        _ = driver.steps(4, 5)
        // 15 decisions of 20 s, give or take the bin.
        let up = driver.binsUntilChange(8) ?? 0
        #expect((300 - Double(up) * 15).magnitude <= 30 && driver.desired == 16)
        let down = driver.binsUntilChange(5) ?? 0
        #expect((1200 - Double(down) * 15).magnitude <= 60 && driver.desired == 10)
        // A break begins the count anew.
        _ = driver.steps(16, 8)
        _ = driver.steps(8, 5)
        #expect(driver.steps(16, 8).allSatisfy { $0 == 10 })
        #expect(driver.binsUntilChange(nil) == nil)
    }

    @Test func `SkyServe leaves zero at once and does not see what waits`() {
        var driver = PolicyDriver(SkyServeAutoscaler(target: 0.5), desired: 0)
        // The first decision, after 30 s, sees 120 requests in its 60 s.
        #expect(driver.steps(2, 4) == [0, 4])
        var queue = PolicyDriver(SkyServeAutoscaler(target: 0.5), desired: 2)
        #expect((0..<200).allSatisfy { _ in queue.step(50, waiting: 49.5) == 2 || queue.desired == 1 })
    }

    @Test func `Dynamo moves one at a time, and not while anything boots`() {
        var driver = PolicyDriver(DynamoLoadPlanner(limit: 0.9), desired: 10)
        #expect(driver.steps(3, 9.95) == [11, 12, 12])
        #expect(driver.step(3.0, waiting: 2.0) == 11)
        driver.booting = [0]
        #expect(driver.steps(9, 30) == [11, 11, 11, 11, 11, 11, 11, 11, 11])
        #expect(driver.step(0) == 11)
        driver.booting = []
        // 11 replicas at 7.19 are 10 at 0.719, just under 0.8 x 0.9.
        #expect(driver.step(7.3) == 11)
        #expect(driver.step(7.19) == 10)
        #expect(driver.step(nil) == 10)
    }

    @Test func `thresholds add one above and take one after half an hour below`() {
        var driver = PolicyDriver(LoadThresholds(), desired: 10)
        #expect(driver.steps(3, 7) == [11, 12, 12])
        // The first bin below begins the half hour.
        #expect(driver.binsUntilChange(2) == 121 && driver.desired == 11)
        _ = driver.steps(100, 2)
        _ = driver.step(2.3)
        #expect(driver.binsUntilChange(2) == 121)
        _ = driver.steps(100, 1)
        _ = driver.step(nil)
        #expect(driver.binsUntilChange(1) == 121)
    }
}
