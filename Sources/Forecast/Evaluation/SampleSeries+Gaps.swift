extension SampleSeries {
    /// The values from the first sample to the last, gaps filled in a straight line, and how many slots lie before and
    /// after.
    func filled() -> (missingAtStart: Int, values: [Double], missingAtEnd: Int) {
        var filled: [Double] = []
        var (gap, before) = (0, values.count)
        for value in values {
            guard let value, value.isFinite else {
                gap += 1
                continue
            }
            if let last = filled.last {
                for slot in 0..<gap { filled.append(last + (value - last) * Double(slot + 1) / Double(gap + 1)) }
            } else {
                before = gap
            }
            filled.append(value)
            gap = 0
        }
        return filled.isEmpty ? (before, [], 0) : (before, filled, gap)
    }

    /// As `filled`, with the slots at the ends as the next one there is; `nil` where there is none at all.
    func interpolated() -> [Double]? {
        let (before, filled, after) = filled()
        guard let first = filled.first, let last = filled.last else { return nil }
        return Array(repeating: first, count: before) + filled + Array(repeating: last, count: after)
    }
}
