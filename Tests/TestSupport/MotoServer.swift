import Foundation
import Synchronization

/// A `moto_server` process: a stand-in for AWS that checks signatures when asked to.
///
/// Its executable is the one that `MOTO_SERVER` names, or the first in `PATH`; tests that need it are switched off
/// loudly by `.enabled(if: MotoServer.isInstalled, "needs moto_server")`.
package final class MotoServer: Sendable {
    package static let executable: String? = {
        let environment = ProcessInfo.processInfo.environment
        let candidates =
            environment["MOTO_SERVER"].map { [$0] }
            ?? (environment["PATH"] ?? "").split(separator: ":").map { $0 + "/moto_server" }
        return candidates.first { FileManager.default.isExecutableFile(atPath: $0) }
    }()

    package static var isInstalled: Bool { executable != nil }

    package struct DidNotStart: Error, CustomStringConvertible {
        package var description: String
    }

    /// Scheme, address and port, without a path.
    package let url: String
    private let process: Mutex<Process>

    /// Starts a server on a free port and returns when it listens.
    ///
    /// - Throws: `DidNotStart` when it ends or says nothing within `deadline`, with what it said.
    package init(deadline: Duration = .seconds(60)) async throws {
        guard let executable = Self.executable else { throw DidNotStart(description: "no moto_server") }
        let port = try RawHTTPServer.unusedPort()
        url = "http://127.0.0.1:\(port)"
        let process = Process()
        process.executableURL = URL(filePath: executable)
        process.arguments = ["-H", "127.0.0.1", "-p", String(port)]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        // It announces itself, and later logs every request, on standard error: read to the end, or it would block.
        let pipe = Pipe()
        process.standardError = pipe
        let (chunks, feed) = AsyncStream<String>.makeStream()
        pipe.fileHandleForReading.readabilityHandler = { handle in
            let data = handle.availableData
            guard !data.isEmpty else {
                handle.readabilityHandler = nil
                return feed.finish()
            }
            feed.yield(String(decoding: data, as: UTF8.self))
        }
        try process.run()
        self.process = Mutex(process)
        try await Self.waitForAnnouncement(in: chunks, deadline: deadline)
        feed.finish()
    }

    deinit { stop() }

    /// Ends the process and returns when it is gone.
    package func stop() {
        process.withLock { process in
            guard process.isRunning else { return }
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
    }

    private static func waitForAnnouncement(in chunks: AsyncStream<String>, deadline: Duration) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                var said = ""
                for await chunk in chunks {
                    said += chunk
                    if said.contains("Running on http") { return }
                }
                throw DidNotStart(description: "moto_server said: \(said)")
            }
            group.addTask {
                try await Task.sleep(for: deadline)
                throw DidNotStart(description: "moto_server did not listen within \(deadline)")
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}
