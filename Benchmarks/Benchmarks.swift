import Collectors
import Exporters
import Exposition
import Fleet
import FoundationEssentials
import Glibc
import Policy

/// Times what runs on every tick and every scrape, on one thread, and prints one JSON object a line.
@main
enum Benchmarks {
    static func main() throws {
        let arguments = CommandLine.arguments.dropFirst()
        if arguments.first == "forecast" { return try ForecastBench.run(Array(arguments.dropFirst())) }
        if arguments.first == "exposition" { return try ExpositionBench.run(Array(arguments.dropFirst())) }
        let folder = arguments.first ?? "Tests/Fixtures/vllm/0.32.0"
        let body = try load(folder + "/metrics-load-running4-waiting2.prom")
        measure("read vLLM metrics", bytes: body.count) {
            _ = try? EngineProfile.vllm.read(body, contentType: "text/plain; version=1.0.0")
        }
        for replicas in [1, 100] {
            var pool = BenchPool(replicas: replicas)
            measure("observe and decide, \(replicas) replicas") { pool.tick() }
            let snapshot = pool.snapshot
            var buffer: [UInt8] = []
            measure("write /metrics, \(replicas) replicas") {
                MetricsExporter.write(snapshot, format: .prometheusText, into: &buffer)
            }
            measure("render the page, \(replicas) replicas") { _ = StatusPage.render(snapshot) }
        }
    }

    static func load(_ path: String) throws -> [UInt8] { try [UInt8](Data(contentsOf: URL(filePath: path))) }

    /// The best of several rounds, in time of the processor: what the machine does beside it only ever adds.
    static func measure(_ what: String, bytes: Int? = nil, _ body: () -> Void) {
        var best = Double.infinity
        for _ in 0..<15 {
            let start = processorSeconds()
            for _ in 0..<50 { body() }
            best = min(best, (processorSeconds() - start) / 50)
        }
        let rate = bytes.map { ", \"mb_per_s\": \(rounded(Double($0) / best / 1e6))" } ?? ""
        print("{\"what\": \"\(what)\", \"microseconds\": \(rounded(best * 1e6))\(rate)}")
    }

    private static func processorSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private static func rounded(_ value: Double) -> Double { (value * 10).rounded() / 10 }
}

/// A pool whose load wanders, so that rules have something to say.
struct BenchPool {
    private var controller: PoolController
    private var observer = PoolObserver()
    private var now = Timestamp(millisecondsSince1970: 1_767_225_600_000)
    private var ticks = 0.0
    private let fleet: FleetState
    private(set) var snapshot: AgentSnapshot

    init(replicas: Int) {
        var settings = PolicySettings()
        (settings.maximum, settings.capacity) = (replicas * 2, 16)
        controller = PoolController(pool: PoolID(rawValue: "bench"), settings: settings)
        let moment = now
        fleet = FleetState(
            observedAt: now,
            replicas: (0..<replicas).map {
                Replica(id: ReplicaID(rawValue: "replica-\($0)"), state: .ready, launchedAt: moment - .seconds(3600))
            })
        snapshot = AgentSnapshot(at: now, version: "bench", startedAt: now)
        tick()
    }

    mutating func tick() {
        ticks += 1
        now = now + .seconds(15)
        let readings = fleet.replicas.map { replica in
            var row = ModelSample(model: "m", engine: "0")
            (row.running, row.waiting, row.iterationsTotal) = (ticks.truncatingRemainder(dividingBy: 12), 0, ticks)
            let sample = EngineSample(engine: "vllm", models: [row])
            return EngineReading(id: replica.id, sample: sample, sampledAt: now, healthy: true)
        }
        let observation = observer.observe(readings, enginesAreReplicas: true, maximumAge: .seconds(45), at: now)
        let input = TickInput(now: now, observation: observation, fleet: fleet)
        let output = controller.step(input)
        controller.forgetPending()
        var pool = PoolSnapshot(
            pool: PoolID(rawValue: "bench"), driver: "none", settings: controller.settings, authority: .act,
            memory: controller.memory)
        (pool.input, pool.output, pool.readings) = (input, output, readings)
        snapshot.pools = [pool]
    }
}
