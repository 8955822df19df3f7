import Fleet
import Testing

@testable import Simulator

struct RequestSimulatorTests {
    /// 1000 prompt tokens a second; 10 tokens a second, however many sequences.
    static let model = EngineModel(
        slots: 4, prefillTokensPerSecond: 1000, decodeTokensPerSecond: 10, decodeSlowdown: 0, chunkTokens: 100)

    static func simulator(
        _ requests: [TrafficArrival], boot: Double = 30, start: Int = 1,
        _ change: (inout FleetScenario) -> Void = { _ in }
    ) -> RequestSimulator {
        var scenario = FleetScenario(capacityPerSecond: 1, bootSeconds: boot)
        scenario.startReplicas = start
        scenario.minimumReplicas = 0
        change(&scenario)
        return RequestSimulator(requests: requests, model: model, scenario: scenario)
    }

    static func request(_ second: Double, _ prompt: Int = 500, _ output: Int = 11) -> TrafficArrival {
        TrafficArrival(at: .seconds(second), promptTokens: prompt, outputTokens: output)
    }

    @Test func `two requests on two engines do not meet, on one they do`() throws {
        let requests = [Self.request(1), Self.request(1)]
        let two = Self.simulator(requests, start: 2).run(FixedSize(replicas: 2))
        #expect(two.timesToFirstToken == [0.5, 0.5] && two.unanswered == 0)
        #expect((try #require(two.meanInterTokenSeconds) - 0.1).magnitude < 1e-9)
        #expect(two.replicaHours == 2 * 15 / 3600.0)
        let one = Self.simulator(requests).run(FixedSize(replicas: 1))
        // The second prompt waits 0.5 s, and has 5 steps of 0.2 s beside the first one's decoding.
        #expect(one.timesToFirstToken.map { $0.rounded(digits: 9) } == [0.5, 1.5])
        #expect(one.timeToFirstToken(quantile: 0) == 0.5 && one.meanTimeToFirstToken?.rounded(digits: 9) == 1)
    }

    @Test func `without a ready replica requests are held until one is`() {
        let policy = RecordingPolicy { _ in 1 }
        let report = Self.simulator([Self.request(3)], start: 0).run(policy)
        // Ordered at 15 s, ready at 45 s.
        #expect(report.timesToFirstToken == [42.5])
        #expect(policy.log.views.map(\.ready) == [0, 0, 0, 1])
        #expect(policy.log.views[0].load?.backlog == Self.model.workSeconds(Self.request(3)))
        #expect(policy.log.views.map { $0.engines?.count } == [0, 0, 0, 1])
        #expect(policy.log.views[3].bootedAfterSeconds == [30] && policy.log.views[3].load?.backlog == 0)
    }

    @Test func `the gauges of the engines are seen, and work adds up`() throws {
        let requests = (0..<400).map { Self.request(Double($0) * 0.2, 500, 101) }
        let policy = RecordingPolicy { _ in 3 }
        _ = Self.simulator(requests, start: 3).run(policy)
        let views = policy.log.views
        #expect(views[3].engines?.map(\.running) == [4, 4, 4])
        #expect((views[3].engines ?? []).allSatisfy { $0.waiting > 0 && $0.kvCacheUsage > 0 && $0.kvCacheUsage < 1 })
        let arrivals = views.compactMap(\.load?.arrivals).reduce(0, +)
        let served = views.compactMap(\.load?.served).reduce(0, +)
        #expect((arrivals - 400 * Self.model.workSeconds(requests[0])).magnitude < 1e-9)
        #expect((arrivals - served).magnitude < 1e-6 && views.last?.load?.backlog == 0)
    }

    @Test func `a replica that is taken away finishes what it has, and costs until then`() {
        let requests = [Self.request(1, 500, 401), Self.request(2, 500, 401)]
        let report = Self.simulator(requests, start: 2).run(FixedSize(replicas: 1))
        #expect(report.timesToFirstToken == [0.5, 0.5])
        // 42 s of work each: three bins of both.
        #expect(report.replicaHours == 2 * 3 * 15 / 3600.0 && report.scaleDowns == 1)
    }

    @Test(arguments: 0..<5)
    func `requests survive interruptions, failed boots and a provider without capacity`(seed: UInt64) throws {
        let day = TrafficDay(
            peakRequestsPerSecond: 1, seed: seed,
            lengths: RequestLengths(meanPromptTokens: 500, meanOutputTokens: 30))
        let requests = day.arrivals(from: .seconds(36_000), to: .seconds(37_500)).map {
            Self.request($0.at.seconds - 36_000, $0.promptTokens, $0.outputTokens)
        }
        let simulator = Self.simulator(requests, start: 3) {
            $0.minimumReplicas = 1
            $0.seed = seed
            $0.disturbances.spot = SpotMarket(onDemandBase: 1, interruptionsPerHour: 10)
            $0.disturbances.failedBootShare = 0.2
            $0.disturbances.capacityGaps = [CapacityGap(seconds: 300..<500)]
        }
        for candidate in PolicyCandidate.references where candidate.name != "fixed" {
            let fluid = FleetSimulator(work: [1], scenario: simulator.scenario)
            let policy = candidate.make(candidate.standard, fluid)
            let report = simulator.run(policy)
            #expect(report.unanswered == 0 && report.timesToFirstToken.count == requests.count, "\(candidate.name)")
            #expect(report.timesToFirstToken.allSatisfy { $0 > 0 } && report.replicaHours > 0)
            #expect(report == simulator.run(policy))
        }
    }

    /// The start-up sweep that the Dynamo project publishes for its planner (an hour of tool calls on an 8B model, two
    /// workers to begin with): from no start-up time to five minutes the mean time to the first token grows from 0.85 s
    /// to over a minute and the scale-ups fall from 42 to 8, while the GPU-hours hardly change. The same in shape.
    @Test func `slow boots end in a cliff`() throws {
        let lengths = RequestLengths(meanPromptTokens: 8596, meanOutputTokens: 182, spread: 1)
        let day = TrafficDay(peakRequestsPerSecond: 8, seed: 1, lengths: lengths, burstsPerDay: 200)
        let requests = day.arrivals(from: .seconds(36_000), to: .seconds(39_540)).map {
            Self.request($0.at.seconds - 36_000, $0.promptTokens, $0.outputTokens)
        }
        let model = EngineModel(
            slots: 256, prefillTokensPerSecond: 60_000, decodeTokensPerSecond: 150, decodeSlowdown: 0.02,
            chunkTokens: 8192, kvBlocks: 60_000)
        let reports = [0.0, 60, 120, 300].map { boot in
            var scenario = FleetScenario(capacityPerSecond: 1, bootSeconds: boot)
            (scenario.binSeconds, scenario.startReplicas) = (10, 2)
            return RequestSimulator(requests: requests, model: model, scenario: scenario)
                .run(DynamoLoadPlanner(limit: 1, waitSeconds: 1.5))
        }
        let times = try reports.map { try #require($0.meanTimeToFirstToken) }
        #expect(times[0] < 1 && times[1] > 5 && times[2] > 25 && times[3] > 40)
        #expect(times == times.sorted())
        let ups = reports.map(\.scaleUps)
        #expect(ups[3] * 2 < ups[0] && ups == ups.sorted(by: >))
        #expect(reports[3].replicaHours < 1.3 * reports[0].replicaHours)
        let first = try #require(reports[0].meanInterTokenSeconds)
        #expect(try #require(reports[3].meanInterTokenSeconds) > 1.5 * first)
    }
}
