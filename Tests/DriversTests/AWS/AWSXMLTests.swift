import Fleet
import Testing

@testable import Drivers

@Suite struct AWSXMLTests {
    static func groups(instances: String, rest: String = "") -> String {
        """
        <?xml version="1.0" encoding="UTF-8"?>
        <DescribeAutoScalingGroupsResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/">
          <DescribeAutoScalingGroupsResult>
            <AutoScalingGroups>
              <member>
                <AutoScalingGroupName>a &amp; b</AutoScalingGroupName>
                <NewThing><member><Deep>1</Deep></member></NewThing>
                <MinSize>0</MinSize><MaxSize>8</MaxSize><DesiredCapacity>3</DesiredCapacity>
                \(instances)
              </member>
            </AutoScalingGroups>
            \(rest)
          </DescribeAutoScalingGroupsResult>
        </DescribeAutoScalingGroupsResponse>
        """
    }

    static func instance(_ id: String) -> String { "<member><InstanceId>\(id)</InstanceId><Odd a=\"1\"/></member>" }

    @Test(arguments: [
        ("", []), ("<Instances/>", []), ("<Instances></Instances>", []), ("<Instances>\n</Instances>", []),
        ("<Instances>\(instance("i-1"))</Instances>", ["i-1"]),
        ("<Instances>\(instance("i-1"))\n\(instance("i-2"))</Instances>", ["i-1", "i-2"]),
    ])
    func `lists of any length are read, unknown elements skipped`(_ instances: String, _ ids: [String]) throws {
        let body = Array(Self.groups(instances: instances).utf8)
        let groups = try AWSXML.decode(DescribeAutoScalingGroupsAnswer.self, from: body).result.groups.member
        let group = try #require(groups?.first)
        #expect(group.name == "a & b")
        #expect([group.minimum, group.maximum, group.desired] == [0, 8, 3])
        #expect((group.instances?.member ?? []).map(\.id) == ids)
        #expect(group.instances?.member?.first?.lifecycleState == nil)
    }

    @Test func `no group is an empty list`() throws {
        for list in ["<AutoScalingGroups/>", "<AutoScalingGroups>\n</AutoScalingGroups>"] {
            let body = "<R><DescribeAutoScalingGroupsResult>\(list)</DescribeAutoScalingGroupsResult></R>"
            let answer = try AWSXML.decode(DescribeAutoScalingGroupsAnswer.self, from: Array(body.utf8))
            #expect((answer.result.groups.member ?? []).isEmpty)
        }
    }

    @Test func `an answer cut anywhere is an error and never a smaller group`() {
        let whole = Array(Self.groups(instances: "<Instances>\(Self.instance("i-1"))</Instances>").utf8)
        for length in 0..<whole.count {
            #expect(throws: (any Error).self, "cut at \(length)") {
                try AWSXML.decode(DescribeAutoScalingGroupsAnswer.self, from: Array(whole[..<length]))
            }
        }
    }

    @Test(arguments: [
        "", "{}", "<html><body>busy</body></html>", "<DescribeAutoScalingGroupsResponse/>",
        "<R><DescribeAutoScalingGroupsResult/></R>", "\u{0}\u{1}",
    ])
    func `something else is an error and never an empty group`(_ body: String) {
        #expect(throws: (any Error).self) {
            try AWSXML.decode(DescribeAutoScalingGroupsAnswer.self, from: Array(body.utf8))
        }
        #expect(throws: (any Error).self) { try AWSXML.decode(DescribeInstancesAnswer.self, from: Array(body.utf8)) }
        #expect(throws: (any Error).self) { try AWSXML.decode(BareAnswer.self, from: Array(body.utf8)) }
        #expect(throws: (any Error).self) { try AWSXML.decode(TerminateInstanceAnswer.self, from: Array(body.utf8)) }
    }

    @Test func `instances are found through all reservations`() throws {
        let body = """
            <DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15"><reservationSet>
            <item><instancesSet><item><instanceId>i-1</instanceId><instanceState><code>16</code></instanceState>
            <privateIpAddress>10.0.0.1</privateIpAddress><instanceLifecycle>spot</instanceLifecycle></item></instancesSet></item>
            <item><instancesSet><item><instanceId>i-2</instanceId></item><item><instanceId>i-3</instanceId></item></instancesSet></item>
            </reservationSet><nextToken>t</nextToken></DescribeInstancesResponse>
            """
        let answer = try AWSXML.decode(DescribeInstancesAnswer.self, from: Array(body.utf8))
        let instances = (answer.reservations.item ?? []).flatMap { $0.instances?.item ?? [] }
        #expect(instances.map(\.id) == ["i-1", "i-2", "i-3"])
        #expect(instances[0].privateIP == "10.0.0.1")
        #expect(instances[0].lifecycle == "spot")
        #expect(instances[1].privateIP == nil)
        #expect(answer.nextToken == "t")
    }
}
