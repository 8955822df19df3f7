import Agent
import Collectors
import Fleet
import Foundation
import Logging
import Policy
import Store
import Transport

/// One pool with everything around it: a fake fleet, fake engines, real collection and a real history file.
///
/// Ten requests fill a replica; 15 seconds pass with each tick, in virtual time.
struct TestPool: Sendable {
    static let id = PoolID(rawValue: "chat")
    static let start = Timestamp(millisecondsSince1970: 1_790_000_000_000)

    let engines: FakeEngines
    let fleet: FakeFleet
    let transport: HTTPTransport
    let folder: String
    var settings = PolicySettings()
    var authority = Authority.act
    var timeout: Duration = .seconds(5)
    var link: GatewayLink?

    init(replicas: Int, boot: Duration = .zero) async throws {
        engines = try FakeEngines()
        fleet = FakeFleet(replicas: replicas, boot: boot, endpoint: engines.url, at: Self.start)
        transport = HTTPTransport()
        folder = FileManager.default.temporaryDirectory.path + "/scale-agent-tests-" + UUID().uuidString
        (settings.maximum, settings.capacity) = (4, 10)
        settings.stableWindow = .seconds(15)
        settings.scaleUp.cooldown = .seconds(60)
        settings.scaleDown.after = .seconds(60)
        settings.scaleDown.cooldown = .seconds(60)
        settings.scaleDown.step = StepLimit(replicas: 3, per: .zero)
    }

    /// The history file, opened as a new process would.
    func history() throws -> HistoryStore { try HistoryStore(path: folder + "/history.sqlite") }

    func parts(history: HistoryStore? = nil) throws -> PoolParts {
        var collecting = EngineCollectorSettings()
        collecting.timeout = timeout
        return PoolParts(
            pool: Self.id, settings: settings, driver: "fake", authority: authority, inventory: fleet, actuator: fleet,
            collector: EngineCollector(transport: transport, settings: collecting),
            history: try history ?? self.history())
    }

    /// Begun at the so-many-th tick; by itself after all that a test can have recorded.
    func ticker(history: HistoryStore? = nil, at tick: Int = 10_000) async throws -> PoolTicker {
        await PoolTicker(parts: try parts(history: history), link: link, at: moment(tick), logger: quiet)
    }

    var quiet: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }

    /// The moment of the so-many-th tick.
    func moment(_ tick: Int) -> Timestamp { Self.start + .seconds(15 * tick) }

    /// Brings the world to the so-many-th tick: `load` requests, spread over what is ready.
    func prepare(_ tick: Int, load: Double) async {
        await fleet.advance(to: moment(tick))
        engines.set(load: load, serving: await fleet.ready)
    }

    func tick(_ ticker: inout PoolTicker, _ number: Int, load: Double) async {
        await prepare(number, load: load)
        await ticker.tick(at: moment(number))
    }

    func tearDown() async {
        await fleet.release()
        transport.shutdown()
        try? FileManager.default.removeItem(atPath: folder)
    }
}

/// Runs a test on a pool and cleans up after it.
func withPool(
    replicas: Int, boot: Duration = .zero, _ body: (inout TestPool) async throws -> Void
) async throws {
    var pool = try await TestPool(replicas: replicas, boot: boot)
    do {
        try await body(&pool)
    } catch {
        await pool.tearDown()
        throw error
    }
    await pool.tearDown()
}
