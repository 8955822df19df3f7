import Fleet

/// An error answer of a service, in whichever envelope it came.
struct AWSRefusal: Sendable, Equatable {
    var status: Int
    /// `nil` when the body is no AWS error, such as a load balancer's HTML page.
    var code: String?
    var message: String
    /// The `Retry-After` header, where it is a number of seconds.
    var retryAfter: Duration?
    /// The server's clock minus this machine's; positive when this machine is behind.
    var clockOffset: Duration?
}

/// What an error means for the caller. Services say "slow down" with status 400 as well as 503, so the code decides
/// and the status only speaks where there is no code.
enum AWSErrorClass: Sendable, Equatable {
    /// Too many calls; nothing was changed.
    case throttled
    /// Another change of the same group is in progress; nothing was changed.
    case contended
    /// The service failed; a write may have been carried out.
    case transient
    case noCapacity
    /// The credentials are stale or unknown; others may work.
    case badCredentials
    /// The credentials are fine and may not do this.
    case denied
    case rejected
}

extension AWSRefusal {
    var errorClass: AWSErrorClass {
        guard let code else { return Self.classify(status: status) }
        if Self.throttling.contains(code) { return .throttled }
        if Self.contention.contains(code) { return .contended }
        if Self.capacity.contains(code) || AWSCapacityText(message) != nil { return .noCapacity }
        if Self.credentials.contains(code) { return .badCredentials }
        if Self.denial.contains(code) { return .denied }
        if Self.failures.contains(code) { return .transient }
        if code == "ValidationError" { return .rejected }
        return Self.classify(status: status)
    }

    private static func classify(status: Int) -> AWSErrorClass {
        switch status {
        case 429: .throttled
        case 408, 500...: .transient
        case 401, 403: .denied
        default: .rejected
        }
    }

    private static let throttling: Set<String> = [
        "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottledException", "RequestThrottled",
        "TooManyRequestsException", "RequestLimitExceeded", "BandwidthLimitExceeded", "SlowDown",
        "PriorRequestNotComplete", "EC2ThrottledException", "ProvisionedThroughputExceededException",
        "TransactionInProgressException", "LimitExceededException",
    ]
    private static let contention: Set<String> = ["ResourceContention", "ScalingActivityInProgress"]
    private static let capacity: Set<String> = [
        "InsufficientInstanceCapacity", "InsufficientHostCapacity", "InsufficientReservedInstanceCapacity",
        "InsufficientCapacity", "MaxSpotInstanceCountExceeded", "SpotMaxPriceTooLow", "VcpuLimitExceeded",
        "InstanceLimitExceeded", "UnfulfillableCapacity", "ReservationCapacityExceeded", "MaxFleetCountExceeded",
        "InsufficientFreeAddressesInSubnet",
    ]
    private static let credentials: Set<String> = [
        "ExpiredToken", "ExpiredTokenException", "InvalidToken", "InvalidClientTokenId", "UnrecognizedClientException",
        "InvalidAccessKeyId", "AuthFailure", "SignatureDoesNotMatch", "RequestExpired", "RequestTimeTooSkewed",
        "InvalidIdentityToken", "IDPRejectedClaim",
    ]
    private static let denial: Set<String> = [
        "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "UnauthorizedAccess", "Blocked",
        "MissingAuthenticationToken", "IncompleteSignature", "OptInRequired", "PendingVerification",
        "RegionDisabledException",
    ]
    private static let failures: Set<String> = [
        "InternalFailure", "InternalError", "ServiceUnavailable", "ServiceUnavailableException", "Unavailable",
        "RequestTimeout", "RequestTimeoutException", "IDPCommunicationError",
    ]
}

extension AWSRefusal {
    /// The port's error for this refusal of `call` in `region`.
    func driverError(_ call: AWSQueryCall, region: String) -> DriverError {
        let text = describe(call, region: region)
        switch errorClass {
        case .throttled: return .throttled(retryAfter: retryAfter, message: text)
        case .contended: return .unreachable(message: text)
        case .transient: return call.effect == .reads ? .unreachable(message: text) : .outcomeUnknown(message: text)
        case .noCapacity:
            let said = "\(code ?? "") \(message)"
            return .noCapacity(
                market: AWSCapacityText.market(said), zone: AWSCapacityText.zone(said, in: region), message: text)
        case .badCredentials, .denied: return .unauthorized(message: text + (skew.map { "; " + $0 } ?? ""))
        case .rejected: return .rejected(message: text)
        }
    }

    private func describe(_ call: AWSQueryCall, region: String) -> String {
        "\(call.service.rawValue) \(call.action) in \(region): \(code ?? "HTTP \(status)"): \(message)"
    }

    /// Signatures are valid for five minutes around the server's time.
    private var skew: String? {
        guard let clockOffset, abs(clockOffset.seconds) >= 240 else { return nil }
        let minutes = (abs(clockOffset.seconds) / 60).rounded(.toNearestOrAwayFromZero)
        let side = clockOffset > .zero ? "behind" : "ahead of"
        return "the clock of this machine is \(Int(minutes)) min \(side) AWS: set the clock"
    }
}
