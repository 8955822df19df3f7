import Fleet
import Policy
import TestSupport

/// A pool in virtual time around a real controller: orders turn ready after a boot, victims leave when removed.
struct VirtualPool {
    var controller: PoolController
    var now = Timestamp(millisecondsSince1970: 1_767_225_600_000)
    var boot: Duration
    /// Of one launch after the other, in turn; empty: all take `boot`.
    var boots: [Duration] = []
    /// What the next ticks see: requests that run and wait, spread over the ready replicas.
    var running = 0.0
    var waiting = 0.0
    /// Engines that do not answer, by number of launch.
    var silent: Set<Int> = []
    /// Engines that answer without their gauges, and such that sleep.
    var mute: Set<Int> = []
    var sleeping: Set<Int> = []
    /// Replicas whose boot never ends.
    var stuck: Set<Int> = []
    var authority = Authority.act
    /// What the control plane answers; `nil` accepts.
    var refuses: DriverError?
    var controlPlaneDown = false
    /// What the next tick alone sees: when somebody asked for the pool.
    var wake: Timestamp?
    /// Requests at a gateway; `nil` without one.
    var held: Double?
    private(set) var replicas: [(number: Int, launched: Timestamp)] = []
    private(set) var log: [(at: Timestamp, output: TickOutput)] = []
    /// Share of the KV cache in use and generated tokens a second, of all replicas together; `nil`: engines do not tell.
    var kvCache: Double?
    var tokensPerSecond: Double? = 0
    var usdPerHour: Double?
    private var tokens = 0.0
    private var observer = PoolObserver()
    private var launches = 0
    private var outcome: ActionOutcome?
    private var iterations = 0.0

    init(
        replicas count: Int, boot: Duration = .seconds(60), by sizing: Sizing = .thresholds,
        _ configure: (inout PolicySettings) -> Void = { _ in }
    ) {
        var settings = PolicySettings()
        settings.maximum = 100
        settings.capacity = 10
        settings.tolerance = 0
        configure(&settings)
        self.boot = boot
        controller = sizing.controller(settings)
        for number in 0..<count { launch(at: now - .seconds(7200 - number)) }
    }

    var size: Int { replicas.count }
    var ready: Int { replicas.count(where: isReady) }

    private func isReady(_ replica: (number: Int, launched: Timestamp)) -> Bool {
        now - replica.launched >= (boots.isEmpty ? boot : boots[replica.number % boots.count])
            && !stuck.contains(replica.number)
    }

    static func id(_ number: Int) -> ReplicaID { ReplicaID(rawValue: String("r-" + String(1000 + number).dropFirst())) }

    private mutating func launch(at moment: Timestamp) {
        launches += 1
        replicas.append((launches, moment))
    }

    /// One tick, then the clock moves on by the interval.
    @discardableResult
    mutating func tick() -> TickOutput {
        iterations += 1
        tokens += (tokensPerSecond ?? 0) * controller.settings.interval.seconds
        let serving = max(1, Double(ready))
        let readings = replicas.map { replica -> EngineReading in
            let id = Self.id(replica.number)
            guard isReady(replica) else { return EngineReading(id: id, error: "refused") }
            if mute.contains(replica.number) { return EngineReading(id: id, healthy: true) }
            if silent.contains(replica.number) {
                return EngineReading(id: id, sample: last[id]?.0, sampledAt: last[id]?.1, error: "timed out")
            }
            var row = ModelSample(model: "m", engine: "0")
            (row.running, row.waiting, row.iterationsTotal) = (running / serving, waiting / serving, iterations)
            row.kvCacheUsage = kvCache.map { min(1, $0 / serving) }
            row.generationTokensTotal = tokensPerSecond.map { _ in tokens / serving }
            if sleeping.contains(replica.number) { row.sleeping = true }
            let sample = EngineSample(engine: "vllm", models: [row])
            last[id] = (sample, now)
            return EngineReading(id: id, sample: sample, sampledAt: now, healthy: true)
        }
        let observation = observer.observe(
            readings, enginesAreReplicas: true, held: held, maximumAge: controller.settings.maximumAge, at: now)
        let fleet = FleetState(
            observedAt: now, desired: size,
            replicas: replicas.map {
                Replica(id: Self.id($0.number), state: .ready, launchedAt: $0.launched, usdPerHour: usdPerHour)
            })
        let output = controller.step(
            TickInput(
                now: now, observation: observation, fleet: controlPlaneDown ? nil : fleet,
                fleetError: controlPlaneDown ? "unreachable" : nil, authority: authority, outcome: outcome,
                wake: wake))
        wake = nil
        outcome = output.action.map { carryOut($0) }
        log.append((now, output))
        now = now + controller.settings.interval
        return output
    }

    private var last: [ReplicaID: (EngineSample, Timestamp)] = [:]

    private mutating func carryOut(_ planned: PlannedAction) -> ActionOutcome {
        if let refuses { return ActionOutcome(id: planned.id, result: .failed(refuses)) }
        switch planned.action {
        case .grow(let target, _):
            while size < target { launch(at: now) }
        case .remove(let ids, _):
            replicas.removeAll { ids.contains(Self.id($0.number)) }
        case .replace, .withdraw: break  // The fleet has no minimum, and delivers at once.
        }
        return ActionOutcome(id: planned.id, result: .accepted(Receipt()))
    }

    /// As if the process had ended between the answer and the next tick.
    mutating func loseOutcome() { outcome = nil }

    /// A new controller, with what is left of what the old one knew.
    mutating func restart(memory: PoolMemory, learning: PoolLearning?, losingReadings: Bool) {
        controller = PoolController(
            pool: PoolID(rawValue: "p"), settings: controller.settings, memory: memory, learning: learning)
        if losingReadings { (observer, last) = (PoolObserver(), [:]) }
    }

    /// Somebody else changes the size; the newest leave.
    mutating func resizeFromOutside(to count: Int) {
        while size < count { launch(at: now) }
        replicas.removeLast(size - count)
    }

    mutating func run(_ span: Duration) {
        let end = now + span
        while now < end { tick() }
    }

    /// Sizes asked for, in order, with the seconds since `start`.
    func actions(since start: Timestamp) -> [(seconds: Double, action: ScalingAction)] {
        log.filter { $0.at >= start }.compactMap { entry in
            entry.output.action.map { ((entry.at - start).seconds, $0.action) }
        }
    }
}
