import Fleet
import Synchronization
import Testing
import Transport

@testable import Drivers

@Suite struct AutoScalingGroupDriverTests {
    private func driver(
        _ group: FakeAutoScaling, name: String = "g", endpoint: String? = "http://{private_ip}:8000"
    ) -> AutoScalingGroupDriver {
        let source = ScriptedSource([.success(.found(AWSCredentials(accessKeyID: "A", secretAccessKey: "s")))])
        return AutoScalingGroupDriver(
            settings: AutoScalingGroupSettings(
                group: name, region: "us-east-1", endpointTemplate: endpoint, onDemandUSDPerHour: 4, spotUSDPerHour: 1.5
            ),
            credentials: source.provider(), surroundings: .fake(send: group.send))
    }

    private func ids(_ names: String...) -> [ReplicaID] { names.map(ReplicaID.init) }
    private let action = ActionID(rawValue: "a-1")

    // MARK: describe

    @Test func `a group is described with addresses, markets and prices`() async throws {
        let group = FakeAutoScaling {
            $0.instances = [("i-b", "InService"), ("i-a", "Pending"), ("i-c", "Terminating:Wait")]
            $0.spot = ["i-b"]
            $0.desired = 3
        }
        let state = try await driver(group).describe()
        #expect([state.desired, state.minimum, state.maximum] == [3, 1, 5])
        #expect(state.observedAt == ManualTime.start)
        let launch = Timestamp(secondsSince1970: 1_795_232_701)
        #expect(
            state.replicas == [
                Replica(
                    id: ReplicaID(rawValue: "i-a"), state: .booting(phase: .provision), launchedAt: launch,
                    usdPerHour: 4, endpoint: "http://10.0.0.2:8000", zone: "us-east-1a"),
                Replica(
                    id: ReplicaID(rawValue: "i-b"), state: .ready, launchedAt: launch, market: .spot, usdPerHour: 1.5,
                    endpoint: "http://10.0.0.1:8000", zone: "us-east-1a"),
                Replica(
                    id: ReplicaID(rawValue: "i-c"), state: .terminating, launchedAt: launch, usdPerHour: 4,
                    endpoint: "http://10.0.0.3:8000", zone: "us-east-1a"),
            ])
    }

    @Test func `a spot instance that is told to go says when`() async throws {
        let group = FakeAutoScaling { ($0.spot, $0.noticed) = (["i-a", "i-b"], ["i-b"]) }
        let state = try await driver(group).describe()
        let told = AWSTime.rfc3339("2026-11-21T03:50:00Z")
        #expect(state.replicas.map(\.leavesAt) == [nil, told.map { $0 + .seconds(120) }])
        let plain = FakeAutoScaling()
        _ = try await driver(plain).describe()
        #expect(!plain.calls.contains("DescribeSpotInstanceRequests"), "without spot instances nobody is asked")
    }

    @Test func `notices that may not be read are none`() async throws {
        let group = FakeAutoScaling {
            ($0.spot, $0.noticed) = (["i-b"], ["i-b"])
            $0.faults["DescribeSpotInstanceRequests"] = [.refuse(403, "UnauthorizedOperation", "no")]
        }
        #expect(try await driver(group).describe().replicas.map(\.leavesAt) == [nil, nil])
    }

    @Test func `a group that cannot launch what it wants is described as short`() async throws {
        let group = FakeAutoScaling {
            ($0.desired, $0.activity) = (4, ("Failed", "We do not have sufficient Spot capacity in us-east-1b."))
        }
        let shortage = try await driver(group).describe().shortage
        guard case .noCapacity(.spot, zone: "us-east-1b", _) = shortage else {
            Issue.record("\(shortage as Any)")
            return
        }
        group.state.withLock { $0.activity = ("InProgress", "") }
        #expect(try await driver(group).describe().shortage == nil)
    }

    @Test func `without a template EC2 is not asked`() async throws {
        let group = FakeAutoScaling()
        let state = try await driver(group, endpoint: nil).describe()
        #expect(state.replicas.map(\.endpoint) == [nil, nil])
        #expect(group.calls == ["DescribeAutoScalingGroups"])
    }

    @Test func `an unknown group is refused by name and region`() async throws {
        let error = try await #require(throws: DriverError.self) {
            try await driver(FakeAutoScaling(), name: "other").describe()
        }
        #expect(error.kind == "rejected")
        #expect(error.message.contains("Auto Scaling group other in us-east-1"))
    }

    @Test(arguments: [
        (FakeAutoScaling.Fault.refuse(403, "UnauthorizedOperation", "no"), "unauthorized"),
        (.html, "unreachable"), (.unreachable, "unreachable"), (.truncate, "unreachable"),
        (.refuse(503, "RequestLimitExceeded", "slow"), "throttled"),
    ])
    func `a group whose addresses cannot be read is not described`(_ fault: FakeAutoScaling.Fault, _ kind: String)
        async throws
    {
        let group = FakeAutoScaling { $0.faults["DescribeInstances"] = Array(repeating: fault, count: 3) }
        let error = try await #require(throws: DriverError.self) { try await driver(group).describe() }
        #expect(error.kind == kind)
    }

    @Test func `two passing faults do not show`() async throws {
        let group = FakeAutoScaling {
            $0.faults["DescribeAutoScalingGroups"] = [.truncate, .html]
            $0.faults["DescribeInstances"] = [.unreachable, .refuse(503, "RequestLimitExceeded", "slow")]
        }
        #expect(try await driver(group).describe().replicas.count == 2)
    }

    @Test func `large groups are asked for in parts`() async throws {
        let group = FakeAutoScaling { state in state.instances = (0..<230).map { ("i-\($0)", "InService") } }
        let state = try await driver(group).describe()
        #expect(state.replicas.count == 230 && state.replicas.allSatisfy { $0.endpoint != nil })
        #expect(group.calls.count { $0 == "DescribeInstances" } == 3)
    }

    @Test func `pages are followed`() async throws {
        func page(_ name: String, next: String) -> ScriptedNetwork.Answer {
            .ok(
                "<R><DescribeAutoScalingGroupsResult><AutoScalingGroups><member><AutoScalingGroupName>\(name)"
                    + "</AutoScalingGroupName><MinSize>1</MinSize><MaxSize>2</MaxSize><DesiredCapacity>0</DesiredCapacity>"
                    + "</member></AutoScalingGroups>\(next)</DescribeAutoScalingGroupsResult></R>")
        }
        let network = ScriptedNetwork([page("g2", next: "<NextToken>t/1</NextToken>"), page("g", next: "<NextToken/>")])
        let driver = AutoScalingGroupDriver(
            settings: AutoScalingGroupSettings(group: "g", region: "us-east-1"),
            credentials: ScriptedSource([.success(.found(AWSCredentials(accessKeyID: "A", secretAccessKey: "s")))])
                .provider(), surroundings: .fake(send: network.send))
        #expect(try await driver.describe().maximum == 2)
        #expect(network.requests.map { formFields($0.body)["NextToken"] } == [nil, "t/1"])
    }

    // MARK: grow

    @Test func `growing sets the size once`() async throws {
        let group = FakeAutoScaling()
        let driver = driver(group)
        #expect(try await driver.submit(.grow(to: 4), id: action) == Receipt(reference: "r-1"))
        #expect(try await driver.submit(.grow(to: 4), id: action) == Receipt())
        #expect(group.desired == 4)
        #expect(group.calls.count { $0 == "SetDesiredCapacity" } == 1)
    }

    @Test func `growing never lowers`() async throws {
        let group = FakeAutoScaling { $0.desired = 5 }
        #expect(try await driver(group).submit(.grow(to: 3), id: action) == Receipt())
        #expect(group.desired == 5)
    }

    @Test func `growing beyond the maximum is refused before it is asked`() async throws {
        let group = FakeAutoScaling()
        let error = try await #require(throws: DriverError.self) {
            try await driver(group).submit(.grow(to: 6), id: action)
        }
        #expect(error == .rejected(message: "Auto Scaling group g in us-east-1: asked for 6 instances, MaxSize is 5"))
        #expect(group.calls == ["DescribeAutoScalingGroups"])
    }

    @Test(arguments: [
        (FakeAutoScaling.Fault.loseAnswer, "outcome_unknown", 4), (.truncate, "outcome_unknown", 4),
        (.html, "outcome_unknown", 2), (.unreachable, "unreachable", 2),
        (.refuse(400, "ValidationError", "no"), "rejected", 2),
    ])
    func `a write without an answer is not repeated`(_ fault: FakeAutoScaling.Fault, _ kind: String, _ desired: Int)
        async throws
    {
        let group = FakeAutoScaling { $0.faults["SetDesiredCapacity"] = [fault] }
        let error = try await #require(throws: DriverError.self) {
            try await driver(group).submit(.grow(to: 4), id: action)
        }
        #expect(error.kind == kind)
        #expect(group.desired == desired)
        #expect(group.calls.count { $0 == "SetDesiredCapacity" } == 1)
    }

    @Test(arguments: [
        (
            "Failed",
            "We currently do not have sufficient p5 capacity in the Availability Zone you requested (us-east-1a).",
            false
        ),
        ("Failed", "Could not launch Spot Instances. InsufficientInstanceCapacity", false),
        ("Failed", "Invalid IAM Instance Profile name", true), ("InProgress", "not sufficient p5 capacity", true),
    ])
    func `a group that cannot launch what it wants is not asked for more`(
        _ status: String, _ message: String, _ grows: Bool
    ) async throws {
        let group = FakeAutoScaling {
            $0.desired = 3
            $0.activity = (status, message)
        }
        if grows {
            #expect(try await driver(group).submit(.grow(to: 4), id: action) == Receipt(reference: "r-1"))
        } else {
            let error = try await #require(throws: DriverError.self) {
                try await driver(group).submit(.grow(to: 4), id: action)
            }
            let isSpot = message.contains("Spot")
            #expect(
                error
                    == .noCapacity(
                        market: isSpot ? .spot : .onDemand, zone: isSpot ? nil : "us-east-1a",
                        message: "Auto Scaling group g in us-east-1: 2 of 3 instances are there: \(message)"))
        }
        #expect(group.desired == (grows ? 4 : 3))
    }

    @Test func `growing does not depend on the right to read activities`() async throws {
        let group = FakeAutoScaling {
            $0.desired = 3
            $0.faults["DescribeScalingActivities"] = [.refuse(403, "AccessDenied", "no")]
        }
        #expect(try await driver(group).submit(.grow(to: 4), id: action) == Receipt(reference: "r-1"))
    }

    // MARK: remove

    @Test func `named instances are terminated and the size follows`() async throws {
        let group = FakeAutoScaling {
            $0.instances = [("i-a", "InService"), ("i-b", "Terminating"), ("i-c", "Pending"), ("i-d", "InService")]
            $0.desired = 3
        }
        let receipt = try await driver(group).submit(.remove(ids("i-c", "i-b", "i-a", "i-a", "i-x")), id: action)
        #expect(receipt == Receipt(reference: "act-i-c,act-i-a", alreadyGone: ids("i-b", "i-x")))
        #expect(group.desired == 1)
        let left = group.state.withLock { $0.instances.filter { $0.state != "Terminating" }.map(\.id) }
        #expect(left == ["i-d"])
    }

    @Test(arguments: [
        (["i-a", "i-b"], "would go below MinSize 1"), (["i-a", "i-w"], "it is in the warm pool"),
        (["i-d"], "it has left the group"), (["vm-7"], "vm-7 is no instance id"),
    ])
    func `a removal that the group would not carry out changes nothing`(_ names: [String], _ text: String) async throws
    {
        let group = FakeAutoScaling { $0.instances += [("i-w", "Warmed:Stopped"), ("i-d", "Detached")] }
        let error = try await #require(throws: DriverError.self) {
            try await driver(group).submit(.remove(names.map(ReplicaID.init)), id: action)
        }
        #expect(error.kind == "rejected")
        #expect(error.message.contains(text), "\(error)")
        #expect(group.calls == ["DescribeAutoScalingGroups"])
    }

    @Test func `a replaced instance leaves the size as it is, also at the minimum`() async throws {
        let group = FakeAutoScaling { ($0.minimum, $0.maximum) = (2, 2) }
        let driver = driver(group)
        #expect(try await driver.submit(.replace(ids("i-a", "i-x")), id: action).alreadyGone == ids("i-x"))
        #expect(group.desired == 2)
        #expect(group.state.withLock { $0.instances.map(\.state) } == ["Terminating", "InService"])
        #expect(try await driver.submit(.replace(ids("i-a")), id: action) == Receipt(alreadyGone: ids("i-a")))
        #expect(group.calls.count { $0 == "TerminateInstanceInAutoScalingGroup" } == 1)
    }

    @Test(arguments: [(7, 3, 6), (7, 2, 6), (4, 6, 6), (4, 2, 4), (4, 0, 4), (8, 6, 6)])
    func `giving back never goes below what is there`(desired: Int, target: Int, expected: Int) async throws {
        let group = FakeAutoScaling {
            ($0.minimum, $0.maximum, $0.desired) = (expected == 6 ? 6 : 1, 9, desired)
            $0.instances += [("i-c", "Pending"), ("i-d", "Pending:Wait"), ("i-e", "Terminating"), ("i-f", "Detaching")]
        }
        let driver = driver(group)
        let receipt = try await driver.submit(.withdraw(to: target), id: action)
        #expect(group.desired == (desired > expected ? expected : desired))
        #expect(receipt == Receipt(reference: desired > expected ? "r-1" : nil))
        #expect(try await driver.submit(.withdraw(to: target), id: action) == Receipt())
    }

    @Test func `instances that are gone do not count against the minimum`() async throws {
        let group = FakeAutoScaling { $0.desired = 1 }
        #expect(try await driver(group).submit(.remove(ids("i-x")), id: action) == Receipt(alreadyGone: ids("i-x")))
        #expect(group.calls == ["DescribeAutoScalingGroups"])
    }

    @Test func `after a lost answer the same removal takes nothing twice`() async throws {
        let group = FakeAutoScaling {
            $0.instances += [("i-c", "InService")]
            $0.desired = 3
            $0.faults["TerminateInstanceInAutoScalingGroup"] = [.loseAnswer]
        }
        let driver = driver(group)
        let error = try await #require(throws: DriverError.self) {
            try await driver.submit(.remove(ids("i-a", "i-b")), id: action)
        }
        #expect(error.kind == "outcome_unknown")
        #expect(group.desired == 2)
        let receipt = try await driver.submit(.remove(ids("i-a", "i-b")), id: action)
        #expect(receipt == Receipt(reference: "act-i-b", alreadyGone: ids("i-a")))
        #expect(group.desired == 1)
    }

    @Test func `an error after the first termination says that something was changed`() async throws {
        let group = FakeAutoScaling {
            $0.instances += [("i-c", "InService")]
            $0.desired = 3
        }
        group.state.withLock { state in
            // The first termination is throttled once and goes through; the second is refused.
            state.faults["TerminateInstanceInAutoScalingGroup"] = [.refuse(400, "Throttling", "slow")]
        }
        let calls = Mutex(0)
        let refusesSecond = AWSSurroundings.fake { request throws(HTTPFailure) in
            let isTermination = formFields(request.body)["Action"] == "TerminateInstanceInAutoScalingGroup"
            let number = calls.withLock { calls in
                if isTermination { calls += 1 }
                return calls
            }
            if number == 3 { return try ScriptedNetwork.Answer.refusal(403, "AccessDenied").get() }
            return try await group.send(request)
        }
        let driver = AutoScalingGroupDriver(
            settings: AutoScalingGroupSettings(group: "g", region: "us-east-1"),
            credentials: ScriptedSource([.success(.found(AWSCredentials(accessKeyID: "A", secretAccessKey: "s")))])
                .provider(), surroundings: refusesSecond)
        let error = try await #require(throws: DriverError.self) {
            try await driver.submit(.remove(ids("i-a", "i-b")), id: action)
        }
        #expect(error.kind == "outcome_unknown")
        #expect(error.message.contains("terminated 1 of 2, left i-b: unauthorized"), "\(error)")
        #expect(group.desired == 2)
    }
}
