package import Fleet

/// The region that a driver works in.
package enum AWSRegion {
    /// The first of: `explicit`, `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile's `region`, the instance's own.
    ///
    /// - Throws: `rejected` when there is none, or it does not look like one; `unreachable` when the metadata service
    ///   fails.
    package static func resolve(_ explicit: String?, surroundings: AWSSurroundings) async throws(DriverError) -> String
    {
        let profile = AWSProfile(surroundings: surroundings)
        let named =
            explicit ?? surroundings.variable("AWS_REGION") ?? surroundings.variable("AWS_DEFAULT_REGION")
            ?? profile["region"]
        if let named { return try checked(named) }
        let own: String
        do { own = try await InstanceMetadata(surroundings: surroundings).text("placement/region") } catch {
            switch error {
            case .refused(let error): throw error
            case .absent(let why):
                throw .rejected(
                    message: "no AWS region: none configured; environment: AWS_REGION and AWS_DEFAULT_REGION not set; "
                        + "shared files: no region for profile \(profile.name) in \(profile.credentialsPath), "
                        + "\(profile.configPath); instance metadata: \(why)")
            }
        }
        return try checked(own.trimmed)
    }

    /// It becomes part of a host name.
    private static func checked(_ region: String) throws(DriverError) -> String {
        let isPlain = region.allSatisfy { $0.isASCII && ($0.isLowercase || $0.isNumber || $0 == "-") }
        guard isPlain, region.contains("-"), region.count <= 32 else {
            throw .rejected(message: "expected an AWS region such as eu-central-1, found \(region)")
        }
        return region
    }
}
