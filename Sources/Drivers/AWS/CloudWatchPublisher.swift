package import Fleet

/// Where gauges are published.
package struct CloudWatchSettings: Hashable, Sendable {
    package var namespace: String
    /// `nil`: the region of the surroundings.
    package var region: String?
    /// As in `AutoScalingGroupSettings`.
    package var serviceEndpoint: String?
    /// Under a minute asks for high-resolution storage.
    package var interval: Duration
    /// Bounds one publication, all calls and retries included; looking for credentials has deadlines of its own.
    package var deadline: Duration

    package init(
        namespace: String, region: String? = nil, serviceEndpoint: String? = nil, interval: Duration = .seconds(60),
        deadline: Duration = .seconds(10)
    ) {
        (self.namespace, self.region, self.serviceEndpoint) = (namespace, region, serviceEndpoint)
        (self.interval, self.deadline) = (interval, deadline)
    }
}

/// One value of one metric, of the dimension `Pool`.
package struct CloudWatchDatum: Hashable, Sendable {
    package var metric: String
    package var pool: PoolID
    package var value: Double
    package var at: Timestamp

    package init(metric: String, pool: PoolID, value: Double, at: Timestamp) {
        (self.metric, self.pool, self.value, self.at) = (metric, pool, value, at)
    }
}

/// Sends gauges to CloudWatch, so that a policy of the cloud can scale by them.
package actor CloudWatchPublisher {
    private let settings: CloudWatchSettings
    private let surroundings: AWSSurroundings
    /// Made at the first publication: where the region is not configured, it has to be asked for.
    private var client: AWSQueryClient?

    /// The service's bound. With names of pools and metrics of at most 255 bytes that is under its other, 1 MB.
    static let dataPerCall = 1000

    package init(settings: CloudWatchSettings, surroundings: AWSSurroundings) {
        self.settings = settings
        self.surroundings = surroundings
    }

    /// Returns when all are accepted.
    ///
    /// - Throws: what became of the first call that failed; those after it are not made.
    package func publish(_ data: [CloudWatchDatum]) async throws(DriverError) {
        let end = surroundings.uptime() + settings.deadline
        let client = try await connected()
        for start in stride(from: 0, to: data.count, by: Self.dataPerCall) {
            let part = data[start..<min(start + Self.dataPerCall, data.count)]
            _ = try await client.answer(to: call(part), as: BareAnswer.self, until: end)
        }
    }

    private func connected() async throws(DriverError) -> AWSQueryClient {
        if let client { return client }
        let region = try await AWSRegion.resolve(settings.region, surroundings: surroundings)
        let made = AWSQueryClient(
            region: region,
            endpoints: AWSEndpoints(region: region, explicit: settings.serviceEndpoint, surroundings: surroundings),
            credentials: AWSCredentialsProvider(
                region: region, serviceEndpoint: settings.serviceEndpoint, surroundings: surroundings),
            surroundings: surroundings)
        client = made
        return made
    }

    private func call(_ data: ArraySlice<CloudWatchDatum>) -> AWSQueryCall {
        // As safe to repeat as a read: the same value at the same moment changes no average and no maximum.
        var call = AWSQueryCall(.monitoring, "PutMetricData", .reads).with("Namespace", settings.namespace)
        for (index, datum) in data.enumerated() {
            let member = "MetricData.member.\(index + 1)."
            call = call.with(member + "MetricName", datum.metric)
                .with(member + "Dimensions.member.1.Name", "Pool")
                .with(member + "Dimensions.member.1.Value", datum.pool.rawValue)
                .with(member + "Timestamp", "\(datum.at)")
                .with(member + "Value", "\(datum.value)")
                .with(member + "StorageResolution", settings.interval < .seconds(60) ? "1" : nil)
        }
        return call
    }
}
