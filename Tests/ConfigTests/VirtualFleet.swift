import Fleet
import Policy

@testable import Config

/// A pool of the configuration in virtual time: orders turn ready after a boot, load is spread over what serves, and
/// what is cordoned gets no more of it.
struct VirtualFleet {
    var running = 0.0
    var waiting = 0.0
    private(set) var now = Timestamp(millisecondsSince1970: 1_767_225_600_000)
    private(set) var size = 0
    private var controller: PoolController
    private let boot: Duration
    private let authority: Authority
    private var observer = PoolObserver()
    private var replicas: [(id: ReplicaID, launched: Timestamp)] = []
    private var cordoned: Set<ReplicaID> = []
    private var outcome: ActionOutcome?
    private var iterations = 0.0

    init(_ config: PoolConfig, replicas count: Int, boot: Duration, authority: Authority = .act) {
        controller = PoolController(pool: config.id, settings: config.settings)
        (self.boot, self.authority) = (boot, authority)
        let longAgo = now - .seconds(7200)
        for _ in 0..<count { launch(at: longAgo) }
    }

    private mutating func launch(at moment: Timestamp) {
        size += 1
        replicas.append((ReplicaID(rawValue: "r-\(1000 + size)-\(moment.millisecondsSince1970)"), moment))
        replicas.sort { $0.id < $1.id }
    }

    /// One decision, then the clock moves on by the interval.
    @discardableResult
    mutating func tick() -> TickOutput {
        iterations += 1
        let ready = replicas.filter { now - $0.launched >= boot }
        let serving = Double(max(1, ready.count { !cordoned.contains($0.id) }))
        let readings = replicas.map { replica in
            guard now - replica.launched >= boot else { return EngineReading(id: replica.id, error: "refused") }
            let share = cordoned.contains(replica.id) ? 0 : 1 / serving
            var row = ModelSample(model: "m", engine: "0")
            (row.running, row.waiting, row.iterationsTotal) = (running * share, waiting * share, iterations)
            let sample = EngineSample(engine: "vllm", models: [row])
            return EngineReading(id: replica.id, sample: sample, sampledAt: now, healthy: true)
        }
        let settings = controller.settings
        let observation = observer.observe(
            readings, enginesAreReplicas: true, maximumAge: settings.maximumAge, at: now)
        let fleet = FleetState(
            observedAt: now, desired: replicas.count,
            replicas: replicas.map { Replica(id: $0.id, state: .ready, launchedAt: $0.launched) })
        let output = controller.step(
            TickInput(now: now, observation: observation, fleet: fleet, authority: authority, outcome: outcome))
        outcome = output.action.map { carryOut($0) }
        for case .cordoned(let id) in output.events { cordoned.insert(id) }
        now = now + settings.interval
        return output
    }

    private mutating func carryOut(_ planned: PlannedAction) -> ActionOutcome {
        switch planned.action {
        case .grow(let target, _):
            while replicas.count < target { launch(at: now) }
        case .remove(let ids, _):
            replicas.removeAll { ids.contains($0.id) }
        case .replace, .withdraw: break  // The fleet has no minimum, and delivers at once.
        }
        return ActionOutcome(id: planned.id, result: .accepted(Receipt()))
    }

    /// What was decided in so long, with the seconds since its beginning: `+n` at an order, `-n` at a cordon.
    mutating func changes(in span: Duration) -> [Change] {
        let start = now
        var changes: [Change] = []
        while now < start + span {
            let (at, before) = (Int((now - start).seconds), replicas.count)
            let output = tick()
            let cordons = output.events.count { if case .cordoned = $0 { true } else { false } }
            if cordons > 0 { changes.append(Change(seconds: at, replicas: -cordons)) }
            if replicas.count > before { changes.append(Change(seconds: at, replicas: replicas.count - before)) }
        }
        return changes
    }

    struct Change: Hashable, CustomStringConvertible {
        var seconds: Int
        var replicas: Int
        var description: String { "\(replicas > 0 ? "+" : "")\(replicas) at \(seconds) s" }
    }
}
