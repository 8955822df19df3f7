import Fleet
import Glibc
import Testing

@testable import Admission

struct CostTests {
    /// What each action costs with so many streams held: arriving, two rounds of comments, then release one by one.
    static func perAction(held count: Int) -> Double {
        var gate = Gate { settings, limits in
            limits.maximumHeld = .max
            settings.maximumHeld = .max
        }
        var actions = 0
        let start = threadSeconds()
        do {
            let ids = (0..<count).map { index in
                gate.arrive {
                    $0.isStreaming = true
                    $0.key = KeyID(rawValue: "k\(index % 100)")
                }.id
            }
            actions += gate.pass(.seconds(25)).count
            actions += gate.up(["a": 8]).count
            for id in ids { actions += gate.finish(id).count }
        }
        return (threadSeconds() - start) / Double(max(1, actions))
    }

    /// Time that this thread has had, since others may want the machine too.
    private static func threadSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// A scan of all requests would make it 16 times as dear; the logarithm makes it 1.4 times.
    @Test func `an event does not cost more because many wait`() {
        let ratios = (0..<3).map { _ in Self.perAction(held: 8000) / Self.perAction(held: 500) }.sorted()
        #expect(ratios[0] < 5, "\(ratios)")
    }
}
