import Testing

@testable import Simulator

struct SweepTests {
    static let simulator = {
        let work = steppedWork(bins: 400)
        return FleetSimulator(work: work, scenario: FleetScenario(fittedTo: work, bootSeconds: 120))
    }()

    @Test func `hindsight comes first, then every policy at its standard setting`() {
        let rows = Self.simulator.sweep()
        #expect(rows.map(\.policy) == ["hindsight"] + PolicyCandidate.references.map(\.name))
        #expect(rows.dropFirst().map(\.setting) == PolicyCandidate.references.map(\.standard))
        #expect(Set(rows.map(\.policy)).count == rows.count)
    }

    @Test func `tuning tries every setting, the standard one among them`() {
        let rows = Self.simulator.sweep(tunes: true)
        #expect(rows.count == 1 + PolicyCandidate.references.reduce(0) { $0 + $1.settings.count })
        for candidate in PolicyCandidate.references {
            #expect(
                candidate.settings.contains(candidate.standard) && candidate.settings == candidate.settings.sorted())
            let hours = rows.filter { $0.policy == candidate.name }.map(\.report.replicaHours)
            #expect(Set(hours).count > 1, "\(candidate.name): the setting changes something")
        }
    }

    @Test func `the cheapest setting is the cheapest that keeps the share`() throws {
        let rows = Self.simulator.sweep(tunes: true)
        for share in [0.5, 0.9, 0.99] {
            for candidate in PolicyCandidate.references {
                let kept = rows.filter { $0.policy == candidate.name && ($0.report.shareInTime ?? 0) >= share }
                let best = rows.cheapest(candidate.name, shareInTime: share)
                #expect(best?.report.replicaHours == kept.map(\.report.replicaHours).min())
                #expect(best.map(kept.contains) ?? kept.isEmpty)
            }
        }
        #expect(rows.cheapest("fixed", shareInTime: 1.1) == nil)
        #expect(try #require(rows.cheapest("fixed", shareInTime: 1)).report.worstWaitSeconds <= 10)
    }
}
