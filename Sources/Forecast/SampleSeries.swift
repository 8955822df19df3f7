package import Fleet

/// Samples on an even grid of slots.
package struct SampleSeries: Hashable, Sendable {
    /// The first slot's moment.
    package var start: Timestamp
    /// From slot to slot.
    package var step: Duration
    /// One value a slot; `nil` where there is none.
    package var values: [Double?]

    package init(start: Timestamp, step: Duration, values: [Double?]) {
        self.start = start
        self.step = step
        self.values = values
    }

    package func time(of slot: Int) -> Timestamp { start + step * slot }
}
