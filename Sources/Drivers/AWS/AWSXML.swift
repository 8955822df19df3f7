import FoundationEssentials
import XMLCoder

/// The answers of the query services. Unknown elements are skipped and only what the driver cannot do without is
/// required, so that a page of HTML or an answer to something else does not pass for an empty one.
enum AWSXML {
    static func decode<Answer: Decodable>(_ type: Answer.Type, from body: [UInt8]) throws -> Answer {
        try XMLDecoder().decode(type, from: Data(body))
    }

    /// Reads an error out of any envelope: `<ErrorResponse><Error>` of most services, `<Response><Errors><Error>` of
    /// EC2, and mixtures of the two. `nil` when there is no code.
    static func error(in body: [UInt8]) -> (code: String, message: String)? {
        guard let envelope = try? decode(ErrorEnvelope.self, from: body) else { return nil }
        guard let error = envelope.error ?? envelope.errors?.error?.first, let code = error.code, !code.isEmpty else {
            return nil
        }
        return (code, error.message ?? "")
    }

    private struct ErrorEnvelope: Decodable {
        struct Errors: Decodable {
            var error: [Detail]?
            enum CodingKeys: String, CodingKey { case error = "Error" }
        }
        struct Detail: Decodable {
            var code: String?
            var message: String?
            enum CodingKeys: String, CodingKey {
                case code = "Code"
                case message = "Message"
            }
        }
        var error: Detail?
        var errors: Errors?
        enum CodingKeys: String, CodingKey {
            case error = "Error"
            case errors = "Errors"
        }
    }
}

/// A list as Auto Scaling writes it: `<member>` elements. An empty element is an empty list.
struct MemberList<Element: Decodable>: Decodable {
    var member: [Element]?
}

/// A list as EC2 writes it: `<item>` elements.
struct ItemList<Element: Decodable>: Decodable {
    var item: [Element]?
}

struct DescribeAutoScalingGroupsAnswer: Decodable {
    struct Result: Decodable {
        var groups: MemberList<AutoScalingGroup>
        var nextToken: String?
        enum CodingKeys: String, CodingKey {
            case groups = "AutoScalingGroups"
            case nextToken = "NextToken"
        }
    }
    var result: Result
    enum CodingKeys: String, CodingKey { case result = "DescribeAutoScalingGroupsResult" }
}

struct AutoScalingGroup: Decodable {
    struct Instance: Decodable {
        var id: String
        var zone: String?
        var lifecycleState: String?
        var health: String?
        enum CodingKeys: String, CodingKey {
            case id = "InstanceId"
            case zone = "AvailabilityZone"
            case lifecycleState = "LifecycleState"
            case health = "HealthStatus"
        }
    }
    var name: String
    var minimum: Int
    var maximum: Int
    var desired: Int
    var instances: MemberList<Instance>?
    enum CodingKeys: String, CodingKey {
        case name = "AutoScalingGroupName"
        case minimum = "MinSize"
        case maximum = "MaxSize"
        case desired = "DesiredCapacity"
        case instances = "Instances"
    }
}

/// Of a call that only says that it was accepted.
struct BareAnswer: Decodable {
    struct Metadata: Decodable {
        var requestID: String?
        enum CodingKeys: String, CodingKey { case requestID = "RequestId" }
    }
    var metadata: Metadata
    enum CodingKeys: String, CodingKey { case metadata = "ResponseMetadata" }
}

struct TerminateInstanceAnswer: Decodable {
    struct Result: Decodable {
        var activity: Activity?
        enum CodingKeys: String, CodingKey { case activity = "Activity" }
    }
    struct Activity: Decodable {
        var id: String?
        enum CodingKeys: String, CodingKey { case id = "ActivityId" }
    }
    var result: Result
    enum CodingKeys: String, CodingKey { case result = "TerminateInstanceInAutoScalingGroupResult" }
}

struct DescribeScalingActivitiesAnswer: Decodable {
    struct Result: Decodable {
        var activities: MemberList<Activity>
        enum CodingKeys: String, CodingKey { case activities = "Activities" }
    }
    struct Activity: Decodable {
        var status: String?
        var message: String?
        enum CodingKeys: String, CodingKey {
            case status = "StatusCode"
            case message = "StatusMessage"
        }
    }
    var result: Result
    enum CodingKeys: String, CodingKey { case result = "DescribeScalingActivitiesResult" }
}

struct DescribeInstancesAnswer: Decodable {
    struct Reservation: Decodable {
        var instances: ItemList<EC2Instance>?
        enum CodingKeys: String, CodingKey { case instances = "instancesSet" }
    }
    var reservations: ItemList<Reservation>
    var nextToken: String?
    enum CodingKeys: String, CodingKey {
        case reservations = "reservationSet"
        case nextToken
    }
}

struct EC2Instance: Decodable {
    var id: String
    var launchTime: String?
    var privateIP: String?
    /// `spot` for spot instances; absent for on-demand ones.
    var lifecycle: String?
    enum CodingKeys: String, CodingKey {
        case id = "instanceId"
        case launchTime
        case privateIP = "privateIpAddress"
        case lifecycle = "instanceLifecycle"
    }
}

struct DescribeSpotInstanceRequestsAnswer: Decodable {
    struct Request: Decodable {
        struct Status: Decodable {
            var updateTime: String?
        }
        var instance: String?
        var status: Status?
        enum CodingKeys: String, CodingKey {
            case instance = "instanceId"
            case status
        }
    }
    var requests: ItemList<Request>
    enum CodingKeys: String, CodingKey { case requests = "spotInstanceRequestSet" }
}

struct AssumeRoleWithWebIdentityAnswer: Decodable {
    struct Result: Decodable {
        var credentials: Credentials
        enum CodingKeys: String, CodingKey { case credentials = "Credentials" }
    }
    struct Credentials: Decodable {
        var accessKeyID: String
        var secretAccessKey: String
        var sessionToken: String
        var expiration: String
        enum CodingKeys: String, CodingKey {
            case accessKeyID = "AccessKeyId"
            case secretAccessKey = "SecretAccessKey"
            case sessionToken = "SessionToken"
            case expiration = "Expiration"
        }
    }
    var result: Result
    enum CodingKeys: String, CodingKey { case result = "AssumeRoleWithWebIdentityResult" }
}
