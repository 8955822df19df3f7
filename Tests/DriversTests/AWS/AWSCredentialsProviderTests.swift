import Fleet
import Synchronization
import TestSupport
import Testing

@testable import Drivers

/// A place for credentials that gives the next scripted finding each time, and the last one for ever.
final class ScriptedSource: AWSCredentialsSource {
    let name = "script"
    private let state: Mutex<(findings: [Result<AWSCredentialsFinding, DriverError>], looks: Int)>
    private let gate: AsyncStream<Void>?
    private let began: AsyncStream<Void>.Continuation?

    /// - Parameters:
    ///   - gate: every look waits until this ends.
    ///   - began: is told when a look begins.
    init(
        _ findings: [Result<AWSCredentialsFinding, DriverError>], gate: AsyncStream<Void>? = nil,
        began: AsyncStream<Void>.Continuation? = nil
    ) {
        state = Mutex((findings, 0))
        self.gate = gate
        self.began = began
    }

    var looks: Int { state.withLock { $0.looks } }

    func look() async throws(DriverError) -> AWSCredentialsFinding {
        began?.yield()
        if let gate { for await _ in gate {} }
        return try state.withLock { state in
            state.looks += 1
            return state.findings.count > 1 ? state.findings.removeFirst() : state.findings[0]
        }.get()
    }

    func provider(_ time: ManualTime = ManualTime()) -> AWSCredentialsProvider {
        AWSCredentialsProvider(sources: [self], now: { time.now })
    }
}

@Suite struct AWSCredentialsProviderTests {
    private func credentials(_ id: String, lasting minutes: Int?) -> AWSCredentials {
        AWSCredentials(
            accessKeyID: id, secretAccessKey: "secret", sessionToken: "token",
            expiresAt: minutes.map { ManualTime.start + .seconds($0 * 60) })
    }

    private func found(_ id: String, lasting minutes: Int?) -> Result<AWSCredentialsFinding, DriverError> {
        .success(.found(credentials(id, lasting: minutes)))
    }

    @Test func `credentials that do not expire are looked up once`() async throws {
        let source = ScriptedSource([found("A", lasting: nil)])
        let time = ManualTime()
        let provider = source.provider(time)
        for _ in 0..<3 {
            #expect(try await provider.credentials().accessKeyID == "A")
            time.advance(.seconds(86_400))
        }
        #expect(source.looks == 1)
    }

    @Test(arguments: [(44, 1, "A"), (51, 2, "B"), (61, 2, "B")])
    func `with less than ten minutes left the caller waits for new ones`(
        _ afterMinutes: Int, _ looks: Int, _ id: String
    ) async throws {
        let source = ScriptedSource([found("A", lasting: 60), found("B", lasting: 600)])
        let time = ManualTime()
        let provider = source.provider(time)
        _ = try await provider.credentials()
        time.advance(.seconds(afterMinutes * 60))
        #expect(try await provider.credentials().accessKeyID == id)
        #expect(source.looks == looks)
    }

    @Test(.timeLimit(.minutes(1)))
    func `with less than fifteen minutes left they are renewed in the background`() async throws {
        let (gate, opener) = AsyncStream<Void>.makeStream()
        let (looks, began) = AsyncStream<Void>.makeStream()
        let slow = ScriptedSource([found("B", lasting: 600)], gate: gate, began: began)
        let first = ScriptedSource([found("A", lasting: 60), .success(.absent("gone"))])
        let time = ManualTime()
        let provider = AWSCredentialsProvider(sources: [first, slow], now: { time.now })
        _ = try await provider.credentials()
        time.advance(.seconds(46 * 60))
        // The search waits at the gate; the caller does not.
        #expect(try await provider.credentials().accessKeyID == "A")
        for await _ in looks { break }
        opener.finish()
        time.advance(.seconds(5 * 60))
        // Less than ten minutes are left, so this joins the search or finds it done.
        #expect(try await provider.credentials().accessKeyID == "B")
        #expect(slow.looks == 1)
    }

    @Test func `old credentials serve while renewing fails, until they expire`() async throws {
        let source = ScriptedSource([found("A", lasting: 60), .failure(.unreachable(message: "down"))])
        let time = ManualTime()
        let provider = source.provider(time)
        _ = try await provider.credentials()
        time.advance(.seconds(55 * 60))
        #expect(try await provider.credentials().accessKeyID == "A")
        #expect(try await provider.credentials().accessKeyID == "A")
        #expect(source.looks == 2, "within half a minute it is not tried again")
        time.advance(.seconds(31))
        #expect(try await provider.credentials().accessKeyID == "A")
        #expect(source.looks == 3)
        time.advance(.seconds(5 * 60))
        await #expect(throws: DriverError.unreachable(message: "down")) { try await provider.credentials() }
    }

    @Test func `callers at the same time share one search`() async throws {
        let (gate, opener) = AsyncStream<Void>.makeStream()
        let source = ScriptedSource([found("A", lasting: nil), found("B", lasting: nil)], gate: gate)
        let provider = source.provider()
        let ids = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<20 { group.addTask { try await provider.credentials().accessKeyID } }
            opener.finish()
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(ids == ["A"])
        #expect(source.looks == 1)
    }

    @Test func `nothing anywhere says where was looked`() async throws {
        let surroundings = AWSSurroundings.fake(environment: ["HOME": "/home/u"])
        let provider = AWSCredentialsProvider(region: "us-east-1", surroundings: surroundings)
        let error = try await #require(throws: DriverError.self) { try await provider.credentials() }
        #expect(
            error.description
                == "unauthorized: no AWS credentials: environment: AWS_ACCESS_KEY_ID not set; "
                + "web identity: AWS_WEB_IDENTITY_TOKEN_FILE not set; "
                + "shared files: no profile default in /home/u/.aws/credentials, /home/u/.aws/config; "
                + "container: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and AWS_CONTAINER_CREDENTIALS_FULL_URI not set; "
                + "instance metadata: http://169.254.169.254: no network")
    }

    @Test func `a misconfigured place ends the search`() async throws {
        let broken = ScriptedSource([.failure(.unauthorized(message: "half a key"))])
        let next = ScriptedSource([found("A", lasting: nil)])
        let provider = AWSCredentialsProvider(sources: [broken, next], now: { ManualTime.start })
        await #expect(throws: DriverError.unauthorized(message: "half a key")) { try await provider.credentials() }
        #expect(next.looks == 0)
    }

    @Test func `the secret is not printed`() {
        let credentials = credentials("AKIA1", lasting: 5)
        var dumped = ""
        dump(credentials, to: &dumped)
        for text in ["\(credentials)", String(reflecting: credentials), "\([credentials])", dumped] {
            #expect(!text.contains("secret") && !text.contains("token"), "\(text)")
        }
    }
}
