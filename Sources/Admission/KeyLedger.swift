import Fleet

/// What each API key has going on, against its limits.
struct KeyLedger: Sendable {
    private struct Account: Sendable {
        var concurrent = 0
        /// When, in seconds since 1970, the next request would come if all so far had come evenly at the permitted rate.
        var nextDue = 0.0
    }

    private var accounts: [KeyID: Account] = [:]

    var count: Int { accounts.count }

    /// - Parameter replaced: how many of the key's requests would end in return.
    func refusal(_ key: KeyID, _ limits: KeyLimits, replaced: Int, now: Timestamp, _ retryAfter: Duration) -> Refusal? {
        let account = accounts[key] ?? Account()
        if let most = limits.maximumConcurrent, account.concurrent - replaced >= most {
            return Refusal(.tooManyRequests, "The key has \(most) requests under way.", retryAfter: retryAfter)
        }
        // A minute's worth may come at once: the last of them is then due a minute less one interval from now.
        if let rate = limits.maximumPerMinute {
            let earliest = account.nextDue - 60 + 60 / Double(max(1, rate))
            guard rate > 0, earliest <= now.secondsSince1970 + 1e-6 else {
                let wait = rate > 0 ? earliest - now.secondsSince1970 : 60
                return Refusal(
                    .rateLimited, "The key may send \(rate) requests per minute.", retryAfter: .seconds(max(0, wait)))
            }
        }
        return nil
    }

    mutating func letIn(_ key: KeyID, _ limits: KeyLimits, now: Timestamp) {
        accounts[key, default: Account()].concurrent += 1
        guard let rate = limits.maximumPerMinute, rate > 0 else { return }
        let due = max(accounts[key]?.nextDue ?? 0, now.secondsSince1970)
        accounts[key]?.nextDue = due + 60 / Double(rate)
    }

    mutating func end(_ key: KeyID, _ limits: KeyLimits, now: Timestamp) {
        guard var account = accounts[key] else { return }
        account.concurrent -= 1
        let isForgettable =
            account.concurrent <= 0 && (limits.maximumPerMinute == nil || account.nextDue <= now.secondsSince1970)
        accounts[key] = isForgettable ? nil : account
    }
}
