import FoundationEssentials
package import Fleet
package import Transport

/// What the AWS code takes from the process it runs in, so that a test can stand in for all of it.
package struct AWSSurroundings: Sendable {
    package typealias Send = @Sendable (HTTPRequest) async throws(HTTPFailure) -> HTTPResponse

    package var environment: [String: String]
    /// The text of a small file; `nil` when it is missing, unreadable or not UTF-8.
    package var readFile: @Sendable (String) -> String?
    package var send: Send
    /// The wall clock.
    package var now: @Sendable () -> Timestamp
    /// A clock that only goes forward, from any origin.
    package var uptime: @Sendable () -> Duration
    package var sleep: @Sendable (Duration) async throws -> Void
    /// Evenly spread over 0 ..< 1; spreads out retries.
    package var random: @Sendable () -> Double

    package init(
        environment: [String: String], readFile: @escaping @Sendable (String) -> String?, send: @escaping Send,
        now: @escaping @Sendable () -> Timestamp, uptime: @escaping @Sendable () -> Duration,
        sleep: @escaping @Sendable (Duration) async throws -> Void, random: @escaping @Sendable () -> Double
    ) {
        self.environment = environment
        self.readFile = readFile
        self.send = send
        self.now = now
        self.uptime = uptime
        self.sleep = sleep
        self.random = random
    }

    /// The real process, reaching the network through `send`.
    package static func process(environment: [String: String], send: @escaping Send) -> AWSSurroundings {
        let start = ContinuousClock.now
        return AWSSurroundings(
            environment: environment,
            readFile: { path in
                FileManager.default.contents(atPath: path).flatMap { String(bytes: $0, encoding: .utf8) }
            },
            send: send,
            now: { Timestamp(secondsSince1970: Date().timeIntervalSince1970) },
            uptime: { ContinuousClock.now - start },
            sleep: { try await Task.sleep(for: $0) },
            random: { Double.random(in: 0..<1) })
    }

    /// An environment variable; an empty one counts as not set, as in the vendor's own tools.
    func variable(_ name: String) -> String? {
        guard let value = environment[name], !value.isEmpty else { return nil }
        return value
    }

    func isTrue(_ name: String) -> Bool { variable(name)?.lowercased() == "true" }
}
