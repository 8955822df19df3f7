/// One moment per key, the earliest first: a binary heap that knows where each key is.
///
/// Setting, cancelling and taking cost O(log n). Equal moments come in the order in which they were set.
struct Timers<Key: Hashable & Sendable, Moment: Comparable & Sendable>: Sendable {
    private struct Entry: Sendable {
        var due: Moment
        var serial: UInt64
        var key: Key

        func isBefore(_ other: Entry) -> Bool {
            due == other.due ? serial < other.serial : due < other.due
        }
    }

    private var heap: [Entry] = []
    private var positions: [Key: Int] = [:]
    private var serial: UInt64 = 0

    var count: Int { heap.count }
    var earliest: Moment? { heap.first?.due }

    subscript(key: Key) -> Moment? { positions[key].map { heap[$0].due } }

    /// Replaces what was set for the key.
    mutating func set(_ key: Key, at due: Moment) {
        serial += 1
        let entry = Entry(due: due, serial: serial, key: key)
        if let position = positions[key] {
            heap[position] = entry
            siftDown(siftUp(position))
        } else {
            heap.append(entry)
            positions[key] = heap.count - 1
            siftUp(heap.count - 1)
        }
    }

    mutating func cancel(_ key: Key) {
        guard let position = positions.removeValue(forKey: key) else { return }
        let last = heap.removeLast()
        guard position < heap.count else { return }
        heap[position] = last
        positions[last.key] = position
        siftDown(siftUp(position))
    }

    /// Takes out the earliest one, if its moment has come.
    mutating func take(dueBy now: Moment) -> Key? {
        guard let first = heap.first, first.due <= now else { return nil }
        cancel(first.key)
        return first.key
    }

    @discardableResult
    private mutating func siftUp(_ start: Int) -> Int {
        var position = start
        while position > 0 {
            let parent = (position - 1) / 2
            guard heap[position].isBefore(heap[parent]) else { break }
            swap(position, parent)
            position = parent
        }
        return position
    }

    private mutating func siftDown(_ start: Int) {
        var position = start
        while true {
            var smallest = position
            for child in [2 * position + 1, 2 * position + 2]
            where child < heap.count && heap[child].isBefore(heap[smallest]) {
                smallest = child
            }
            guard smallest != position else { return }
            swap(position, smallest)
            position = smallest
        }
    }

    private mutating func swap(_ a: Int, _ b: Int) {
        heap.swapAt(a, b)
        positions[heap[a].key] = a
        positions[heap[b].key] = b
    }
}
