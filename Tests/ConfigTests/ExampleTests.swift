import Admission
import Fleet
import FoundationEssentials
import Policy
import TestSupport
import Testing

@testable import Config

/// Every file in `examples` means what its first line promises: the settings, and the behaviour of the real controller.
@Suite struct ExampleTests {
    static func config(_ name: String) throws -> AgentConfig {
        try AgentConfig.load(path: path("examples/\(name).yaml"), environment: variables)
    }

    static func path(_ relative: String) -> String { "\(SharedFixtures.repositoryRoot)/\(relative)" }

    static func pool(_ name: String) throws -> PoolConfig {
        let config = try config(name)
        #expect(config.warnings.isEmpty)
        #expect(config.pools.count == 1)
        return try #require(config.pools.first)
    }

    /// A pool that has been at this load for long.
    static func fleet(_ name: String, replicas: Int, running: Double, boot: Duration = .seconds(60)) throws
        -> VirtualFleet
    {
        var fleet = VirtualFleet(try pool(name), replicas: replicas, boot: boot)
        fleet.running = running
        #expect(fleet.changes(in: .seconds(300)) == [])
        return fleet
    }

    static let names = [
        "gateway", "minimal", "local", "aws-asg", "load-60-20-30", "queue", "queue-10", "spot-and-on-demand", "steps",
    ]

    @Test("every example is tested")
    func complete() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Self.path("examples"))
        #expect(files.filter { $0.hasSuffix(".yaml") }.sorted() == Self.names.map { "\($0).yaml" }.sorted())
    }

    @Test("its effective settings read back as the same configuration", arguments: names)
    func readsBack(name: String) throws {
        var config = try Self.config(name)
        let text = config.describe()
        for index in config.pools.indices {
            // Secrets read back as what is shown of them.
            for header in config.pools[index].engine.headers.indices {
                config.pools[index].engine.headers[header].value = Secret("<redacted>")
            }
            if case .local(var local) = config.pools[index].driver {
                local.environment = local.environment.mapValues { _ in Secret("<redacted>") }
                config.pools[index].driver = .local(local)
            }
        }
        #expect(try parse(text, file: "/elsewhere/x.yaml") == config)
    }

    @Test("gateway: two doors, one of them with keys, before a pool that may rest at zero")
    func gateway() throws {
        let pool = try Self.pool("gateway")
        #expect(pool.settings.scaleToZero == .init(after: .seconds(1800)))
        let gateway = try #require(try Self.config("gateway").gateway)
        #expect(gateway.listeners.map(\.needsKey) == [true, false])
        #expect(gateway.listeners.map { $0.tls == nil } == [false, true])
        #expect(gateway.keyFile == Self.path("examples/gateway-keys.txt"))
        #expect(gateway.admission.models == ["meta-llama/Llama-3.1-8B-Instruct": pool.id])
        #expect(gateway.admission.pools[pool.id] == PoolLimits())
        #expect(gateway.poolsWithSlots.isEmpty)
        #expect(gateway.admission.keys[KeyID(rawValue: "batch")]?.mayWake == false)
    }

    @Test("spot-and-on-demand: three groups in fail-over order, the last with a base")
    func groups() throws {
        let pool = try Self.pool("spot-and-on-demand")
        #expect(pool.driver == nil && pool.drivers.count == 3)
        #expect(pool.groups.map(\.settings.id.rawValue) == ["spot", "spot-west", "on-demand"])
        #expect(pool.groups.map(\.settings.market) == [.spot, .spot, nil])
        #expect(pool.groups.map(\.settings.usdPerHour) == [1.2, 1.35, 3.9])
        #expect(pool.groups.map(\.settings.base) == [0, 0, 1])
        #expect(pool.groups.map(\.settings.maximum) == [6, 4, nil])
        #expect(pool.engine.location == .perReplica(template: "http://{private_ip}:8000"))
    }

    @Test("minimal: ten lines, advice only")
    func minimal() throws {
        let text = try String(contentsOfFile: Self.path("examples/minimal.yaml"), encoding: .utf8)
        #expect(text.split(separator: "\n").count <= 10)
        let config = try Self.config("minimal")
        #expect(config.stateDirectory == Self.path("examples/scale-agent-state"))
        #expect(config.listen == ListenAddress(host: "127.0.0.1", port: 9839))
        #expect(config.retention == .seconds(14 * 86_400))
        let pool = try Self.pool("minimal")
        var settings = PolicySettings()
        settings.objective = WaitObjective()
        (settings.capacity, settings.maximum) = (16, 4)
        #expect(pool.settings == settings)
        #expect(pool.driver == nil)
        #expect(pool.engine == EngineConfig(location: .fixed(["http://127.0.0.1:8000"])))

        var fleet = VirtualFleet(pool, replicas: 1, boot: .zero, authority: .advise("no driver"))
        fleet.running = 30
        let output = fleet.tick()
        #expect(output.decision.target == 3)
        #expect(output.action == nil)
    }

    @Test("local: one process a GPU, up to all of them")
    func local() throws {
        let pool = try Self.pool("local")
        var settings = PolicySettings()
        (settings.capacity, settings.maximum) = (16, 4)
        (settings.boot.expected, settings.boot.deadline) = (.seconds(120), .seconds(600))
        #expect(pool.settings == settings)
        #expect(
            pool.driver
                == .local(
                    LocalConfig(
                        command: ["vllm", "serve", "meta-llama/Llama-3.1-8B", "--port", "{port}"],
                        environment: ["CUDA_VISIBLE_DEVICES": Secret("{gpu}")], gpus: ["0", "1", "2", "3"],
                        ports: 8001...8004)))
        #expect(pool.engine.location == .fromDriver)

        var fleet = try Self.fleet("local", replicas: 1, running: 12)
        fleet.running = 200
        #expect(fleet.changes(in: .seconds(600)) == [.init(seconds: 0, replicas: 3)])
    }

    @Test("aws-asg: one replica more than the load asks for")
    func group() throws {
        let pool = try Self.pool("aws-asg")
        var settings = PolicySettings()
        (settings.capacity, settings.maximum, settings.scaleUp.loadAbove) = (16, 8, 0.7)
        (settings.headroom, settings.usdPerHour) = (.replicas(1), 3.9)
        #expect(pool.settings == settings)
        #expect(pool.driver == .awsAutoScalingGroup(AutoScalingGroupConfig(group: "llm-chat", region: "us-east-1")))
        #expect(pool.engine.location == .perReplica(template: "http://{private_ip}:8000"))
        #expect(pool.engine.headers.map(\.value.revealed) == ["Bearer hunter2"])

        var fleet = try Self.fleet("aws-asg", replicas: 2, running: 11)
        fleet.running = 33
        #expect(fleet.changes(in: .seconds(600)) == [.init(seconds: 0, replicas: 2)])
    }

    // MARK: Up above 60 % load, down only below 20 % for 30 minutes

    @Test("load-60-20-30: settings")
    func loadSettings() throws {
        var settings = PolicySettings()
        (settings.capacity, settings.maximum, settings.tolerance) = (10, 20, 0)
        (settings.scaleUp.loadAbove, settings.scaleDown.loadBelow) = (0.6, 0.2)
        settings.scaleDown.after = .seconds(1800)
        #expect(try Self.pool("load-60-20-30").settings == settings)
    }

    @Test("load-60-20-30: 61 % grows at once, 60 % and 59 % never", arguments: [(61, [0]), (60, []), (59, [])])
    func grows(load: Double, seconds: [Int]) throws {
        var fleet = try Self.fleet("load-60-20-30", replicas: 10, running: 40)
        fleet.running = load
        #expect(fleet.changes(in: .seconds(7200)) == seconds.map { .init(seconds: $0, replicas: 1) })
    }

    @Test(
        "load-60-20-30: 19 % shrinks after exactly 30 minutes, 20 % never",
        arguments: [(19, [1800]), (20, []), (21, [])])
    func shrinks(load: Double, seconds: [Int]) throws {
        var fleet = try Self.fleet("load-60-20-30", replicas: 10, running: 40)
        fleet.running = load
        #expect(fleet.changes(in: .seconds(1815)) == seconds.map { .init(seconds: $0, replicas: -1) })
    }

    @Test("load-60-20-30: a single look at 21 % starts the 30 minutes anew")
    func resets() throws {
        var fleet = try Self.fleet("load-60-20-30", replicas: 10, running: 40)
        fleet.running = 19
        #expect(fleet.changes(in: .seconds(1785)) == [])
        fleet.running = 21
        fleet.tick()
        fleet.running = 19
        #expect(fleet.changes(in: .seconds(1815)) == [.init(seconds: 1800, replicas: -1)])
    }

    // MARK: One replica per so many waiting requests

    @Test("queue: settings", arguments: [("queue", 5.0), ("queue-10", 10)])
    func queueSettings(name: String, perReplica: Double) throws {
        var settings = PolicySettings()
        (settings.maximum, settings.tolerance) = (20, 0)
        (settings.scaleUp.loadAbove, settings.scaleDown.loadBelow) = (2, 0.5)
        settings.requestsPerReplicaInQueue = perReplica
        (settings.boot.expected, settings.boot.deadline) = (.seconds(120), .seconds(600))
        #expect(try Self.pool(name).settings == settings)
    }

    @Test(
        "queue: one replica per so many that wait, and not again while they boot and settle",
        arguments: [
            ("queue", 12.0, 3), ("queue", 5, 1), ("queue", 6, 2), ("queue-10", 12, 2), ("queue-10", 10, 1),
        ])
    func queue(name: String, waiting: Double, replicas: Int) throws {
        var fleet = try Self.fleet(name, replicas: 2, running: 16, boot: .seconds(120))
        fleet.waiting = waiting
        // Two minutes of boot, one minute in which the new ones take their part.
        let once = [VirtualFleet.Change(seconds: 0, replicas: replicas)]
        #expect(fleet.changes(in: .seconds(180)) == once)
        // A queue that is still there then is a new reason.
        #expect(fleet.changes(in: .seconds(180)) == once)
    }

    // MARK: +2 per minute, -1 per 5 minutes

    @Test("steps: settings")
    func stepSettings() throws {
        var settings = PolicySettings()
        (settings.capacity, settings.maximum) = (10, 20)
        settings.scaleUp.step = StepLimit(replicas: 2, per: .seconds(60))
        settings.scaleDown.step = StepLimit(replicas: 1, per: .seconds(300))
        settings.scaleDown.after = .seconds(600)
        #expect(try Self.pool("steps").settings == settings)
    }

    @Test("steps: a jump that needs 6 more gets 2 a minute, calm gives back 1 per 5 minutes after 10")
    func steps() throws {
        var fleet = try Self.fleet("steps", replicas: 4, running: 30)
        fleet.running = 80
        #expect(
            fleet.changes(in: .seconds(1800))
                == [0, 60, 120].map { VirtualFleet.Change(seconds: $0, replicas: 2) })
        fleet.running = 50
        // 50 requests need 7 replicas at 80 %; on 7 the load is 71 %, inside the tolerance of 10 %.
        #expect(
            fleet.changes(in: .seconds(3600))
                == [600, 900, 1200].map { VirtualFleet.Change(seconds: $0, replicas: -1) })
    }
}
