/// The largest sample of the last three days, less some hours where the steps do not divide an hour.
struct RecentPeak: Hashable, Sendable, Codable {
    private(set) var value = 0.0
    /// By hour, counted in slots.
    private var hours = Ring(length: kept - 1, width: 1)
    private var hour = -1
    private var place = 0
    private let slotsPerHour: Int

    private static let kept = 72

    /// - Parameter step: seconds from slot to slot.
    init(step: Double) { slotsPerHour = max(1, Int(3600 / step)) }

    func isSound(like fresh: RecentPeak) -> Bool {
        slotsPerHour == fresh.slotsPerHour && hours.isSound(like: fresh.hours) && (0..<hours.length).contains(place)
            && hour >= -1
    }

    mutating func add(_ sample: Double, slot: Int) {
        if slot / slotsPerHour != hour {
            hour = slot / slotsPerHour
            place = hours.begin(hour)
            hours[place] = 0
            value = 0
            for back in 0..<Self.kept {
                if let place = hours.find(hour - back) { value = max(value, hours[place]) }
            }
        }
        hours[place] = max(hours[place], sample)
        value = max(value, sample)
    }
}
