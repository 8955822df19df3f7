/// Where the services of one region listen.
struct AWSEndpoints: Sendable {
    private var region: String
    private var overrides: [AWSService: String]

    /// - Parameter explicit: for every service, before the environment's `AWS_ENDPOINT_URL_AUTO_SCALING`, `_EC2`,
    ///   `_CLOUDWATCH`, `_STS` and `AWS_ENDPOINT_URL`, which `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true` switches off.
    init(region: String, explicit: String?, surroundings: AWSSurroundings) {
        self.region = region
        overrides = [:]
        let ignoresEnvironment = surroundings.isTrue("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
        for service in AWSService.allCases {
            let own = surroundings.variable("AWS_ENDPOINT_URL_" + Self.suffix(service))
            overrides[service] =
                explicit ?? (ignoresEnvironment ? nil : own ?? surroundings.variable("AWS_ENDPOINT_URL"))
        }
    }

    /// An address to post to, such as `https://ec2.eu-central-1.amazonaws.com/`.
    func url(of service: AWSService) -> String {
        let base = overrides[service] ?? "https://\(service.rawValue).\(region).\(domain)"
        return base.hasSuffix("/") ? base : base + "/"
    }

    /// The partitions have domains of their own, told apart by the region's first part.
    private var domain: String {
        if region.hasPrefix("cn-") { return "amazonaws.com.cn" }
        if region.hasPrefix("us-iso-") { return "c2s.ic.gov" }
        if region.hasPrefix("us-isob-") { return "sc2s.sgov.gov" }
        return "amazonaws.com"
    }

    private static func suffix(_ service: AWSService) -> String {
        switch service {
        case .autoscaling: "AUTO_SCALING"
        case .ec2: "EC2"
        case .monitoring: "CLOUDWATCH"
        case .sts: "STS"
        }
    }
}
