import Exporters
import Fleet
import Forecast
@testable import Policy

/// The samples by name, as arguments of tests.
enum Sample: String, CaseIterable {
    case growing, fresh, troubled

    var snapshot: AgentSnapshot {
        switch self {
        case .growing: SampleSnapshot.growing
        case .fresh: SampleSnapshot.fresh
        case .troubled: SampleSnapshot.troubled
        }
    }
}

/// Snapshots as a real agent would publish them, written down by hand.
enum SampleSnapshot {
    static let now = Timestamp(millisecondsSince1970: 1_790_000_000_000)

    /// A busy pool that grows, beside two GPUs.
    static var growing: AgentSnapshot {
        var snapshot = AgentSnapshot(
            at: now, version: "0.1.0", startedAt: now - .seconds(187_620), pools: [growingPool], gpus: gpus,
            process: ProcessSnapshot(
                cpuSeconds: 61.25, residentBytes: 23_068_672, openFiles: 31, startTime: now - .seconds(187_620)))
        var cloudWatch = PublicationCounters()
        (cloudWatch.values, cloudWatch.errors, cloudWatch.lastSuccess) = (9381, ["throttled": 2], now - .seconds(12))
        snapshot.cloudWatch = cloudWatch
        snapshot.gateway = gateway
        return snapshot
    }

    private static var gateway: GatewaySnapshot {
        var gateway = GatewaySnapshot()
        var pool = GatewaySnapshot.Pool(pool: PoolID(rawValue: "chat"))
        (pool.held, pool.heldBodyBytes, pool.inFlight, pool.arrivals) = (4, 2048, 31, 5120)
        (pool.oldestWait, pool.isWaking, pool.ready) = (.milliseconds(1500), true, 2)
        gateway.pools = [pool]
        gateway.times.wait = Histogram(bounds: [0.001, 1, 60], counts: [5000, 80, 30, 2], sum: 2100.5)
        gateway.answers = [.init(status: 200, outcome: "served"): 5000, .init(status: 504, outcome: "wake_timeout"): 2]
        gateway.wakes = ["served": 3, "failed": 1]
        (gateway.connections, gateway.refusedConnections, gateway.heartbeats) = (812, 6, 44)
        gateway.controllerAnswers = true
        return gateway
    }

    /// Just started: nothing was read, nothing decided.
    static var fresh: AgentSnapshot {
        let pool = PoolSnapshot(
            pool: PoolID(rawValue: "chat"), driver: "none", settings: settings,
            authority: .advise("no driver is configured"))
        return AgentSnapshot(
            at: now, version: "0.1.0", startedAt: now, pools: [pool],
            gpus: GPUObservation(error: "nvidia-smi: no answer within 10 s"))
    }

    /// Everything that can be wrong at once, with names that try to break out of every format.
    static var troubled: AgentSnapshot {
        var snapshot = growing
        var pool = growingPool
        pool.pool = PoolID(rawValue: hostile)
        pool.driver = hostile
        pool.authority = .advise(hostile)
        pool.input?.fleet = nil
        pool.input?.fleetError = hostile
        pool.input?.observation.engines = [
            EngineObservation(id: ReplicaID(rawValue: hostile), condition: .silent(hostile)),
            EngineObservation(id: ReplicaID(rawValue: "i-2"), condition: .dead(hostile)),
        ]
        pool.output?.decision = Decision(current: nil, target: nil, steps: [])
        pool.output?.supply = nil
        pool.recent[0].result = hostile
        pool.recent[0].decision.steps = [
            DecisionStep(rule: .backOff, from: 5, to: 4, reason: .backOff(until: now, error: hostile))
        ]
        snapshot.pools.append(pool)
        snapshot.version = hostile
        snapshot.gpus?.error = hostile
        snapshot.gpus?.gpus[0].name = hostile
        snapshot.gpus?.gpus[1].fault = hostile
        return snapshot
    }

    static let hostile = "a\\b\"c'd<script>&\n\t\u{1}é→</style>"

    static var settings: PolicySettings {
        var settings = PolicySettings()
        (settings.minimum, settings.maximum) = (1, 6)
        (settings.capacity, settings.objective) = (16, WaitObjective())
        return settings
    }

    private static var growingPool: PoolSnapshot {
        var memory = PoolMemory()
        for seconds in [404.0, 391, 412, 398, 437, 405, 401] { memory.boots.record(.seconds(seconds)) }
        memory.draining = [PoolMemory.Since(id: ReplicaID(rawValue: "i-0b1c9d3e5f7a2b468"), since: now - .seconds(95))]
        var pool = PoolSnapshot(
            pool: PoolID(rawValue: "chat"), driver: "aws_asg", settings: settings, authority: .act, memory: memory)

        let fleet = FleetState(observedAt: now, desired: 5, minimum: 0, maximum: 8, replicas: replicas)
        let observation = PoolObservation(at: now, engines: engines, held: 2)
        pool.input = TickInput(now: now - .milliseconds(240), observation: observation, fleet: fleet)

        var supply = Supply()
        supply.serving = replicas[..<3].map(\.id)
        supply.booting = [replicas[3].id]
        supply.draining = [replicas[4].id]
        pool.output = TickOutput(
            decision: decision, supply: supply,
            demand: Demand(observation, leaving: Set(supply.draining), lost: [], capacity: settings.capacity),
            forecast: forecast, choice: choice,
            action: PlannedAction(id: ActionID(rawValue: "chat-1"), action: .grow(to: 6)), events: [],
            nextTick: now + .milliseconds(14_760))

        pool.readings = readings(after: 0)
        pool.readings = readings(after: 12)
        pool.counters = counters
        pool.recent = recent
        pool.history = history
        pool.tickDuration = .milliseconds(118)
        return pool
    }

    /// Of engines that have sent so many first tokens, half of them within 0.25 s, and ten times as many others.
    private static func readings(after tokens: Double) -> [EngineReading] {
        func histogram(_ bound: Double, _ count: Double) -> HistogramSample {
            let counts: [(Double?, Double)] = [(bound, count / 2), (4 * bound, count), (nil, count)]
            return HistogramSample(
                buckets: counts.map { HistogramSample.Bucket(upperBound: $0, cumulativeCount: $1) }, sum: nil,
                count: count)
        }
        return engines.map { engine in
            var reading = EngineReading(id: engine.id, sampledAt: now, took: .milliseconds(6))
            var row = ModelSample(model: "m", engine: "0")
            row.timeToFirstToken = histogram(0.25, tokens)
            row.interTokenLatency = histogram(0.02, 10 * tokens)
            reading.sample = EngineSample(engine: "vllm", models: [row])
            if engine.condition == .starting { (reading.sample, reading.error) = (nil, "connection refused") }
            return reading
        }
    }

    private static var replicas: [Replica] {
        func replica(_ id: String, _ age: Double, _ state: ReplicaState, _ market: Market = .onDemand) -> Replica {
            Replica(
                id: ReplicaID(rawValue: id), state: state, launchedAt: now - .seconds(age), market: market,
                usdPerHour: market == .spot ? 1.21 : 3.06, endpoint: "http://10.0.0.7:8000", zone: "eu-central-1a")
        }
        return [
            replica("i-03af1b22c4d5e6f70", 91_200, .ready), replica("i-051e77aa90bb4c3d2", 17_400, .ready),
            replica("i-0790cd1e2f3a4b5c6", 4_380, .ready, .spot),
            replica("i-09d4e8f1a2b3c4d5e", 205, .booting(phase: .serviceStart)),
            replica("i-0b1c9d3e5f7a2b468", 30_000, .ready, .spot),
        ]
    }

    private static var engines: [EngineObservation] {
        let load: [(running: Double, waiting: Double, kv: Double, age: Double)] = [
            (16, 3, 0.91, 1.2), (15, 2, 0.74, 0.9), (16, 4, 0.83, 1.1),
        ]
        var engines = zip(replicas, load).map { replica, load in
            var engine = EngineObservation(
                id: replica.id, condition: .answering, running: load.running, waiting: load.waiting)
            engine.kvCacheUsage = load.kv
            engine.promptTokensPerSecond = 2210.5
            engine.generationTokensPerSecond = 861.25
            engine.age = .seconds(load.age)
            engine.answeringSince = replica.launchedAt.map { $0 + .seconds(400) }
            return engine
        }
        engines.append(EngineObservation(id: replicas[3].id, condition: .starting))
        var draining = EngineObservation(id: replicas[4].id, condition: .answering, running: 2, waiting: 0)
        draining.kvCacheUsage = 0.08
        draining.age = .seconds(1)
        draining.answeringSince = now - .seconds(29_600)
        engines.append(draining)
        return engines
    }

    private static var decision: Decision {
        Decision(
            current: 4, target: 5,
            steps: [
                DecisionStep(
                    rule: .observedDemand, from: 0, to: 5, reason: .demand(requests: 60, capacity: 16, load: 0.9375),
                    without: 4),
                DecisionStep(rule: .headroom, from: 5, to: 6, reason: .headroom(replicas: 1), without: 5),
                DecisionStep(
                    rule: .stepUp, from: 6, to: 5, reason: .step(replicas: 1, per: .seconds(60)), without: 6),
            ])
    }

    /// What shadow fleets say after a day of waves.
    private static var choice: ShadowChoice {
        var shadows = ShadowFleets()
        var choice: ShadowChoice?
        for slot in 0..<5760 {
            choice = shadows.step(
                arrivals: 40 + Double(slot % 240) / 10, forecast: nil, ready: 4, booting: 0, boot: .seconds(420),
                capacity: 16, now: now - .seconds(15 * (5760 - slot)))
        }
        return choice
            ?? shadows.step(
                arrivals: nil, forecast: nil, ready: 4, booting: 0, boot: .seconds(420), capacity: 16, now: now)
    }

    private static var forecast: PoolForecast {
        PoolForecast(
            demand: DemandForecast(
                lead: .seconds(452), levels: [0.5, 0.9, 0.99], sample: [66, 78.5, 91.25], maximum: [71.5, 83, 97.75]),
            skill: ForecastSkill(
                lead: .seconds(600), overLastValue: 0.3125, overSeasonalNaive: 0.46875, absoluteError: 5.5,
                coverage: 0.90625, isActive: true))
    }

    private static var counters: PoolCounters {
        var counters = PoolCounters()
        counters.ticks = 12_508
        counters.binding = [.observedDemand: 12_001, .headroom: 402, .stepUp: 5, .cooldownUp: 100]
        counters.rules.add(
            decision, at: now, nextTick: now + .seconds(3600), next: now + .seconds(3600), usdPerHour: 2.4)
        (counters.ordered, counters.cordoned, counters.uncordoned, counters.removed) = (23, 19, 1, 17)
        counters.accepted = ["grow": 21, "remove": 17]
        counters.driverErrors = ["throttled": 3]
        counters.readingErrors = 42
        counters.booted = 22
        counters.bootsTimedOut = 1
        return counters
    }

    private static var recent: [RecentDecision] {
        func line(
            _ age: Double, _ from: Int, _ to: Int, _ rule: RuleName, _ reason: Reason, _ action: ScalingAction?,
            _ result: String?
        ) -> RecentDecision {
            let steps = [DecisionStep(rule: rule, from: from, to: to, reason: reason)]
            return RecentDecision(
                at: now - .seconds(age), decision: Decision(current: from, target: to, steps: steps), action: action,
                result: result)
        }
        return [
            line(0.24, 4, 5, .stepUp, .step(replicas: 1, per: .seconds(60)), .grow(to: 6), nil),
            line(
                205, 3, 4, .observedDemand, .demand(requests: 47, capacity: 16, load: 0.979), .grow(to: 5), "accepted"),
            line(2120, 4, 3, .observedDemand, .demand(requests: 21, capacity: 16, load: 0.328), nil, "cordoned"),
            line(
                2780, 3, 4, .observedDemand, .demand(requests: 45, capacity: 16, load: 0.9375), .grow(to: 4),
                "throttled: Rate exceeded"),
        ]
    }

    /// An hour: a hump that passed, the replica that came and went for it, and the rise that is going on.
    private static var history: [HistoryPoint] {
        (0..<240).map { tick in
            let at = now - .seconds(Double(239 - tick) * 15)
            let hump = max(0, 1 - Double((tick - 65) * (tick - 65)) / 1600) * 24
            let rise = tick > 150 ? Double((tick - 150) * (tick - 150)) / 8000 * 36 : 0
            let ripple = Double((tick * tick * 31 + tick * 17) % 13) / 4 - 1.5
            let requests = tick == 239 ? 60 : max(0, 20 + hump + rise + ripple)
            let current = (55..<99).contains(tick) || tick >= 226 ? 4 : 3
            let target = tick == 239 ? 5 : current
            let serving = (82..<99).contains(tick) ? 4 : 3
            // Two rounds without the control plane's answer.
            if (120..<122).contains(tick) {
                return HistoryPoint(at: at, current: nil, target: nil, serving: nil, requests: requests)
            }
            return HistoryPoint(
                at: at, current: current, target: target, serving: serving, requests: requests,
                expected: requests * 1.25 + rise / 2)
        }
    }

    private static var gpus: GPUObservation {
        var first = GPUSample(index: 0, uuid: "GPU-5a1f9c9e-4d37-11f0-8a0e-0242ac120002", name: "NVIDIA L40S")
        first.driverVersion = "570.124.06"
        first.pciBusID = "00000000:31:00.0"
        first.utilizationRatio = 0.97
        (first.memoryUsedBytes, first.memoryTotalBytes) = (43_218_108_416, 48_305_799_168)
        (first.temperatureCelsius, first.powerWatts, first.powerLimitWatts) = (67, 301.5, 350)
        first.smClockHertz = 2_520_000_000
        (first.energyJoules, first.throttleReasons, first.recoveryAction) = (73_551_209.25, [.softwarePowerCap], 0)
        (first.correctedECCErrors, first.uncorrectedECCErrors) = (2, 0)
        first.xidErrors = [13: 1, 79: 0]
        first.migEnabled = false
        var second = first
        second.index = 1
        second.uuid = "GPU-6b2e8d8f-4d37-11f0-8a0e-0242ac120002"
        second.pciBusID = "00000000:4B:00.0"
        second.utilizationRatio = 0.88
        (second.memoryUsedBytes, second.temperatureCelsius, second.powerWatts) = (41_875_931_136, 62, 288)
        var observation = GPUObservation(gpus: [first, second], readAt: now - .seconds(4))
        (observation.took, observation.exitCode) = (.milliseconds(40), 0)
        return observation
    }
}
