import Admission
import Fleet
import Gateway
import Glibc
import Logging
import NIOCore
import ServiceLifecycle

/// A gateway from start to drain, beside the other services of the process.
struct GatewayService: Service {
    private let server: GatewayServer
    private let requests: RequestLog?
    private let logger: Logger
    private let publish: @Sendable (GatewayNumbers) -> Void
    private let shown: String

    /// - Parameters:
    ///   - logsRequests: one line each, at the level `info`.
    ///   - publish: gets the numbers once a second.
    /// - Throws: `StartError` when the key file cannot be read.
    init(
        settings: GatewaySettings, admission: AdmissionSettings, controller: any GatewayController, logger: Logger,
        logsRequests: Bool = true, publish: @escaping @Sendable (GatewayNumbers) -> Void = { _ in }
    ) throws(StartError) {
        let requests = logsRequests && logger.logLevel <= .info ? RequestLog(logger: logger) : nil
        let log = requests.map { requests in { @Sendable (line: RequestLine) in requests.add(line) } }
        do {
            server = try GatewayServer(
                settings: settings, admission: admission, controller: controller, log: log,
                note: { logger.notice("\($0)") })
        } catch {
            throw StartError("gateway keys: \(error)")
        }
        self.requests = requests
        self.logger = logger
        self.publish = publish
        Self.allowFiles(forConnections: settings.limits.connections, logger)
        shown = settings.listeners.map { "\($0.address)" }.joined(separator: ", ")
    }

    /// A request on its way takes two connections. Processes begin with 1,024 files and may have more.
    private static func allowFiles(forConnections connections: Int, _ logger: Logger) {
        let wanted = rlim_t(2 * connections + 512)
        var limit = rlimit()
        guard getrlimit(.init(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur < wanted else { return }
        limit.rlim_cur = min(wanted, limit.rlim_max)
        guard setrlimit(.init(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur < wanted else { return }
        logger.notice(
            "this process may open few files for so many connections",
            metadata: ["files": "\(limit.rlim_cur)", "connections": "\(connections)"])
    }

    /// - Throws: `StartError` with what is wrong; the keys then stay as they are.
    func reloadKeys() throws(StartError) {
        do { try server.reloadKeys() } catch { throw StartError("gateway keys: \(error)") }
    }

    func run() async throws {
        let side = Task { [requests] in await requests?.run() }
        let numbers = Task { [server, publish] in
            while !Task.isCancelled {
                if let numbers = await server.numbers() { publish(numbers) }
                try? await Task.sleep(for: .seconds(1))
            }
        }
        defer { numbers.cancel() }
        do {
            let cut = try await cancelWhenGracefulShutdown { [server, logger] in
                try await server.run { addresses in
                    for address in addresses {
                        logger.notice("gateway listening", metadata: ["address": "\(address)"])
                    }
                }
            }
            requests?.finish()
            await side.value
            logger.notice("gateway drained", metadata: ["cut": "\(cut)"])
        } catch let error as IOError {
            throw StartError("gateway: \(shown): \(String(cString: strerror(error.errnoCode)))")
        } catch {
            throw StartError("gateway: \(shown): \(error)")
        }
    }
}
