/// The one-minute means of the last day, by the minute on the wall clock: what a seasonal naive forecast goes by.
struct Yesterday: Hashable, Sendable, Codable {
    private var means = Packed(repeating: Float.nan, count: 1440)

    var isSound: Bool { means.count == 1440 }

    subscript(secondOfDay: Double) -> Double {
        get { Double(means[minute(secondOfDay)]) }
        set { means[minute(secondOfDay)] = Float(newValue) }
    }

    private func minute(_ secondOfDay: Double) -> Int { min(Int(secondOfDay / 60), 1439) }
}
