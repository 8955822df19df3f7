import Fleet
import Forecast

@testable import Policy

/// What the rules of one tick look at: so many requests on so many replicas of 10, all answering, launched long ago.
func context(
    requests: Double, serving: Int, booting: Int = 0, _ configure: (inout PolicySettings) -> Void = { _ in }
) -> TickContext {
    var settings = PolicySettings()
    (settings.capacity, settings.maximum, settings.tolerance) = (10, 100, 0)
    configure(&settings)
    let now = VirtualPool(replicas: 0).now
    let ids = (0..<serving + booting).map(VirtualPool.id)
    var supply = Supply()
    (supply.serving, supply.booting) = (Array(ids.prefix(serving)), Array(ids.dropFirst(serving)))
    let engines = supply.serving.map { id in
        var row = EngineObservation(id: id, condition: .answering, running: requests / Double(serving), waiting: 0)
        (row.age, row.answeringSince) = (.zero, now - .seconds(7200))
        return row
    }
    let observation = PoolObservation(at: now, engines: engines)
    let replicas = ids.map { Replica(id: $0, state: .ready, launchedAt: now - .seconds(7200)) }
    return TickContext(
        now: now, settings: Shared(wrappedValue: settings), memory: PoolMemory(),
        fleet: FleetState(observedAt: now, desired: ids.count, replicas: replicas), observation: observation,
        supply: supply, demand: Demand(observation, leaving: [], lost: [], capacity: 10), capacity: settings.capacity)
}

/// A forecast that says the same for every probability and horizon.
func forecast(_ requests: Double, active: Bool = true) -> PoolForecast {
    let demand = DemandForecast(
        lead: .seconds(435), levels: [0.5, 0.9, 0.99], sample: [requests, requests, requests],
        maximum: [requests, requests, requests])
    var forecast = PoolForecast(
        demand: demand,
        skill: ForecastSkill(
            lead: .seconds(435), overLastValue: nil, overSeasonalNaive: nil, absoluteError: nil, coverage: nil,
            isActive: active))
    if active { forecast.untilBreakEven = demand }
    return forecast
}

/// What is learned by one that has watched a day of waves, 10 to 50 requests each hour, until `VirtualPool` begins.
let trained: PoolLearning = {
    var learning = PoolLearning(PolicySettings())
    let start = VirtualPool(replicas: 0).now
    for slot in -5760..<0 {
        let work = PoolWork(arrivals: wave(slot), boot: .seconds(420))
        learning.replay(work, PolicySettings(), now: start + .seconds(15 * slot))
    }
    return learning
}()

/// Triangles of an hour, in slots of 15 seconds, with some noise.
func wave(_ slot: Int) -> Double {
    let phase = Double(((slot % 240) + 240) % 240) / 120
    return 10 + 40 * min(phase, 2 - phase) + Double((slot &* 7919) % 5) / 5
}
