/// The services that are called, by the name that signatures and host names use.
enum AWSService: String, Sendable, CaseIterable {
    case autoscaling
    case ec2
    case monitoring
    case sts

    var version: String {
        switch self {
        case .autoscaling: "2011-01-01"
        case .ec2: "2016-11-15"
        case .monitoring: "2010-08-01"
        case .sts: "2011-06-15"
        }
    }
}

/// One call of the query protocol: a form that is posted to `/`.
struct AWSQueryCall: Sendable {
    /// Whether carrying a call out twice, or not knowing whether it was, matters.
    enum Effect: Sendable {
        case reads
        case writes
    }

    var service: AWSService
    var action: String
    var effect: Effect
    /// In wire order; lists already numbered.
    private(set) var fields: [(name: String, value: String)] = []

    init(_ service: AWSService, _ action: String, _ effect: Effect) {
        self.service = service
        self.action = action
        self.effect = effect
    }

    /// Adds a field; an absent value adds nothing.
    func with(_ name: String, _ value: String?) -> AWSQueryCall {
        guard let value else { return self }
        var call = self
        call.fields.append((name, value))
        return call
    }

    func with(_ name: String, _ value: Int) -> AWSQueryCall { with(name, String(value)) }
    func with(_ name: String, _ value: Bool) -> AWSQueryCall { with(name, value ? "true" : "false") }

    /// Adds a list as `name.1`, `name.2`, ...; `name` ends in `.member` for every service but EC2.
    func with(list name: String, _ values: [String]) -> AWSQueryCall {
        values.enumerated().reduce(self) { call, item in call.with("\(name).\(item.offset + 1)", item.element) }
    }

    /// `Action=..&Version=..&..`, every byte outside RFC 3986's unreserved set written as `%XX`.
    var body: [UInt8] {
        var bytes: [UInt8] = []
        for (name, value) in [("Action", action), ("Version", service.version)] + fields {
            if !bytes.isEmpty { bytes.append(UInt8(ascii: "&")) }
            Self.escape(name, into: &bytes)
            bytes.append(UInt8(ascii: "="))
            Self.escape(value, into: &bytes)
        }
        return bytes
    }

    private static func escape(_ text: String, into bytes: inout [UInt8]) {
        let digits = Array("0123456789ABCDEF".utf8)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                bytes.append(byte)
            default:
                bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
    }
}
