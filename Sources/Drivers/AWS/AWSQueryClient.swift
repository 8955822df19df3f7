import Fleet
import Transport

/// Makes calls of the query protocol: signs, tries again where that is safe, decodes, and names what went wrong.
struct AWSQueryClient: Sendable {
    var region: String
    var endpoints: AWSEndpoints
    /// `nil` sends calls unsigned.
    var credentials: AWSCredentialsProvider?
    var surroundings: AWSSurroundings

    /// A call is tried this often at most, the first time included.
    static let attempts = 3

    /// The answer to a call.
    ///
    /// 1. Throttled, or another change in progress: nothing was changed, so every call is tried again.
    /// 2. A read that failed in any way that may pass is tried again.
    /// 3. Refused credentials are read anew once; the call is tried again when they have changed.
    /// 4. Everything else is thrown. A write whose answer was lost, garbled or a server failure is `outcomeUnknown`.
    ///
    /// - Parameter end: the moment of `surroundings.uptime` at which the call gives up, retries included. Looking for
    ///   credentials has deadlines of its own.
    func answer<Answer: Decodable>(
        to call: AWSQueryCall, as type: Answer.Type, until end: Duration
    ) async throws(DriverError) -> Answer {
        var key = try await credentials?.credentials()
        var isRenewed = false
        var attempt = 1
        while true {
            let failure: FailedAttempt
            switch await exchange(call, as: type, key: key, isLast: attempt == Self.attempts, until: end) {
            case .success(let answer): return answer
            case .failure(let failed): failure = failed
            }
            switch failure.next {
            case .giveUp:
                throw failure.error
            case .withOtherCredentials:
                guard let credentials, let refused = key, !isRenewed else { throw failure.error }
                isRenewed = true
                key = try await credentials.credentials(insteadOf: refused)
                if key == refused { throw failure.error }
            case .again(let pause):
                // Between half of the pause and all of it, so that agents that failed together do not return together.
                let spread = pause * (1 << (attempt - 1)) * (0.5 + surroundings.random() / 2)
                let wait = max(spread, failure.retryAfter ?? .zero)
                guard attempt < Self.attempts, surroundings.uptime() + wait < end else { throw failure.error }
                do { try await surroundings.sleep(wait) } catch { throw failure.error }
                attempt += 1
            }
        }
    }

    private struct FailedAttempt: Error {
        enum Next {
            case giveUp
            /// The pause before the second attempt; it doubles before the third.
            case again(after: Duration)
            case withOtherCredentials
        }
        var error: DriverError
        var next: Next
        var retryAfter: Duration?
    }

    private func exchange<Answer: Decodable>(
        _ call: AWSQueryCall, as type: Answer.Type, key: AWSCredentials?, isLast: Bool, until end: Duration
    ) async -> Result<Answer, FailedAttempt> {
        let left = end - surroundings.uptime()
        guard left > .zero else {
            return .failure(FailedAttempt(error: .unreachable(message: "\(title(call)): no time left"), next: .giveUp))
        }
        // A read keeps half of its time for another attempt; a write that got no answer has no second one.
        let patience = call.effect == .reads && !isLast ? left / 2 : left
        let response: HTTPResponse
        do { response = try await surroundings.send(request(call, key: key, deadline: patience)) } catch {
            return .failure(unanswered(call, error))
        }
        guard (200..<300).contains(response.status) else { return .failure(refused(call, response)) }
        guard let answer = try? AWSXML.decode(type, from: response.body) else {
            return .failure(lost(call, "the answer is not the expected XML: \(excerpt(response.body))"))
        }
        return .success(answer)
    }

    private func request(_ call: AWSQueryCall, key: AWSCredentials?, deadline: Duration) -> HTTPRequest {
        let signature = key.map {
            AWSSignature(
                region: region, service: call.service.rawValue, accessKeyID: $0.accessKeyID,
                secretAccessKey: $0.secretAccessKey, sessionToken: $0.sessionToken)
        }
        return HTTPRequest(
            method: "POST", url: endpoints.url(of: call.service),
            headers: [HTTPField("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")],
            body: call.body, deadline: deadline, signature: signature)
    }

    private func unanswered(_ call: AWSQueryCall, _ failure: HTTPFailure) -> FailedAttempt {
        switch failure {
        case .unknownOutcome(let what):
            return lost(call, what)
        case .notSent(let what):
            let next: FailedAttempt.Next = call.effect == .reads ? .again(after: .milliseconds(250)) : .giveUp
            return FailedAttempt(error: .unreachable(message: "\(title(call)): \(what)"), next: next)
        case .cancelled:
            return FailedAttempt(error: lost(call, "cancelled").error, next: .giveUp)
        }
    }

    /// The service may have acted and said so, but what it said did not arrive.
    private func lost(_ call: AWSQueryCall, _ what: String) -> FailedAttempt {
        let text = "\(title(call)): \(what)"
        switch call.effect {
        case .reads: return FailedAttempt(error: .unreachable(message: text), next: .again(after: .milliseconds(250)))
        case .writes: return FailedAttempt(error: .outcomeUnknown(message: text), next: .giveUp)
        }
    }

    private func refused(_ call: AWSQueryCall, _ response: HTTPResponse) -> FailedAttempt {
        let refusal = refusal(in: response)
        let next: FailedAttempt.Next =
            switch refusal.errorClass {
            case .throttled: .again(after: .milliseconds(500))
            case .contended: .again(after: .seconds(1))
            case .transient: call.effect == .reads ? .again(after: .milliseconds(250)) : .giveUp
            case .badCredentials: .withOtherCredentials
            case .noCapacity, .denied, .rejected: .giveUp
            }
        return FailedAttempt(
            error: refusal.driverError(call, region: region), next: next, retryAfter: refusal.retryAfter)
    }

    private func refusal(in response: HTTPResponse) -> AWSRefusal {
        let error = AWSXML.error(in: response.body)
        return AWSRefusal(
            status: response.status, code: error?.code, message: error?.message ?? excerpt(response.body),
            retryAfter: response.header("Retry-After").flatMap { Int($0) }.flatMap { $0 >= 0 ? .seconds($0) : nil },
            clockOffset: response.header("Date").flatMap(AWSTime.httpDate).map { $0 - surroundings.now() })
    }

    private func title(_ call: AWSQueryCall) -> String { "\(call.service.rawValue) \(call.action) in \(region)" }

    private func excerpt(_ body: [UInt8]) -> String {
        let text = String(decoding: body.prefix(120), as: UTF8.self).split(whereSeparator: \.isWhitespace).joined(
            separator: " ")
        return text.isEmpty ? "(empty)" : text
    }
}
