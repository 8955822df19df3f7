import Fleet
import TestSupport
import Testing
import Transport

@testable import Drivers

@Suite struct CloudWatchPublisherTests {
    private static let keys = [
        "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1",
    ]
    private static let accepted =
        "<PutMetricDataResponse><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></PutMetricDataResponse>"

    private func publisher(
        _ network: ScriptedNetwork, _ time: ManualTime = ManualTime(), keys: [String: String] = Self.keys,
        interval: Duration = .seconds(60)
    ) -> CloudWatchPublisher {
        CloudWatchPublisher(
            settings: CloudWatchSettings(namespace: "Custom/LLMMetrics", interval: interval),
            surroundings: .fake(environment: keys, time: time, send: network.send))
    }

    private func data(_ count: Int) -> [CloudWatchDatum] {
        (0..<count).map {
            CloudWatchDatum(
                metric: "LLMQueueDepth", pool: PoolID(rawValue: String(repeating: "p", count: 59) + "\($0)"),
                value: 12.5,
                at: ManualTime.start)
        }
    }

    @Test func `a value goes out with its pool and its moment`() async throws {
        let network = ScriptedNetwork([.ok(Self.accepted), .ok(Self.accepted)])
        try await publisher(network).publish(data(1))
        let request = try #require(network.requests.first)
        #expect(
            request.url == "https://monitoring.us-east-1.amazonaws.com/" && request.signature?.service == "monitoring")
        let member = "MetricData.member.1."
        #expect(
            formFields(request.body) == [
                "Action": "PutMetricData", "Version": "2010-08-01", "Namespace": "Custom/LLMMetrics",
                member + "MetricName": "LLMQueueDepth", member + "Dimensions.member.1.Name": "Pool",
                member + "Dimensions.member.1.Value": data(1)[0].pool.rawValue, member + "Value": "12.5",
                member + "Timestamp": "2026-09-21T14:13:20.000Z",
            ])
        try await publisher(network, interval: .seconds(10)).publish(data(1))
        #expect(formFields(network.requests[1].body)[member + "StorageResolution"] == "1")
    }

    @Test func `many values go out in calls of a thousand and of less than a megabyte`() async throws {
        let network = ScriptedNetwork([.ok(Self.accepted), .ok(Self.accepted), .ok(Self.accepted)])
        try await publisher(network).publish(data(2001))
        let sizes = network.requests.map { formFields($0.body).keys.count { $0.hasSuffix("MetricName") } }
        #expect(sizes == [1000, 1000, 1])
        #expect(network.requests.allSatisfy { ($0.body?.count ?? 0) < 1_000_000 })
    }

    @Test(arguments: [
        (ScriptedNetwork.Answer.refusal(400, "Throttling"), "throttled"),
        (.refusal(503, "ServiceUnavailable"), "unreachable"),
        (.failure(.unknownOutcome("cut")), "unreachable"),
    ])
    func `a failure is tried again a few times, within the deadline`(
        _ answer: ScriptedNetwork.Answer, _ kind: String
    ) async throws {
        let (network, time) = (ScriptedNetwork(Array(repeating: answer, count: 9)), ManualTime())
        let publisher = publisher(network, time)
        let error = await #expect(throws: DriverError.self) { try await publisher.publish(data(1)) }
        #expect(error?.kind == kind && network.requests.count == AWSQueryClient.attempts && time.uptime < .seconds(10))
        let passing = ScriptedNetwork([answer, .ok(Self.accepted)])
        try await self.publisher(passing).publish(data(1))
        #expect(passing.requests.count == 2)
    }

    @Test func `what is denied or lacks credentials is not tried again`() async throws {
        let network = ScriptedNetwork([.refusal(403, "AccessDenied")])
        await #expect(throws: DriverError.self) { try await publisher(network).publish(data(1)) }
        #expect(network.requests.count == 1)
        let without = publisher(ScriptedNetwork([]), keys: ["AWS_EC2_METADATA_DISABLED": "true", "HOME": "/none"])
        await #expect(throws: DriverError.self) { try await without.publish(data(1)) }
    }
}

extension MotoTests {
    @Test func `gauges arrive signed, and one without rights puts none`() async throws {
        let moto = try MotoAccount.current
        func publisher(_ key: [String: String]) -> CloudWatchPublisher {
            CloudWatchPublisher(
                settings: CloudWatchSettings(
                    namespace: "Custom/LLMMetrics", region: "us-east-1", serviceEndpoint: moto.url,
                    deadline: .seconds(60)),
                surroundings: .process(environment: key, send: moto.transport.send))
        }
        // moto forgets values of long ago.
        let now = AWSSurroundings.process(environment: [:], send: moto.transport.send).now()
        let data = (1...5).map { number in
            CloudWatchDatum(
                metric: "LLMQueueDepth", pool: PoolID(rawValue: "chat-\(number)"), value: Double(number), at: now)
        }
        try await publisher(moto.environment).publish(data)
        let statistics = try await moto.ask(
            "monitoring", "GetMetricStatistics",
            [
                "Namespace": "Custom/LLMMetrics", "MetricName": "LLMQueueDepth", "Period": "60",
                "StartTime": "\(now - .seconds(600))", "EndTime": "\(now + .seconds(600))",
                "Statistics.member.1": "Maximum",
                "Dimensions.member.1.Name": "Pool", "Dimensions.member.1.Value": "chat-5",
            ])
        #expect(statistics.contains("<Maximum>5.0</Maximum>"), "\(statistics)")
        for wrong in [moto.powerless, moto.environment.merging(["AWS_SECRET_ACCESS_KEY": "wrong"]) { $1 }] {
            let error = await #expect(throws: DriverError.self) { try await publisher(wrong).publish(data) }
            #expect(error?.kind == "unauthorized")
        }
    }
}
