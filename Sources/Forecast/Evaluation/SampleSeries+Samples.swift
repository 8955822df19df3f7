package import Fleet

extension SampleSeries {
    /// Puts samples that came about one a step on an even grid: each in the slot nearest to it, counted from the first;
    /// where several share a slot the last one counts, and a slot without any is missing.
    ///
    /// - Parameter samples: ascending by time.
    /// - Returns: `nil` without a sample, or when they span more than `slotsAtMost` steps.
    package init?(samples: [(at: Timestamp, value: Double?)], step: Duration) {
        let width = step.wholeMilliseconds
        guard let first = samples.first?.at, let last = samples.last?.at, first <= last, width > 0 else { return nil }
        func slot(_ moment: Timestamp) -> Int64 { ((moment - first).wholeMilliseconds + width / 2) / width }
        guard slot(last) < Self.slotsAtMost else { return nil }
        var values = [Double?](repeating: nil, count: Int(slot(last)) + 1)
        for sample in samples { values[Int(slot(sample.at))] = sample.value }
        self.init(start: first, step: step, values: values)
    }

    /// The values that a recorded sample can have: up to where whole numbers are exact.
    package static func takes(_ value: Double) -> Bool { value >= 0 && value <= 0x1p53 }

    /// How messages say it.
    package static let takenValues = "a number from 0 to 9007199254740992"

    /// More slots than a year of 15-second samples has.
    package static let slotsAtMost: Int64 = 4_000_000
}
