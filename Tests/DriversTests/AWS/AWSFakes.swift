import Fleet
import Foundation
import Synchronization
import Transport

@testable import Drivers

/// A clock that moves only when something sleeps on it or a test says so.
final class ManualTime: Sendable {
    static let start = Timestamp(secondsSince1970: 1_790_000_000)
    private let elapsed = Mutex(Duration.zero)

    var uptime: Duration { elapsed.withLock { $0 } }
    var now: Timestamp { Self.start + uptime }
    func advance(_ span: Duration) { elapsed.withLock { $0 += span } }
}

/// A network that gives the next scripted answer to each request and remembers what was asked.
final class ScriptedNetwork: Sendable {
    typealias Answer = Result<HTTPResponse, HTTPFailure>
    private let state: Mutex<(answers: [Answer], requests: [HTTPRequest])>

    init(_ answers: [Answer]) { state = Mutex((answers, [])) }

    var requests: [HTTPRequest] { state.withLock { $0.requests } }

    func send(_ request: HTTPRequest) async throws(HTTPFailure) -> HTTPResponse {
        let answer: Answer = state.withLock {
            $0.requests.append(request)
            return $0.answers.isEmpty ? .failure(.notSent("nothing more is scripted")) : $0.answers.removeFirst()
        }
        return try answer.get()
    }
}

extension Result where Success == HTTPResponse, Failure == HTTPFailure {
    static func ok(_ body: String) -> Self { .answer(200, body) }

    static func answer(_ status: Int, headers: [HTTPField] = [], _ body: String) -> Self {
        .success(HTTPResponse(status: status, headers: headers, body: Array(body.utf8)))
    }

    static func refusal(_ status: Int, _ code: String, _ message: String = "m", headers: [HTTPField] = []) -> Self {
        .answer(
            status, headers: headers,
            "<ErrorResponse><Error><Type>Sender</Type><Code>\(code)</Code><Message>\(message)</Message></Error></ErrorResponse>"
        )
    }
}

extension AWSSurroundings {
    /// A process with nothing around it but what is given.
    static func fake(
        environment: [String: String] = [:], files: [String: String] = [:], time: ManualTime = ManualTime(),
        send: @escaping Send = { _ throws(HTTPFailure) in throw .notSent("no network") }
    ) -> AWSSurroundings {
        AWSSurroundings(
            environment: environment, readFile: { files[$0] }, send: send, now: { time.now }, uptime: { time.uptime },
            sleep: { time.advance($0) }, random: { 0 })
    }
}

/// The fields of a posted form, decoded independently of the code that encodes them.
func formFields(_ body: [UInt8]?) -> [String: String] {
    var fields: [String: String] = [:]
    for pair in String(decoding: body ?? [], as: UTF8.self).split(separator: "&") {
        let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        fields[parts[0].removingPercentEncoding ?? ""] = parts.last?.removingPercentEncoding
    }
    return fields
}

/// One Auto Scaling group behind the query protocol, small but strict about bounds, with a queue of faults.
final class FakeAutoScaling: Sendable {
    enum Fault: Sendable {
        /// Answered without doing anything.
        case refuse(Int, String, String)
        /// Done, and then the connection breaks.
        case loseAnswer
        /// Done, and the answer ends in the middle.
        case truncate
        case html
        case unreachable
    }

    struct State: Sendable {
        var minimum = 1
        var maximum = 5
        var desired = 2
        /// Identifier and lifecycle state.
        var instances: [(id: String, state: String)] = [("i-a", "InService"), ("i-b", "InService")]
        var spot: Set<String> = []
        /// Spot instances that were told that they are taken away.
        var noticed: Set<String> = []
        /// Status and message of the newest scaling activity.
        var activity: (status: String, message: String)?
        var calls: [String] = []
        /// By action.
        var faults: [String: [Fault]] = [:]
    }

    let state: Mutex<State>

    init(_ change: (inout State) -> Void = { _ in }) {
        var state = State()
        change(&state)
        self.state = Mutex(state)
    }

    var calls: [String] { state.withLock { $0.calls } }
    var desired: Int { state.withLock { $0.desired } }

    func send(_ request: HTTPRequest) async throws(HTTPFailure) -> HTTPResponse {
        let fields = formFields(request.body)
        let action = fields["Action"] ?? ""
        let answer: ScriptedNetwork.Answer = state.withLock { state in
            state.calls.append(action)
            let fault = state.faults[action]?.isEmpty == false ? state.faults[action]?.removeFirst() : nil
            switch fault {
            case .refuse(let status, let code, let message): return .refusal(status, code, message)
            case .html: return .answer(500, "<!doctype html>\n<html><title>500 Internal Server Error</title>")
            case .unreachable: return .failure(.notSent("connection refused"))
            case .loseAnswer:
                _ = Self.carryOut(action, fields, &state)
                return .failure(.unknownOutcome("connection reset"))
            case .truncate:
                let whole = Self.carryOut(action, fields, &state)
                return whole.map { HTTPResponse(status: 200, headers: [], body: $0.body.dropLast(20)) }
            case nil: return Self.carryOut(action, fields, &state)
            }
        }
        return try answer.get()
    }

    private static func carryOut(_ action: String, _ fields: [String: String], _ state: inout State)
        -> ScriptedNetwork.Answer
    {
        let metadata = "<ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata>"
        switch action {
        case "DescribeAutoScalingGroups":
            let isKnown = fields["AutoScalingGroupNames.member.1"] == "g"
            return .ok(
                "<R><DescribeAutoScalingGroupsResult><AutoScalingGroups>\(isKnown ? group(state) : "")"
                    + "</AutoScalingGroups></DescribeAutoScalingGroupsResult>\(metadata)</R>")
        case "DescribeInstances":
            let items = state.instances.enumerated().filter { fields.values.contains($0.element.id) }.map {
                let lifecycle = state.spot.contains($0.element.id) ? "<instanceLifecycle>spot</instanceLifecycle>" : ""
                return "<item><instancesSet><item><instanceId>\($0.element.id)</instanceId>\(lifecycle)"
                    + "<privateIpAddress>10.0.0.\($0.offset + 1)</privateIpAddress>"
                    + "<launchTime>2026-11-21T03:45:01.000Z</launchTime></item></instancesSet></item>"
            }
            return .ok("<R><reservationSet>\(items.joined())</reservationSet></R>")
        case "DescribeSpotInstanceRequests":
            let asked = fields["Filter.1.Name"] == "status-code" && fields["Filter.2.Name"] == "instance-id"
            let items = state.noticed.filter { asked && fields.values.contains($0) }.sorted().map {
                "<item><instanceId>\($0)</instanceId><status><code>marked-for-termination</code>"
                    + "<updateTime>2026-11-21T03:50:00.000Z</updateTime></status></item>"
            }
            return .ok("<R><spotInstanceRequestSet>\(items.joined())</spotInstanceRequestSet></R>")
        case "DescribeScalingActivities":
            let member = state.activity.map {
                "<member><StatusCode>\($0.status)</StatusCode><StatusMessage>\($0.message)</StatusMessage></member>"
            }
            return .ok(
                "<R><DescribeScalingActivitiesResult><Activities>\(member ?? "")</Activities>"
                    + "</DescribeScalingActivitiesResult>\(metadata)</R>")
        case "SetDesiredCapacity":
            guard let desired = Int(fields["DesiredCapacity"] ?? ""), desired <= state.maximum else {
                return .refusal(400, "ValidationError", "out of bounds")
            }
            state.desired = desired
            return .ok("<R>\(metadata)</R>")
        case "TerminateInstanceInAutoScalingGroup":
            guard let index = state.instances.firstIndex(where: { $0.id == fields["InstanceId"] }) else {
                return .refusal(400, "ValidationError", "Instance Id not found - No managed instance found")
            }
            state.instances[index].state = "Terminating"
            if fields["ShouldDecrementDesiredCapacity"] == "true" { state.desired -= 1 }
            return .ok(
                "<R><TerminateInstanceInAutoScalingGroupResult><Activity><ActivityId>act-\(fields["InstanceId"] ?? "")"
                    + "</ActivityId></Activity></TerminateInstanceInAutoScalingGroupResult>\(metadata)</R>")
        default:
            return .refusal(400, "InvalidAction", action)
        }
    }

    private static func group(_ state: State) -> String {
        let members = state.instances.map {
            "<member><InstanceId>\($0.id)</InstanceId><AvailabilityZone>us-east-1a</AvailabilityZone>"
                + "<LifecycleState>\($0.state)</LifecycleState><HealthStatus>Healthy</HealthStatus></member>"
        }
        return "<member><AutoScalingGroupName>g</AutoScalingGroupName><MinSize>\(state.minimum)</MinSize>"
            + "<MaxSize>\(state.maximum)</MaxSize><DesiredCapacity>\(state.desired)</DesiredCapacity>"
            + "<Instances>\(members.joined())</Instances></member>"
    }
}
