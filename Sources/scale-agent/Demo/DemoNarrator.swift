import Exporters
import Fleet
import Policy

/// Prints one line per decision that changes something, and the balance at the end.
actor DemoNarrator {
    private let speed: Double
    private let startHour: Double
    private let started = ContinuousClock.now
    private var lastTick: Timestamp?
    private var replicaSeconds = 0.0
    private var largest = 0
    private var counters = PoolCounters()

    init(speed: Double, startHour: Double) {
        self.speed = speed
        self.startHour = startHour
    }

    func tell(_ snapshot: PoolSnapshot) {
        guard let output = snapshot.output, let supply = output.supply, let now = snapshot.input?.now else { return }
        let size = supply.current + supply.uncounted
        if let lastTick { replicaSeconds += Double(size) * (now - lastTick).seconds }
        (lastTick, largest, counters) = (now, max(largest, size), snapshot.counters)
        let ends = output.events.filter { if case .booted = $0 { false } else { true } }
        if output.action != nil || !ends.isEmpty || output.decision.current == nil { print(line(output, supply)) }
    }

    private func line(_ output: TickOutput, _ supply: Supply) -> String {
        let requests = output.demand.requests.map { "\(Int($0.rounded()))" } ?? "?"
        let fleet =
            "\(supply.serving.count) serving" + (supply.booting.isEmpty ? "" : ", \(supply.booting.count) booting")
            + (supply.draining.isEmpty ? "" : ", \(supply.draining.count) draining")
        let doing =
            output.action.map { $0.action.description } ?? output.events.map(\.description).joined(separator: "; ")
        let why = output.decision.binding.map { " (\($0.rule.rawValue): \($0.reason))" } ?? ""
        return "\(clock)  \(requests) requests, \(fleet): \(doing)\(why)"
    }

    /// The virtual time of day.
    private var clock: String {
        let minutes = Int(startHour * 60 + (ContinuousClock.now - started).seconds * speed / 60) % 1440
        let (hour, minute) = (minutes / 60, minutes % 60)
        return (hour < 10 ? "0" : "") + "\(hour):" + (minute < 10 ? "0" : "") + "\(minute)"
    }

    func summary(_ totals: DemoTraffic.Totals) -> String {
        let latencies = totals.latencies.sorted()
        func quantile(_ share: Double) -> String {
            guard !latencies.isEmpty else { return "-" }
            let tenths = (latencies[min(latencies.count - 1, Int(share * Double(latencies.count)))] * 10).rounded() / 10
            return "\(tenths) s"
        }
        let hours = (replicaSeconds * speed / 360).rounded() / 10
        return """
            \(totals.served) of \(totals.sent) requests served, \(totals.failed) failed or cut short by the end, \
            \(totals.turnedAway) turned away
            answer after \(quantile(0.5)) at the median, \(quantile(0.95)) at the 95th percentile
            \(hours) replica-hours of virtual time; largest fleet \(largest); \
            \(counters.ordered) ordered, \(counters.removed) removed, \(Int(counters.cutRequests)) requests cut by removals
            """
    }
}
