import Foundation
import Glibc
import TestSupport
import Testing
import Transport

/// Who is trusted, against the server of the `openssl` command.
@Suite(.timeLimit(.minutes(1)), .enabled(if: TLSServer.openssl != nil, "needs openssl"))
struct TLSTests {
    @Test func aServerOfATrustedAuthorityAnswers() async throws {
        let server = try TLSServer()
        let ending = await server.ending(.init(caFile: server.certificate))
        #expect(ending.ending == .answered(200))
    }

    @Test func anUnknownAuthorityIsNotSentAnything() async throws {
        let server = try TLSServer()
        let (ending, message) = await server.ending(.init())
        #expect(ending == .notSent)
        #expect(message.hasPrefix("GET https://localhost:\(server.port): "))
        #expect(message.contains("certificate"))
    }

    @Test func aCertificateForAnotherNameIsNotSentAnything() async throws {
        let server = try TLSServer()
        let (ending, message) = await server.ending(.init(caFile: server.certificate), host: "127.0.0.1")
        #expect(ending == .notSent)
        #expect(message.contains("127.0.0.1"))
    }

    @Test func aMissingAuthorityFileIsNotSentAnything() async throws {
        let server = try TLSServer()
        #expect(await server.ending(.init(caFile: "/nonexistent/ca.pem")).ending == .notSent)
    }

    @Test func aClientCertificateIsShownWhereAskedFor() async throws {
        let server = try TLSServer(demandsClientCertificate: true)
        let shown = HTTPTransport.Configuration(
            caFile: server.certificate, clientCertificateFile: server.certificate, clientKeyFile: server.key)
        #expect(await server.ending(shown).ending == .answered(200))
        #expect(await server.ending(.init(caFile: server.certificate)).ending != .answered(200))
    }
}

/// `openssl s_server` for `localhost` with a certificate of its own making.
final class TLSServer {
    static let openssl = Tool("openssl")

    struct NotStarted: Error {}

    let port: Int
    private let folder: URL
    private let process = Process()
    private let input = Pipe()

    var certificate: String { folder.path + "/certificate.pem" }
    var key: String { folder.path + "/key.pem" }

    init(demandsClientCertificate: Bool = false) throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let files = (key: folder.path + "/key.pem", certificate: folder.path + "/certificate.pem")
        let make = """
            req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
            -addext subjectAltName=DNS:localhost -keyout \(files.key) -out \(files.certificate)
            """
        guard let openssl = Self.openssl, try openssl.run(make.split(separator: " ").map(String.init)).status == 0
        else {
            throw NotStarted()
        }
        process.executableURL = URL(filePath: openssl.path)
        let demand =
            demandsClientCertificate ? ["-Verify", "1", "-verify_return_error", "-CAfile", files.certificate] : []
        process.arguments =
            ["s_server", "-www", "-accept", "127.0.0.1:0", "-cert", files.certificate, "-key", files.key] + demand
        let output = Pipe()
        process.standardInput = input
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        // The line `ACCEPT 127.0.0.1:PORT` comes when it listens.
        var text = ""
        var port: Int?
        while port == nil {
            let data = output.fileHandleForReading.availableData
            guard !data.isEmpty else { throw NotStarted() }
            text += String(decoding: data, as: UTF8.self)
            port = text.firstMatch(of: /ACCEPT [0-9.]+:([0-9]+)\n/).flatMap { Int($0.1) }
        }
        guard let port else { throw NotStarted() }
        self.port = port
    }

    deinit {
        // SIGTERM would wait: a child inherits the signals that its parent's dispatch threads block.
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        try? FileManager.default.removeItem(at: folder)
    }

    func ending(_ configuration: HTTPTransport.Configuration, host: String = "localhost") async -> (
        ending: Ending, message: String
    ) {
        await HTTPTransport(configuration: configuration).ending(
            HTTPRequest(url: "https://\(host):\(port)/", deadline: .seconds(20), bypassesProxy: true))
    }
}
