import Agent
import ArgumentParser
import Config
import Drivers
import Fleet
import Foundation
import Policy
import ServiceLifecycle
import Simulator
import Transport

struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Scales a local fleet of simulated vLLM engines behind a gateway, under a day of traffic.",
        discussion: """
            Everything is real but the engines: processes are started and stopped by the local driver, their metrics \
            are scraped, decisions are recorded. Ctrl-C stops everything. Needs the program vllm-sim beside this one.
            """)

    @Option(help: "Virtual seconds per second: shortens the day, the boots and the patience of the policy alike.")
    var speed = 60.0

    @Option(help: "Seconds that a cold start would take in production; divided by --speed.")
    var boot = 420.0

    @Option(help: "Most replicas; each is a process of this host.")
    var replicas = 8

    @Option(
        help: ArgumentHelp(
            "Play this CSV (t_s,requests,..; may be gzipped) instead of the made-up day.", valueName: "file"))
    var trace: String?

    @Option(help: "Seed of the traffic.")
    var seed: UInt64 = 1

    @Option(help: "Hour of the day, or of the trace, at which to begin; default is 7, or 0 with --trace.")
    var startHour: Double?

    @Option(
        help: "Seconds after which to stop by itself; default is a day, or the rest of the trace, divided by --speed.")
    var duration: Double?

    @Option(help: "Where the status page and /metrics are served.")
    var listen = "127.0.0.1:9839"

    @Option(help: "Where requests come in, such as yours.")
    var gateway = "127.0.0.1:8080"

    @Option(help: "First port of the replicas.")
    var port = 18_001

    @Option(
        help: ArgumentHelp(
            "Folder for history and logs; default is a temporary one that is deleted at the end.", valueName: "folder"))
    var state: String?

    @Option(help: ArgumentHelp("The engine stand-in; default is vllm-sim beside this program.", valueName: "file"))
    var engine: String?

    /// Requests that one simulated engine runs at once.
    private static let slots = 8
    private static let decodeTokensPerSecond = 40.0

    func validate() throws {
        guard (1...1000).contains(speed) else { throw ValidationError("--speed must be 1 to 1000.") }
        guard (0...3600).contains(boot) else { throw ValidationError("--boot must be 0 to 3600 seconds.") }
        guard (1...64).contains(replicas) else { throw ValidationError("--replicas must be 1 to 64.") }
        guard startHour.map({ $0 >= 0 && (trace != nil || $0 <= 24) }) ?? true else {
            throw ValidationError("--start-hour must be 0 to 24, or with --trace any hour of it.")
        }
        guard duration.map({ $0 > 0 }) ?? true else { throw ValidationError("--duration must be above 0 seconds.") }
        guard (1024...65_000).contains(port) else { throw ValidationError("--port must be 1024 to 65000.") }
    }

    func run() async throws {
        let folder = state ?? FileManager.default.temporaryDirectory.path + "/scale-agent-demo-\(getuid())"
        let startHour = startHour ?? (trace == nil ? 7 : 0)
        let config: AgentConfig
        let source: DemoSource
        do {
            source = try traffic()
            guard source.length > .seconds(startHour * 3600) else {
                throw ValidationError("--start-hour: the trace ends before hour \(startHour).")
            }
            config = try AgentConfig.parse(text: Array(yaml(folder).utf8), file: "demo", environment: [:]) {
                _ throws(UnreadableFile) in throw UnreadableFile(reason: "the demo reads no files")
            }
        } catch let error as ValidationError {
            throw error
        } catch {
            Surroundings.printError("\(error)")
            throw error is StartError ? ExitCode.unreachable : ExitCode.invalidConfiguration
        }
        let transport = HTTPTransport(configuration: .init(userAgent: "demo-users", maximumRequests: 4_000))
        let users = DemoTraffic(transport: transport, gateway: gateway)
        let narrator = DemoNarrator(speed: speed, startHour: startHour)
        let agent: RunningAgent
        do {
            agent = try RunningAgent(config: config, path: nil) { ticker in
                await narrator.tell(ticker.snapshot)
            }
        } catch {
            // The replicas, if there are any, are another demo's.
            Surroundings.printError("\(error)")
            throw ExitCode.unreachable
        }
        do {
            print(
                """
                status page: http://\(listen)/   metrics: http://\(listen)/metrics   Ctrl-C stops everything
                ask it: curl http://\(gateway)/v1/completions --json '{"model": "demo", "prompt": "why", "max_tokens": 20}'
                """)
            try await agent.run(beside: [
                DemoUsers(
                    source: source, users: users, speed: speed, startHour: startHour,
                    stopAfter: duration ?? (source.length - .seconds(trace == nil ? 0 : startHour * 3600)).seconds
                        / speed)
            ])
        } catch {
            Surroundings.printError("\(error)")
            try await stopReplicas(config, folder)
            throw ExitCode.unreachable
        }
        try await stopReplicas(config, folder)
        transport.shutdown()
        print(await narrator.summary(users.totals))
        if state == nil { try? FileManager.default.removeItem(atPath: folder) }
    }

    /// A fresh driver finds the replicas by their markers, whatever became of the one that started them.
    private func stopReplicas(_ config: AgentConfig, _ folder: String) async throws {
        guard case .local(let local) = config.pools.first?.driver else { return }
        let settings = LocalPoolSettings(
            pool: PoolID(rawValue: "demo"), command: local.command, gpus: local.gpus, ports: local.ports,
            logDirectory: folder + "/logs")
        let driver = try LocalProcessDriver(
            settings: settings, stateDirectory: folder, inheritedEnvironment: [:], now: Surroundings.now)
        let left = await driver.stopAll(deadline: .seconds(3))
        if !left.isEmpty { Surroundings.printError("still running: \(left.map(\.rawValue).joined(separator: ", "))") }
    }

    private func traffic() throws -> DemoSource {
        // The peak fills about three quarters of the largest fleet at the load that the policy aims at.
        let peak = 0.75 * Double(replicas * Self.slots) * 0.7 / (200 / Self.decodeTokensPerSecond)
        guard let trace else { return .day(TrafficDay(peakRequestsPerSecond: peak / speed, seed: seed)) }
        var bytes: [UInt8]
        do {
            bytes = try Surroundings.read(trace)
        } catch {
            throw StartError("\(trace): \(error)")
        }
        if trace.hasSuffix(".gz") {
            guard let unpacked = gunzip(bytes) else { throw StartError("\(trace): this is no whole gzip file") }
            bytes = unpacked
        }
        do {
            let parsed = try TrafficTrace(csv: bytes)
            let counts = parsed.bins.map(\.requests).sorted()
            guard let busiest = counts.last, busiest > 0 else {
                throw StartError("\(trace): there are no requests in it")
            }
            let busy = counts[Int(Double(counts.count - 1) * 0.99)]
            let rate = (busy > 0 ? busy : busiest) / parsed.resolution.seconds
            return .trace(parsed, scale: peak / speed / rate, seed: seed)
        } catch let error as TraceError {
            throw StartError("\(trace): \(error)")
        }
    }

    private func yaml(_ folder: String) throws -> String {
        let program = engine ?? Surroundings.executableFolder + "/vllm-sim"
        guard FileManager.default.isExecutableFile(atPath: program) else {
            throw StartError("\(program): there is no such program; build it (`make build`) or name it with --engine")
        }
        /// A span of production time at the demo's speed.
        func span(_ seconds: Double, atLeast least: Double = 1) -> String {
            "\(Int((max(least, seconds / speed) * 1000).rounded()))ms"
        }
        return """
            listen: \(listen)
            state: \(quoted(folder))
            log_level: error
            gateway:
              listen: \(gateway)
              models: {demo: demo}
              pools: [{name: demo, idle_grace: \(span(30))}]
              drain: 2s
            pools:
              - name: demo
                engine: {kind: vllm, timeout: 5s}
                capacity: \(Self.slots)
                scale_to_zero: {after: \(span(1800))}
                max: \(replicas)
                interval: \(span(15))
                target_load: 70%
                policy:
                  scale_up: {cooldown: \(span(30))}
                  scale_down: {after: \(span(max(600, 2 * boot))), cooldown: \(span(300))}
                  maximum_age: \(span(45, atLeast: 5))
                  stable_window: \(span(60))
                boot: {expected: \(span(boot)), deadline: \(span(boot * 3, atLeast: 10))}
                drain: {deadline: \(span(300, atLeast: 20))}
                usd_per_hour: 3.90
                driver:
                  kind: local
                  command: [\(quoted(program)), --port, "{port}", --served-model-name, demo, --exit-with-parent,
                    --max-num-seqs, "\(Self.slots)", --decode-tokens-per-second, "\(Self.decodeTokensPerSecond)",
                    --boot-time, "\(boot / speed)", --boot-jitter, "0.15", --shutdown-timeout, "10", --tick, "50"]
                  slots: \(replicas)
                  ports: \(port)-\(port + replicas - 1)
                  graceful_stop: 15s
            """
    }

    private func quoted(_ text: String) -> String {
        "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
}

/// Plays the traffic until the day is over or the agent stops.
private struct DemoUsers: Service {
    let source: DemoSource
    let users: DemoTraffic
    let speed: Double
    let startHour: Double
    let stopAfter: Double

    func run() async {
        await cancelWhenGracefulShutdown {
            let started = ContinuousClock.now
            var played: Duration = .seconds(startHour * 3600)
            await withDiscardingTaskGroup { group in
                while !Task.isCancelled {
                    let elapsed = (ContinuousClock.now - started).seconds
                    if elapsed >= stopAfter { break }
                    let now: Duration = .seconds(startHour * 3600 + elapsed * speed)
                    for arrival in source.arrivals(from: played, to: now) {
                        group.addTask { await users.send(arrival) }
                    }
                    played = now
                    try? await Task.sleep(for: .milliseconds(100))
                }
                group.cancelAll()
            }
        }
    }
}
