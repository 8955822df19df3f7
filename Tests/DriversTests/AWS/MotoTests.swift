import Fleet
import Foundation
import Synchronization
import TestSupport
import Testing
import Transport

@testable import Drivers

/// The driver, over the real transport, against moto with its check of signatures and policies switched on.
@Suite(.enabled(if: MotoServer.isInstalled, "needs moto_server"), .serialized, .moto)
struct MotoTests {
    private let group = "g-\(UInt32.random(in: 0...UInt32.max))"
    private let action = ActionID(rawValue: "a-1")

    private func driver(
        _ moto: MotoAccount, key: [String: String]? = nil, suffix: String = "", minimum: Int = 1,
        around send: AWSSurroundings.Send? = nil
    ) async throws -> AutoScalingGroupDriver {
        let group = group + suffix
        try await moto.createGroup(group, minimum: minimum)
        let surroundings = AWSSurroundings.process(
            environment: (key ?? moto.environment).merging(["AWS_ENDPOINT_URL": moto.url]) { $1 },
            send: send ?? moto.transport.send)
        let region = try await AWSRegion.resolve("us-east-1", surroundings: surroundings)
        return AutoScalingGroupDriver(
            settings: AutoScalingGroupSettings(
                group: group, region: region, endpointTemplate: "http://{private_ip}:8000"),
            credentials: AWSCredentialsProvider(region: region, surroundings: surroundings), surroundings: surroundings)
    }

    @Test func `a group is described, grown and shrunk by instance`() async throws {
        let driver = try await driver(try MotoAccount.current)
        var state = try await driver.describe()
        #expect([state.desired, state.minimum, state.maximum] == [2, 1, 5])
        #expect(state.replicas.count == 2)
        for replica in state.replicas {
            #expect(replica.state == .ready && replica.zone == "us-east-1a" && replica.launchedAt != nil)
            #expect(replica.endpoint?.wholeMatch(of: /http:\/\/[0-9.]+:8000/) != nil, "\(replica)")
        }
        let grown = try await driver.submit(.grow(to: 4), id: action)
        #expect(grown.reference != nil)
        state = try await driver.describe()
        #expect(state.desired == 4 && state.replicas.count == 4)

        let victims = [state.replicas[1].id, state.replicas[3].id]
        let removed = try await driver.submit(.remove(victims), id: action)
        #expect(removed.alreadyGone.isEmpty)
        let left = try await driver.describe()
        #expect(left.desired == 2)
        #expect(
            left.replicas.filter { $0.state == .ready }.map(\.id) == [state.replicas[0].id, state.replicas[2].id])
        #expect(try await driver.submit(.remove(victims), id: action).alreadyGone == victims)
        #expect(try await driver.describe().desired == 2)
    }

    @Test func `two groups are one pool, of which one is out of machines`() async throws {
        let moto = try MotoAccount.current
        let spot = try await driver(moto, suffix: "-spot") { request throws(HTTPFailure) in
            guard formFields(request.body)["Action"] != "SetDesiredCapacity" else {
                let error = "<Code>InsufficientInstanceCapacity</Code><Message>no Spot capacity in us-east-1a</Message>"
                let body = "<ErrorResponse><Error>\(error)</Error></ErrorResponse>"
                return HTTPResponse(status: 400, headers: [], body: Array(body.utf8))
            }
            return try await moto.transport.send(request)
        }
        var (first, second) = (GroupSettings(id: GroupID(rawValue: "s")), GroupSettings(id: GroupID(rawValue: "d")))
        (first.market, first.usdPerHour, second.usdPerHour) = (.spot, 1.5, 4)
        let fleet = GroupedFleet(members: [
            .init(settings: first, driver: spot),
            .init(settings: second, driver: try await driver(moto, suffix: "-demand")),
        ])
        let state = try await fleet.describe()
        #expect(state.replicas.count == 4 && state.desired == 4 && state.maximum == 10)
        #expect(state.replicas.compactMap(\.usdPerHour).sorted() == [1.5, 1.5, 4, 4])
        let error = try await #require(throws: DriverError.self) {
            try await fleet.submit(.grow(to: 3, in: first.id), id: action)
        }
        guard case .noCapacity(.spot, zone: "us-east-1a", _) = error else {
            Issue.record("\(error)")
            return
        }
        _ = try await fleet.submit(.grow(to: 3, in: second.id), id: action)
        #expect(try await fleet.describe().groups?.map(\.desired) == [2, 3])
        let victims = try await fleet.describe().replicas.filter { $0.group == second.id }.prefix(1).map(\.id)
        _ = try await fleet.submit(.remove(victims, in: second.id), id: action)
        #expect(try await fleet.describe().groups?.map(\.desired) == [2, 2])
    }

    @Test func `a group without a minimum goes to zero and comes back`() async throws {
        let moto = try MotoAccount.current
        let driver = try await driver(moto, minimum: 0)
        let all = try await driver.describe().replicas.map(\.id)
        _ = try await driver.submit(.remove(all), id: action)
        let empty = try await driver.describe()
        #expect(empty.desired == 0 && empty.replicas.allSatisfy { $0.state == .terminating })
        #expect(try await driver.submit(.grow(to: 1), id: action).reference != nil)
        let back = try await driver.describe()
        #expect(back.desired == 1 && back.replicas.count { $0.state == .ready } == 1)
    }

    @Test(arguments: [
        (["AWS_SECRET_ACCESS_KEY": "wrong"], "SignatureDoesNotMatch"),
        (["AWS_ACCESS_KEY_ID": "AKIAUNKNOWN000000000"], "InvalidClientTokenId"),
    ])
    func `wrong credentials are unauthorized`(_ change: [String: String], _ code: String) async throws {
        let moto = try MotoAccount.current
        let driver = try await driver(moto, key: moto.environment.merging(change) { $1 })
        let error = try await #require(throws: DriverError.self) { try await driver.describe() }
        #expect(error.kind == "unauthorized" && error.message.contains(code), "\(error)")
    }

    @Test func `a user without rights is unauthorized`() async throws {
        let moto = try MotoAccount.current
        let driver = try await driver(moto, key: moto.powerless)
        let error = try await #require(throws: DriverError.self) { try await driver.describe() }
        #expect(error.kind == "unauthorized" && error.message.contains("AccessDenied"), "\(error)")
    }

    @Test func `a role taken by web identity signs with its session token`() async throws {
        let moto = try MotoAccount.current
        let file = FileManager.default.temporaryDirectory.appending(path: "\(group).token").path
        try "header.payload.signature".write(toFile: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: file) }
        let environment = ["AWS_WEB_IDENTITY_TOKEN_FILE": file, "AWS_ROLE_ARN": moto.role]
        let driver = try await driver(moto, key: environment)
        // moto wants even the exchange of the token signed, which AWS does not.
        try await moto.checkSignatures(after: 1)
        #expect(try await driver.describe().replicas.count == 2)
    }

    @Test func `an instance is replaced at the size that the group has`() async throws {
        let driver = try await driver(try MotoAccount.current)
        let before = try await driver.describe()
        let victim = before.replicas[0].id
        #expect(try await driver.submit(.replace([victim]), id: action).reference != nil)
        let after = try await driver.describe()
        #expect(after.desired == 2)
        let ready = after.replicas.filter { $0.state == .ready }.map(\.id)
        #expect(ready.count == 2 && ready.contains(before.replicas[1].id) && !ready.contains(victim))
    }

    @Test func `what runs is not given back`() async throws {
        let driver = try await driver(try MotoAccount.current)
        let before = try await driver.describe()
        #expect(try await driver.submit(.withdraw(to: 1), id: action) == Receipt())
        let after = try await driver.describe()
        #expect(after.desired == 2 && after.replicas == before.replicas)
    }

    @Test func `a termination whose answer is lost is found out by describing`() async throws {
        let moto = try MotoAccount.current
        let loses = Atomic(true)
        let driver = try await driver(moto) { request throws(HTTPFailure) in
            let response = try await moto.transport.send(request)
            let isTermination = formFields(request.body)["Action"] == "TerminateInstanceInAutoScalingGroup"
            if isTermination, loses.exchange(false, ordering: .relaxed) {
                throw .unknownOutcome("the connection was reset")
            }
            return response
        }
        let victim = try await driver.describe().replicas[0].id
        let error = try await #require(throws: DriverError.self) {
            try await driver.submit(.remove([victim]), id: action)
        }
        #expect(error.kind == "outcome_unknown")
        #expect(try await driver.submit(.remove([victim]), id: action).alreadyGone == [victim])
        #expect(try await driver.describe().desired == 1)
    }
}

/// An account in a moto server: a user with rights, one without, a role, and a launch configuration.
final class MotoAccount: Sendable {
    @TaskLocal fileprivate static var shared: MotoAccount?

    static var current: MotoAccount { get throws { try #require(shared, "the .moto trait is missing") } }

    let transport = HTTPTransport()
    let url: String
    private let server: MotoServer
    private let secrets = Mutex((environment: [String: String](), powerless: [String: String](), role: ""))

    /// The environment variables of a user who may do everything with groups and instances.
    var environment: [String: String] { secrets.withLock { $0.environment } }
    var powerless: [String: String] { secrets.withLock { $0.powerless } }
    var role: String { secrets.withLock { $0.role } }

    init() async throws {
        server = try await MotoServer()
        url = server.url
        let policy =
            #"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["autoscaling:*","ec2:*","iam:PassRole","monitoring:*"],"Resource":"*"}]}"#
        let trust =
            #"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRoleWithWebIdentity","Principal":"*"}]}"#
        let user = try await createUser("agent")
        try await ask("iam", "PutUserPolicy", ["UserName": "agent", "PolicyName": "p", "PolicyDocument": policy])
        let other = try await createUser("nobody")
        let role = try await ask("iam", "CreateRole", ["RoleName": "r", "AssumeRolePolicyDocument": trust])
        try await ask("iam", "PutRolePolicy", ["RoleName": "r", "PolicyName": "p", "PolicyDocument": policy])
        let arn = try element("Arn", role)
        secrets.withLock { $0 = (user, other, arn) }
        try await ask(
            "autoscaling", "CreateLaunchConfiguration",
            ["LaunchConfigurationName": "lc", "ImageId": "ami-12c6146b", "InstanceType": "t3.micro"])
        try await checkSignatures(after: 0)
    }

    /// Signatures and policies are checked after that many more calls.
    func checkSignatures(after calls: Int) async throws {
        let response = try await transport.send(
            HTTPRequest(
                method: "POST", url: url + "/moto-api/reset-auth", body: Array(String(calls).utf8),
                deadline: .seconds(10)))
        try #require(response.status == 200)
    }

    func stop() {
        server.stop()
        transport.shutdown()
    }

    /// A group of up to 5 instances with 2 running.
    func createGroup(_ name: String, minimum: Int) async throws {
        try await ask(
            "autoscaling", "CreateAutoScalingGroup",
            [
                "AutoScalingGroupName": name, "LaunchConfigurationName": "lc", "MinSize": "\(minimum)", "MaxSize": "5",
                "DesiredCapacity": "2", "AvailabilityZones.member.1": "us-east-1a",
            ])
    }

    private func createUser(_ name: String) async throws -> [String: String] {
        try await ask("iam", "CreateUser", ["UserName": name])
        let key = try await ask("iam", "CreateAccessKey", ["UserName": name])
        return [
            "AWS_ACCESS_KEY_ID": try element("AccessKeyId", key),
            "AWS_SECRET_ACCESS_KEY": try element("SecretAccessKey", key),
        ]
    }

    /// Calls a service without the code under test, except for the signature that libcurl makes.
    @discardableResult
    func ask(_ service: String, _ action: String, _ fields: [String: String]) async throws -> String {
        let version = ["iam": "2010-05-08", "monitoring": "2010-08-01"][service] ?? "2011-01-01"
        // moto decodes a form and writes it again before it checks the signature: leave alone what it leaves alone.
        let plain = CharacterSet.alphanumerics.union(CharacterSet(charactersIn: "-._~"))
        let form = fields.merging(["Action": action, "Version": version]) { $1 }.sorted { $0.key < $1.key }.map {
            "\($0.key)=\($0.value.addingPercentEncoding(withAllowedCharacters: plain) ?? "")"
        }
        let signature = AWSSignature(
            region: "us-east-1", service: service, accessKeyID: environment["AWS_ACCESS_KEY_ID"] ?? "setup",
            secretAccessKey: environment["AWS_SECRET_ACCESS_KEY"] ?? "setup", sessionToken: nil)
        let response = try await transport.send(
            HTTPRequest(
                method: "POST", url: url + "/",
                headers: [HTTPField("Content-Type", "application/x-www-form-urlencoded")],
                body: Array(form.joined(separator: "&").utf8), deadline: .seconds(30), signature: signature))
        let text = String(decoding: response.body, as: UTF8.self)
        try #require(response.status == 200, "\(action): \(text)")
        return text
    }

    private func element(_ name: String, _ xml: String) throws -> String {
        let start = try #require(xml.firstRange(of: "<\(name)>"), "no \(name)")
        let end = try #require(xml[start.upperBound...].firstRange(of: "</\(name)>"))
        return String(xml[start.upperBound..<end.lowerBound])
    }
}

/// Runs a suite with one moto server, which is gone when the suite has ended.
struct MotoTrait: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        let account = try await MotoAccount()
        defer { account.stop() }
        try await MotoAccount.$shared.withValue(account) { try await function() }
    }
}

extension Trait where Self == MotoTrait {
    static var moto: MotoTrait { MotoTrait() }
}
