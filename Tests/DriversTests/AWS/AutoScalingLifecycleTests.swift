import Fleet
import Foundation
import TestSupport
import Testing

@testable import Drivers

@Suite struct AutoScalingLifecycleTests {
    @Test(
        arguments: [
            ("Pending", .booting(phase: .provision)),
            ("Pending:Wait", .booting(phase: .serviceStart)),
            ("Pending:Proceed", .booting(phase: .serviceStart)),
            ("InService", .ready),
            ("Terminating", .terminating),
            ("Terminating:Wait", .terminating),
            ("Terminating:Retained", .terminating),
            ("Terminating:OfTheFuture", .terminating),
            ("Terminated", .terminating),
            ("Detaching", .terminating),
            ("Detached", .terminating),
            ("EnteringStandby", .stopped),
            ("Standby", .stopped),
            ("Warmed:Stopped", .stopped),
            ("Warmed:Pending:Wait", .stopped),
            ("Warmed:Terminating:Proceed", .terminating),
            ("ReplacingRootVolume:Wait", .booting(phase: .serviceStart)),
            ("OfTheFuture", .stopped),
            ("", .stopped),
            (nil, .stopped),
        ] as [(String?, ReplicaState)])
    func `each lifecycle state has one meaning`(_ lifecycle: String?, _ expected: ReplicaState) {
        #expect(AutoScalingLifecycle.state(lifecycle, health: "Healthy") == expected)
    }

    @Test func `an unhealthy instance is not ready`() {
        guard case .failed = AutoScalingLifecycle.state("InService", health: "Unhealthy") else {
            Issue.record("ready")
            return
        }
        #expect(AutoScalingLifecycle.state("Terminating", health: "Unhealthy") == .terminating)
    }

    @Test(.enabled(if: SharedFixtures.available, "needs ../shared"))
    func `of all the states that the contract knows only InService is ready`() throws {
        struct Contract: Decodable {
            struct Service: Decodable { var LifecycleState: [String]? }
            var services: [String: Service]
        }
        let bytes = try SharedFixtures.bytes("contracts/aws-query.json")
        let states = try JSONDecoder().decode(Contract.self, from: Data(bytes)).services["autoscaling"]?.LifecycleState
        let ready = try #require(states).filter { AutoScalingLifecycle.state($0, health: nil) == .ready }
        #expect(ready == ["InService"])
    }
}
