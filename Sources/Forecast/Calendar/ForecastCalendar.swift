package import Fleet

/// Which time of the week a moment counts as, and the days and hours that are not like others.
package struct ForecastCalendar: Hashable, Sendable {
    package let clock: CivilClock
    /// Ascending, each date once.
    package let holidays: [Holiday]
    /// By their start.
    package let events: [Event]
    /// Until then no seasonal profile is used, though all are taught.
    package let quietUntil: Timestamp?
    /// The product of the events from each moment at which one starts or ends; ascending.
    private let multipliers: [Step]

    /// A local date whose samples teach no profile.
    package struct Holiday: Hashable, Sendable, Codable {
        package var date: CivilDate
        /// The weekday whose profile is used; `nil` uses none.
        package var like: Weekday?

        package init(date: CivilDate, like: Weekday? = nil) {
            (self.date, self.like) = (date, like)
        }
    }

    /// A span in which demand is `multiplier` times the usual.
    package struct Event: Hashable, Sendable, Codable {
        package var from: Timestamp
        /// The first moment after it.
        package var to: Timestamp
        /// More than 0.
        package var multiplier: Double

        package init(from: Timestamp, to: Timestamp, multiplier: Double) {
            (self.from, self.to, self.multiplier) = (from, to, multiplier)
        }
    }

    private struct Step: Hashable, Sendable {
        var at: Timestamp
        var multiplier: Double
    }

    /// Events that overlap multiply, within these bounds.
    package static let multiplierBounds = 0.001...1000

    /// Of two holidays on one date the first counts; an event that is empty, or has no finite positive multiplier,
    /// is left out.
    package init(
        clock: CivilClock = .utc, holidays: [Holiday] = [], events: [Event] = [], quietUntil: Timestamp? = nil
    ) {
        var dates: Set<CivilDate> = []
        self.clock = clock
        self.holidays = holidays.filter { dates.insert($0.date).inserted }.sorted { $0.date < $1.date }
        self.events = events.filter { $0.from < $0.to && $0.multiplier > 0 && $0.multiplier.isFinite }
            .sorted { ($0.from, $0.to, $0.multiplier) < ($1.from, $1.to, $1.multiplier) }
        self.quietUntil = quietUntil
        multipliers = Self.steps(self.events)
    }

    private static func steps(_ events: [Event]) -> [Step] {
        Set(events.flatMap { [$0.from, $0.to] }).sorted().map { moment in
            let product = events.reduce(1) { product, event in
                event.from <= moment && moment < event.to ? product * event.multiplier : product
            }
            return Step(at: moment, multiplier: product.clamped(to: multiplierBounds))
        }
    }
}

/// Which seasonal profile a moment may use.
package enum SeasonUse: Hashable, Sendable {
    /// That of its own time of the week.
    case usual
    /// None.
    case none
    /// That of another weekday.
    case like(Weekday)
}

// MARK: - Questions, each O(log n) and without allocation

extension ForecastCalendar {
    package func season(at moment: Timestamp) -> SeasonUse {
        if let quietUntil, moment < quietUntil { return .none }
        guard !holidays.isEmpty, let holiday = holiday(on: clock.date(at: moment)) else { return .usual }
        return holiday.like.map { .like($0) } ?? .none
    }

    /// Whether a sample of that moment says something about ordinary days.
    package func teaches(at moment: Timestamp) -> Bool {
        holidays.isEmpty || holiday(on: clock.date(at: moment)) == nil
    }

    /// How many times the usual demand is expected: the product of the events that a moment is in.
    package func multiplier(at moment: Timestamp) -> Double {
        let index = indexAfter(moment)
        return index == 0 ? 1 : multipliers[index - 1].multiplier
    }

    /// The largest multiplier of any moment in `(start, end]`; that of `end` when there is none. O(log n), plus the
    /// changes in between.
    package func largestMultiplier(after start: Timestamp, through end: Timestamp) -> Double {
        if multipliers.isEmpty { return 1 }
        var largest = multiplier(at: min(start, end))
        var index = indexAfter(start)
        while index < multipliers.count, multipliers[index].at <= end {
            largest = max(largest, multipliers[index].multiplier)
            index += 1
        }
        return largest
    }

    /// Where on the wall clock a moment is: seconds since midnight, and since the midnight that began Monday. A holiday
    /// that is like a weekday counts as that day.
    package func phase(at moment: Timestamp) -> (secondOfDay: Int, secondOfWeek: Int) {
        let (day, secondOfDay) = clock.localSecond(at: moment).floorDivided(by: 86_400)
        let date = CivilDate(daysSince1970: day)
        let weekday = (holidays.isEmpty ? nil : holiday(on: date)?.like) ?? date.weekday
        return (secondOfDay, weekday.rawValue * 86_400 + secondOfDay)
    }

    private func holiday(on date: CivilDate) -> Holiday? {
        let index = holidays.partitionPoint { $0.date < date }
        return index < holidays.count && holidays[index].date == date ? holidays[index] : nil
    }

    /// The first step after a moment.
    private func indexAfter(_ moment: Timestamp) -> Int { multipliers.partitionPoint { $0.at <= moment } }
}

extension Array {
    /// The number of leading elements that satisfy a condition which none of those behind them satisfies. O(log n).
    func partitionPoint(_ belongsInFront: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if belongsInFront(self[middle]) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension Double {
    fileprivate func clamped(to range: ClosedRange<Double>) -> Double {
        Swift.min(Swift.max(self, range.lowerBound), range.upperBound)
    }
}

// MARK: - Encoding

extension ForecastCalendar: Codable {
    private enum CodingKeys: String, CodingKey {
        case clock, holidays, events, quietUntil
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            clock: try container.decode(CivilClock.self, forKey: .clock),
            holidays: try container.decode([Holiday].self, forKey: .holidays),
            events: try container.decode([Event].self, forKey: .events),
            quietUntil: try container.decodeIfPresent(Timestamp.self, forKey: .quietUntil))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(clock, forKey: .clock)
        try container.encode(holidays, forKey: .holidays)
        try container.encode(events, forKey: .events)
        try container.encodeIfPresent(quietUntil, forKey: .quietUntil)
    }
}
