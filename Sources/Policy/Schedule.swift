package import Fleet
package import Forecast

/// So many replicas at certain times, whatever the load.
package struct Schedule: Hashable, Sendable, Codable {
    package enum Times: Hashable, Sendable, Codable {
        /// On these days, from one second of the day to another, as the clock on the wall shows them. An end that is not
        /// after the start is one of the next day.
        case weekly(days: [Weekday], from: Int, to: Int)
        /// Until `to`, and not then.
        case once(from: Timestamp, to: Timestamp)
    }

    package var times: Times
    package var minimum: Int

    package init(_ times: Times, minimum: Int) {
        self.times = times
        self.minimum = minimum
    }

    /// Whether it holds at a moment, or begins within `lead` of it.
    ///
    /// A span goes from the first moment at which the clock shows its start to the first at which it shows its end, so
    /// that clocks which go back cannot begin it twice. A time that clocks skip is the moment at which they do.
    package func holds(at now: Timestamp, lead: Duration = .zero, _ clock: CivilClock) -> Bool {
        func holds(_ from: Timestamp, _ to: Timestamp) -> Bool { from < to && from - lead <= now && now < to }
        switch times {
        case .once(let from, let to): return holds(from, to)
        case .weekly(let days, let from, let to):
            // A span is at most a day long, so one that holds began yesterday at the earliest.
            let dates = clock.date(at: now).daysSince1970 - 1...clock.date(at: now + lead).daysSince1970
            return dates.lazy.map(CivilDate.init(daysSince1970:)).contains { date in
                days.contains(date.weekday)
                    && holds(
                        clock.moment(date, secondOfDay: from),
                        clock.moment(date, secondOfDay: to > from ? to : to + 86_400))
            }
        }
    }
}
