import Fleet

/// The mean of the latest minute's samples, slot by slot. Where slots are a minute or longer, the sample itself.
package struct MinuteMean: Hashable, Sendable, Codable {
    /// The minute's samples in a ring; NaN where one is missing.
    private var samples: [Double]
    private var next = 0

    package init(step: Duration) {
        samples = Array(repeating: .nan, count: max(1, Int((60 / step.seconds).rounded(.down))))
    }

    /// Takes the sample of the next slot.
    ///
    /// - Returns: the mean of those samples of the minute up to it that are there; `nil` where none is.
    package mutating func observe(_ sample: Double?) -> Double? {
        samples[next] = sample ?? .nan
        next = next + 1 == samples.count ? 0 : next + 1
        var (sum, count) = (0.0, 0.0)
        for sample in samples where !sample.isNaN {
            sum += sample
            count += 1
        }
        return count > 0 ? sum / count : nil
    }
}

/// The largest of the latest values, slot by slot: O(1) a slot on the average, without allocation.
package struct WindowMaximum: Hashable, Sendable, Codable {
    /// A ring of the values that can still become the largest, descending, each with its slot.
    private var values: [Double]
    private var slots: [Int]
    private var (first, count) = (0, 0)
    private var isKnown: [Bool]
    private var knownCount = 0
    private var now = 0

    /// - Parameter slots: the length of the window, at least 1.
    package init(slots: Int) {
        precondition(slots >= 1, "a window has at least one slot")
        values = Array(repeating: 0, count: slots)
        self.slots = Array(repeating: 0, count: slots)
        isKnown = Array(repeating: false, count: slots)
    }

    /// Takes the value of the next slot.
    ///
    /// - Returns: the largest in the window that ends with it; `nil` while the window is not full, and where less than
    ///   half of it is known: its largest value would say little.
    package mutating func observe(_ value: Double?) -> Double? {
        let length = values.count
        if count > 0, slots[first] <= now - length {
            first = (first + 1) % length
            count -= 1
        }
        knownCount += (value == nil ? 0 : 1) - (isKnown[now % length] ? 1 : 0)
        isKnown[now % length] = value != nil
        if let value {
            while count > 0, values[(first + count - 1) % length] <= value { count -= 1 }
            values[(first + count) % length] = value
            slots[(first + count) % length] = now
            count += 1
        }
        now += 1
        return now >= length && 2 * knownCount >= length ? values[first] : nil
    }
}
