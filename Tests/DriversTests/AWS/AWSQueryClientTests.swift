import Fleet
import Testing
import Transport

@testable import Drivers

@Suite struct AWSQueryClientTests {
    static let done = ScriptedNetwork.Answer.ok(
        "<R><ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></R>")
    static let html = ScriptedNetwork.Answer.answer(500, "<!doctype html>\n<title>500</title>")
    static let lost = ScriptedNetwork.Answer.failure(.unknownOutcome("reset"))
    static let notSent = ScriptedNetwork.Answer.failure(.notSent("refused"))
    static let truncated = ScriptedNetwork.Answer.ok("<R><ResponseMetadata><RequestId>r-1</Re")

    private func ask(
        _ effect: AWSQueryCall.Effect, _ answers: [ScriptedNetwork.Answer], time: ManualTime = ManualTime(),
        deadline: Duration = .seconds(10), credentials: AWSCredentialsProvider? = nil
    ) async -> (result: Result<String?, DriverError>, requests: [HTTPRequest]) {
        let network = ScriptedNetwork(answers)
        let surroundings = AWSSurroundings.fake(time: time, send: network.send)
        let client = AWSQueryClient(
            region: "us-east-1",
            endpoints: AWSEndpoints(region: "us-east-1", explicit: nil, surroundings: surroundings),
            credentials: credentials, surroundings: surroundings)
        do throws(DriverError) {
            let call = AWSQueryCall(.autoscaling, "SomeAction", effect)
            let answer = try await client.answer(
                to: call, as: BareAnswer.self, until: time.uptime + deadline)
            return (.success(answer.metadata.requestID), network.requests)
        } catch {
            return (.failure(error), network.requests)
        }
    }

    /// What came of a call, as one word, and how often it was sent.
    @Test(
        arguments: [
            (.reads, [done], "ok", 1),
            (.reads, [.refusal(400, "Throttling"), .refusal(503, "RequestLimitExceeded"), done], "ok", 3),
            (
                .reads, [.refusal(400, "Throttling"), .refusal(400, "Throttling"), .refusal(400, "Throttling"), done],
                "throttled", 3
            ),
            (.reads, [lost, html, done], "ok", 3),
            (.reads, [truncated, notSent, done], "ok", 3),
            (.reads, [truncated, truncated, truncated, done], "unreachable", 3),
            (.reads, [html, html, html], "unreachable", 3),
            (.reads, [.refusal(500, "ResourceContention"), done], "ok", 2),
            (.reads, [.refusal(400, "ValidationError"), done], "rejected", 1),
            (.reads, [.refusal(403, "AccessDenied"), done], "unauthorized", 1),
            (.reads, [.refusal(403, "ExpiredToken"), done], "unauthorized", 1),
            (.reads, [.failure(.cancelled), done], "unreachable", 1),
            (.reads, [.answer(302, ""), done], "rejected", 1),
            (.writes, [done], "ok", 1),
            (.writes, [.refusal(400, "Throttling"), .refusal(400, "ScalingActivityInProgress"), done], "ok", 3),
            (.writes, Array(repeating: .refusal(500, "ResourceContention"), count: 4), "unreachable", 3),
            (.writes, [lost, done], "outcome_unknown", 1),
            (.writes, [truncated, done], "outcome_unknown", 1),
            (.writes, [html, done], "outcome_unknown", 1),
            (.writes, [.refusal(500, "InternalFailure"), done], "outcome_unknown", 1),
            (.writes, [.failure(.cancelled), done], "outcome_unknown", 1),
            (.writes, [notSent, done], "unreachable", 1),
            (.writes, [.refusal(400, "Throttling"), lost, done], "outcome_unknown", 2),
            (.writes, [.refusal(500, "InsufficientInstanceCapacity"), done], "no_capacity", 1),
        ] as [(AWSQueryCall.Effect, [ScriptedNetwork.Answer], String, Int)])
    func `reads are tried again, writes only when nothing was changed`(
        _ effect: AWSQueryCall.Effect, _ answers: [ScriptedNetwork.Answer], _ outcome: String, _ sent: Int
    ) async {
        let (result, requests) = await ask(effect, answers)
        switch result {
        case .success(let id): #expect(outcome == "ok" && id == "r-1")
        case .failure(let error): #expect(error.kind == outcome, "\(error)")
        }
        #expect(requests.count == sent)
    }

    @Test func `pauses double and stay between half and all of their length`() async {
        let time = ManualTime()
        _ = await ask(.reads, [Self.lost, Self.lost, Self.done], time: time)
        // random() is 0: half of 250 ms, half of 500 ms.
        #expect(time.uptime == .milliseconds(125 + 250))
    }

    @Test func `the server's Retry-After is waited for`() async {
        let time = ManualTime()
        let busy = ScriptedNetwork.Answer.refusal(503, "Throttling", headers: [HTTPField("retry-after", "3")])
        let (result, _) = await ask(.writes, [busy, Self.done], time: time)
        #expect(time.uptime == .seconds(3))
        #expect((try? result.get()) == "r-1")
    }

    @Test func `a pause beyond the deadline is not begun`() async {
        let time = ManualTime()
        let busy = ScriptedNetwork.Answer.refusal(503, "Throttling", headers: [HTTPField("Retry-After", "60")])
        let (result, requests) = await ask(.reads, [busy, Self.done], time: time)
        #expect(
            throws: DriverError.throttled(
                retryAfter: .seconds(60), message: "autoscaling SomeAction in us-east-1: Throttling: m")
        ) { try result.get() }
        #expect(time.uptime == .zero)
        #expect(requests.count == 1)
    }

    @Test func `no attempt outlives the deadline, and a read keeps time for another`() async {
        let (_, reads) = await ask(.reads, [Self.lost, Self.lost, Self.lost])
        #expect(reads.map(\.deadline) == [.seconds(5), .milliseconds(4937.5), .milliseconds(9625)])
        let (_, writes) = await ask(.writes, [Self.done])
        #expect(writes.map(\.deadline) == [.seconds(10)])
        let (late, none) = await ask(.writes, [Self.done], deadline: .zero)
        #expect(throws: DriverError.self) { try late.get() }
        #expect(none.isEmpty)
    }

    @Test func `stale credentials are read anew once`() async throws {
        let first = AWSCredentials(accessKeyID: "A1", secretAccessKey: "s", sessionToken: "t1")
        let second = AWSCredentials(accessKeyID: "A2", secretAccessKey: "s", sessionToken: "t2")
        let expired = ScriptedNetwork.Answer.refusal(403, "ExpiredToken")

        let renewed = ScriptedSource([.success(.found(first)), .success(.found(second))])
        let (result, requests) = await ask(.writes, [expired, Self.done], credentials: renewed.provider())
        #expect(try result.get() == "r-1")
        #expect(requests.map { $0.signature?.sessionToken } == ["t1", "t2"])
        #expect(requests[0].signature?.region == "us-east-1" && requests[0].signature?.service == "autoscaling")

        let same = ScriptedSource([.success(.found(first)), .success(.found(first))])
        let (refused, once) = await ask(.reads, [expired, Self.done], credentials: same.provider())
        #expect(throws: DriverError.self) { try refused.get() }
        #expect(once.count == 1)

        let third = AWSCredentials(accessKeyID: "A3", secretAccessKey: "s", sessionToken: "t3")
        let again = ScriptedSource([first, second, third].map { .success(.found($0)) })
        let (still, twice) = await ask(.reads, [expired, expired, Self.done], credentials: again.provider())
        #expect(throws: DriverError.self) { try still.get() }
        #expect(twice.count == 2)
    }

    @Test func `a refusal tells how far the clock is off`() async throws {
        let late = HTTPField("Date", "Mon, 21 Sep 2026 15:13:20 GMT")
        let (result, _) = await ask(.reads, [.refusal(403, "RequestTimeTooSkewed", headers: [late])])
        let error = try #require(throws: DriverError.self) { try result.get() }
        // ManualTime starts at 2026-09-21T14:13:20Z.
        #expect(error.message.contains("60 min behind AWS"), "\(error)")
    }
}
