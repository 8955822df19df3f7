import Hummingbird
import Logging
import NIOCore
import Synchronization
import UnixSignals

/// A ready engine behind its API server, until a signal or a scenario ends the process.
final class Server: Sendable {
    private let serving: ServingOptions
    private let scenario: ScenarioOptions
    private let engine: EngineDriver
    private let responder: APIResponder
    private let listener = Mutex<(any Channel)?>(nil)

    init(command: VLLMSim, processStarted: Double, ready: Double) {
        serving = command.serving
        scenario = command.scenario
        let settings = command.engine.settings
        engine = EngineDriver(
            settings, tick: .seconds(command.engine.tick / 1000), maxQueued: command.engine.maxNumQueuedReqs)
        responder = APIResponder(
            modelNames: serving.modelNames, maxModelLength: settings.maxModelLength, engine: engine,
            page: MetricsPage(
                modelName: serving.modelNames[0], created: ready, processStarted: processStarted, settings: settings,
                gpuBlocksOverridden: command.engine.numGpuBlocks != nil),
            http: HTTPCounts())
    }

    /// Never returns: every way out ends the process.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.engine.run() }
            group.addTask { await self.serve() }
            if !scenario.hangOnSigterm { group.addTask { await self.leaveOnSignal() } }
        }
    }

    private func serve() async {
        // One loop is plenty; the default is one per core.
        NIOSingletons.groupLoopCountSuggestion = 1
        var logger = Logger(label: "vllm-sim")
        logger.logLevel = .critical
        let application = Application(
            responder: responder,
            server: .http1(configuration: .init(additionalChannelHandlers: [HangUpHandler(self.engine)])),
            configuration: .init(
                address: .hostname(serving.host, port: serving.port), serverName: "uvicorn", backlog: 2048),
            onServerRunning: { channel in await self.listening(channel) },
            logger: logger)
        do {
            try await application.run()
        } catch {
            // A server that has listened ends because its listener was closed, and the process is about to end.
            guard listener.withLock({ $0 == nil }) else { return }
            ServerLog.writeUvicorn("\(serving.host):\(serving.port): \(error)", level: .error)
            SystemProcess.leave(1)
        }
    }

    private func listening(_ channel: any Channel) async {
        listener.withLock { $0 = channel }
        let port = channel.localAddress?.port ?? serving.port
        ServerLog.write(.apiServer, "entry.py:140", "Starting vLLM server on http://\(serving.host):\(port)")
        ServerLog.writeUvicorn("Started server process [\(SystemProcess.id)]")
        ServerLog.writeUvicorn("Waiting for application startup.")
        ServerLog.writeUvicorn("Application startup complete.")
        if let seconds = scenario.engineDeathAfter {
            Task {
                try await Task.sleep(for: .seconds(seconds))
                try await loseEngine()
            }
        }
    }

    /// New connections are refused from now on; open ones live on.
    private func stopListening() {
        listener.withLock { $0 }?.close(promise: nil)
    }

    // MARK: Ways to end

    private func leaveOnSignal() async {
        for await _ in await UnixSignalsSequence(trapping: .sigterm, .sigint) {
            do { try await shutDown() } catch {}
            SystemProcess.leave(0)
        }
    }

    /// Aborts or finishes what is in flight; the process leaves after about a second at the earliest.
    private func shutDown() async throws {
        let timeout = scenario.shutdownTimeout
        let how = "mode=\(timeout > 0 ? "drain" : "abort") timeout=\(Int(timeout))s"
        let inFlight = engine.snapshot.inFlight
        func log(_ process: ServerLog.Process, _ line: String, _ message: String) {
            let (file, name) = process == .apiServer ? ("launcher", "API server") : ("core", "EngineCore")
            ServerLog.write(process, "\(file).py:\(line)", "[shutdown] \(name): \(message)")
        }
        log(.apiServer, "254", "shutdown triggered")
        log(.apiServer, "270", "stopping engine client \(how)")
        log(.engineCore, "1635", "start \(how)")
        engine.shutDown(abort: timeout == 0)
        if timeout > 0 {
            log(.engineCore, "1655", "draining in-flight requests count=\(inFlight) timeout=\(Int(timeout))s")
            let deadline = ContinuousClock.now + .seconds(timeout)
            while engine.snapshot.inFlight > 0, ContinuousClock.now < deadline {
                try await Task.sleep(for: .milliseconds(50))
            }
        } else if inFlight > 0 {
            log(.engineCore, "1644", "aborting in-flight requests count=\(inFlight)")
        }
        log(.engineCore, "1666", "request processing complete; starting resource teardown")
        // The last answers are still on their way out.
        try await Task.sleep(for: .milliseconds(200))
        stopListening()
        ServerLog.writeUvicorn("Shutting down")
        try await Task.sleep(for: .milliseconds(800))
        ServerLog.writeUvicorn("Application shutdown complete.")
    }

    /// The engine process is gone. The API server answers for a moment and leaves with exit code 0, or stays.
    private func loseEngine() async throws {
        ServerLog.write(
            .apiServer, "async_llm.py:906",
            "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. "
                + "See stack trace (above) for the root cause.", level: .error)
        engine.die()
        if scenario.keepAliveOnEngineDeath { return }
        try await Task.sleep(for: .milliseconds(200))
        stopListening()
        ServerLog.writeUvicorn("Shutting down")
        try await Task.sleep(for: .milliseconds(1800))
        ServerLog.writeUvicorn("Finished server process [\(SystemProcess.id)]")
        SystemProcess.leave(0)
    }
}
