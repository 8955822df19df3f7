import Synchronization
import TestSupport
import Testing

@testable import Admission

struct QueueTests {
    @Test(arguments: 0..<20)
    func `a chain is an array from whose middle elements go`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var chain = Chain<Int>()
        var array: [Int] = []
        for step in 0..<400 {
            let element = Int.random(in: 0..<40, using: &generator)
            switch Int.random(in: 0..<4, using: &generator) {
            case 0, 1:
                chain.append(element)
                if !array.contains(element) { array.append(element) }
            case 2:
                #expect(chain.remove(element) == array.contains(element))
                array.removeAll { $0 == element }
            default:
                let other = 100 + step
                chain.replace(element, with: other)
                if let index = array.firstIndex(of: element) { array[index] = other }
            }
            #expect(Array(chain) == array && chain.count == array.count)
            #expect(chain.first == array.first && chain.last == array.last)
        }
    }

    @Test(arguments: 0..<20)
    func `timers come by moment, and equal ones as they were set`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var timers = Timers<Int, Int>()
        var list: [(key: Int, due: Int)] = []
        for _ in 0..<600 {
            let key = Int.random(in: 0..<60, using: &generator)
            switch Int.random(in: 0..<5, using: &generator) {
            case 0, 1, 2:
                let due = Int.random(in: 0..<30, using: &generator)
                timers.set(key, at: due)
                list.removeAll { $0.key == key }
                list.append((key, due))
            case 3:
                timers.cancel(key)
                list.removeAll { $0.key == key }
            default:
                let now = Int.random(in: 0..<30, using: &generator)
                // `min` gives the first of equal ones.
                let first = list.min { $0.due < $1.due }.flatMap { $0.due <= now ? $0.key : nil }
                #expect(timers.take(dueBy: now) == first)
                list.removeAll { $0.key == first }
            }
            #expect(timers.count == list.count && timers.earliest == list.map(\.due).min())
        }
    }

    /// Three keys, `a` with four requests before anybody else comes: the others wait for one of them, not for four.
    @Test func `keys take turns, requests of a key come in order, priorities go first`() {
        var queue = FairQueue()
        func place(_ key: String, _ priority: Int = 0) -> FairQueue.Place {
            FairQueue.Place(priority: priority, key: KeyID(rawValue: key))
        }
        var places: [RequestID: FairQueue.Place] = [:]
        let arrivals = [
            (1, "a", 0), (2, "a", 0), (3, "a", 0), (4, "a", 0), (5, "b", 0), (6, "c", 0), (7, "b", 0), (8, "c", 5),
            (9, "a", -1),
        ]
        for (id, key, priority) in arrivals {
            places[RequestID(rawValue: UInt64(id))] = place(key, priority)
            queue.append(RequestID(rawValue: UInt64(id)), at: place(key, priority))
        }
        var order: [UInt64] = []
        while let id = queue.next, let place = places[id] {
            queue.release(id, from: place)
            order.append(id.rawValue)
        }
        #expect(order == [8, 1, 5, 6, 2, 7, 3, 4, 9])
        #expect(queue.isEmpty)
    }

    @Test func `leaving the queue costs the key no turn`() {
        var queue = FairQueue()
        let (a, b) = (KeyID(rawValue: "a"), KeyID(rawValue: "b"))
        for (id, key) in [(1, a), (2, a), (3, b), (4, b)] {
            queue.append(RequestID(rawValue: UInt64(id)), at: FairQueue.Place(priority: 0, key: key))
        }
        queue.remove(RequestID(rawValue: 1), from: FairQueue.Place(priority: 0, key: a))
        #expect(queue.next == RequestID(rawValue: 2))
        queue.release(RequestID(rawValue: 2), from: FairQueue.Place(priority: 0, key: a))
        #expect(queue.next == RequestID(rawValue: 3) && queue.count == 2)
    }

    /// Counts comparisons instead of time, so that it holds on any machine.
    @Test(arguments: [100, 10_000])
    func `setting and taking a timer costs the logarithm of their number`(count: Int) {
        var timers = Timers<Int, CountedMoment>()
        for key in 0..<count { timers.set(key, at: CountedMoment(value: key)) }
        CountedMoment.$comparisons.withValue(Counter()) {
            for step in 0..<1000 {
                guard let key = timers.take(dueBy: CountedMoment(value: .max)) else { continue }
                timers.set(key, at: CountedMoment(value: count + step))
            }
            let perRound = Double(CountedMoment.comparisons.value.load(ordering: .relaxed)) / 1000
            let depth = Double(count.bitWidth - count.leadingZeroBitCount)
            #expect(perRound < 6 * depth + 10, "\(perRound) comparisons with \(count) timers")
        }
    }
}

private final class Counter: Sendable {
    let value = Atomic(0)
}

private struct CountedMoment: Comparable {
    @TaskLocal static var comparisons = Counter()
    var value: Int

    static func == (a: Self, b: Self) -> Bool {
        comparisons.value.add(1, ordering: .relaxed)
        return a.value == b.value
    }

    static func < (a: Self, b: Self) -> Bool {
        comparisons.value.add(1, ordering: .relaxed)
        return a.value < b.value
    }
}
