import Fleet
import Policy
import Testing

@Suite struct PoolObserverTests {
    private let start = Timestamp(millisecondsSince1970: 1_000_000_000)
    private let id = ReplicaID(rawValue: "a")

    private func sample(running: Double? = 2, waiting: Double? = 1, tokens: Double, iterations: Double? = nil)
        -> EngineSample
    {
        var row = ModelSample(model: "m", engine: "0")
        (row.running, row.waiting, row.generationTokensTotal) = (running, waiting, tokens)
        row.iterationsTotal = iterations ?? tokens
        return EngineSample(engine: "vllm", models: [row])
    }

    private func observe(_ observer: inout PoolObserver, _ reading: EngineReading, at second: Int) -> EngineObservation?
    {
        observer.observe(
            [reading], enginesAreReplicas: true, maximumAge: .seconds(45), at: start + .seconds(second)
        ).engines.first
    }

    private func reading(_ sample: EngineSample?, at second: Int, error: String? = nil, healthy: Bool? = true)
        -> EngineReading
    {
        EngineReading(
            id: id, sample: sample, sampledAt: sample == nil ? nil : start + .seconds(second), error: error,
            healthy: healthy)
    }

    @Test("refused from the start means starting; refused later means silent, once the last sample is old")
    func startingAndSilent() {
        var observer = PoolObserver()
        #expect(observe(&observer, reading(nil, at: 0, error: "refused", healthy: nil), at: 0)?.condition == .starting)
        let good = sample(tokens: 1)
        #expect(observe(&observer, reading(good, at: 15), at: 15)?.condition == .answering)
        let late = EngineReading(id: id, sample: good, sampledAt: start + .seconds(15), error: "timed out")
        #expect(observe(&observer, late, at: 60)?.condition == .answering)
        let old = observe(&observer, late, at: 75)
        #expect(old?.condition == .silent("timed out"))
        #expect(old?.requests == 3, "its last known load stands beside its condition")
        #expect(old?.age == .seconds(60))
    }

    @Test("rates come from counters, and are unknown over a restart of the engine")
    func rates() {
        var observer = PoolObserver()
        #expect(observe(&observer, reading(sample(tokens: 100), at: 0), at: 0)?.generationTokensPerSecond == nil)
        #expect(observe(&observer, reading(sample(tokens: 250), at: 15), at: 15)?.generationTokensPerSecond == 10)
        #expect(observe(&observer, reading(sample(tokens: 30), at: 30), at: 30)?.generationTokensPerSecond == nil)
        #expect(observe(&observer, reading(sample(tokens: 60), at: 45), at: 45)?.generationTokensPerSecond == 2)
    }

    @Test("a gauge that no engine can have is unknown", arguments: [1.8e19, 1e300, .infinity])
    func implausible(value: Double) {
        var observer = PoolObserver()
        let row = observe(&observer, reading(sample(running: value, tokens: 1), at: 0), at: 0)
        #expect(row?.running == nil)
        #expect(row?.condition == .mute)
    }

    @Test("gauges above zero with counters that stand still for a minute are left over")
    func leftover() {
        var observer = PoolObserver()
        for second in stride(from: 0, through: 45, by: 15) {
            #expect(observe(&observer, reading(sample(tokens: 9), at: second), at: second)?.condition == .answering)
        }
        #expect(observe(&observer, reading(sample(tokens: 9), at: 60), at: 60)?.condition == .leftoverGauges)
        #expect(observe(&observer, reading(sample(tokens: 10), at: 75), at: 75)?.condition == .answering)
        var idle = PoolObserver()
        for second in stride(from: 0, through: 300, by: 15) {
            let row = observe(&idle, reading(sample(running: 0, waiting: 0, tokens: 9), at: second), at: second)
            #expect(row?.condition == .answering)
        }
    }

    @Test("missing gauges are no zeros, a failing health check is death, sleep is sleep")
    func conditions() {
        var observer = PoolObserver()
        let mute = observe(&observer, reading(sample(running: nil, waiting: nil, tokens: 0), at: 0), at: 0)
        #expect(mute?.condition == .mute)
        #expect(mute?.requests == nil)
        #expect(
            observe(&observer, reading(sample(tokens: 1), at: 15, healthy: false), at: 15)?.condition
                == .dead("health check failed"))
        var asleep = sample(running: 0, waiting: 0, tokens: 1)
        asleep.models[0].sleeping = true
        #expect(observe(&observer, reading(asleep, at: 30), at: 30)?.condition == .sleeping)
    }
}
