import Fleet
import Testing

@testable import Config

@Suite struct CloudWatchConfigTests {
    private func config(_ cloudWatch: String) throws -> AgentConfig {
        try parse("\(cloudWatch)\npools: [{name: a, engine: {endpoints: [\"http://127.0.0.1:8000\"]}}]\n")
    }

    @Test func `nothing is published unless asked for, and three gauges by default`() throws {
        #expect(try config("").cloudWatch == nil)
        #expect(try config("cloudwatch: off").cloudWatch == nil)
        #expect(try config("cloudwatch: {}").cloudWatch == CloudWatchConfig())
        let chosen = try config("cloudwatch: {metrics: [desired_replicas, queue_depth], interval: 10s}")
        #expect(chosen.cloudWatch?.gauges == [.queueDepth, .desiredReplicas])
        #expect(try parse(chosen.describe(), file: "/elsewhere/x.yaml").cloudWatch == chosen.cloudWatch)
    }

    @Test(arguments: [
        ("{namespace: AWS/EC2}", "cloudwatch.namespace: AWS/"),
        ("{metrics: [waiting]}", "cloudwatch.metrics[0]: expected one"),
        ("{metrics: []}", "found an empty one"), ("{intervall: 60s}", "did you mean interval?"),
        ("true", "expected a mapping"),
    ])
    func `what is wrong is told`(_ text: String, _ words: String) {
        let error = #expect(throws: ConfigProblems.self) { try config("cloudwatch: \(text)") }
        #expect(error.map { "\($0)".contains(words) } == true, "\(String(describing: error))")
    }
}
