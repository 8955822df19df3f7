package import Fleet

/// What the clocks on the walls of a time zone show, from 1970 on; earlier moments have the offset of that day.
///
/// Its encoded form is compact: changes that follow from the zone's rule are not in it.
package struct CivilClock: Hashable, Sendable {
    /// The zone, such as `Europe/Berlin`.
    package let name: String
    /// Seconds ahead of UTC before the first change.
    private let first: Int
    /// Through the year 2100.
    private let changes: [TZif.Change]
    /// So many of the changes do not follow from the rule.
    private let irregular: Int
    /// What goes on for ever where offsets take turns.
    private let rule: PosixTimeRule?
    /// From here on the rule is asked. Its times may reach a week into the year before.
    private static let horizon =
        CivilDate.daysSince1970(year: PosixTimeRule.tabulatedYears.upperBound, month: 12, day: 20) * 86_400

    package static let utc = CivilClock(name: "UTC", offset: 0)

    /// A clock that never changes.
    ///
    /// - Parameter offset: seconds ahead of UTC, at most 26 hours either way.
    package init(name: String, offset: Int) {
        precondition(TZif.offsets.contains(offset), "no clock is that far from UTC")
        (self.name, first, changes, irregular, rule) = (name, offset, [], 0, nil)
    }

    /// The zone that a TZif file describes.
    ///
    /// - Throws: anything that is wrong with the bytes; none can make it trap.
    package init(name: String, tzif bytes: some Sequence<UInt8>) throws(TZifError) {
        let file = try TZif(bytes)
        self.init(name: name, first: file.first, changes: file.changes, rule: file.rule)
    }

    /// - Parameter given: ascending; some at the end may already be those of the rule.
    private init(name: String, first: Int, changes given: [TZif.Change], rule: PosixTimeRule?) {
        let regular = rule?.tabulated ?? []
        var (own, covered) = (Self.distinct(given, after: first), regular.prefix { $0.at <= given.last?.at ?? .min })
        // The first change that agrees with the rule stays: exactly there the rule takes over.
        while own.count > 1, covered.count > 1, own.suffix(2) == covered.suffix(2) {
            own.removeLast()
            covered.removeLast()
        }
        let rest = regular.drop { $0.at <= own.last?.at ?? 0 }
        (self.name, self.first, self.rule) = (name, first, rule?.alternates == true ? rule : nil)
        irregular = own.count
        changes = Self.distinct(own + rest, after: first)
    }

    private static func distinct(_ changes: [TZif.Change], after first: Int) -> [TZif.Change] {
        var offset = first
        return changes.filter { change in
            defer { offset = change.offset }
            return change.offset != offset
        }
    }
}

// MARK: - UTC to local

extension CivilClock {
    /// Seconds ahead of UTC. O(log n) of some 300 changes.
    package func offset(at moment: Timestamp) -> Int { offset(atSecond: moment.wholeSecondsSince1970) }

    /// Seconds since 1970-01-01T00:00 as the wall clock counts them: `moment` in UTC, plus the offset.
    package func localSecond(at moment: Timestamp) -> Int {
        let second = moment.wholeSecondsSince1970
        return second + offset(atSecond: second)
    }

    package func date(at moment: Timestamp) -> CivilDate {
        CivilDate(daysSince1970: localSecond(at: moment).floorDivided(by: 86_400).quotient)
    }

    package func weekday(at moment: Timestamp) -> Weekday { date(at: moment).weekday }

    /// What the wall clock shows, as seconds: 0 to 86,399 on every day, 23- and 25-hour days included.
    package func secondOfDay(at moment: Timestamp) -> Int {
        localSecond(at: moment).floorDivided(by: 86_400).remainder
    }

    private func offset(atSecond second: Int) -> Int {
        if changes.isEmpty { return first }
        if let rule, second >= Self.horizon { return rule.offset(atSecond: second) }
        let passed = changes.partitionPoint { $0.at <= second }
        return passed == 0 ? first : changes[passed - 1].offset
    }
}

// MARK: - Local to UTC

extension CivilClock {
    /// The moment at which the wall clock shows a time.
    ///
    /// A time that comes twice, as clocks go back, is the earlier one. A time that never comes, as clocks go forward,
    /// is the moment at which they do: 02:30 is 03:00 on that day in Berlin, and a skipped day is the start of the next.
    ///
    /// - Parameter secondOfDay: what the clock shows; more than a day counts on into the next.
    package func moment(_ date: CivilDate, secondOfDay: Int = 0) -> Timestamp {
        let local = date.daysSince1970 * 86_400 + secondOfDay
        // The answer lies between these two, and real zones change at most once from one to the other.
        let (before, after) = (
            offset(atSecond: local - TZif.offsets.upperBound), offset(atSecond: local - TZif.offsets.lowerBound)
        )
        var (early, late) = (local - before, local - after)
        if offset(atSecond: early) != before {
            if offset(atSecond: late) == after { return Timestamp(wholeSecondsSince1970: late) }
            // A gap: the change is after `late` and not after `early`.
            while early - late > 1 {
                let middle = (early + late) / 2
                if offset(atSecond: middle) == before { late = middle } else { early = middle }
            }
        }
        return Timestamp(wholeSecondsSince1970: early)
    }

    /// The start of the local day that a moment is in; not after it.
    package func midnight(notAfter moment: Timestamp) -> Timestamp { self.moment(date(at: moment)) }

    /// The start of the next local day; always later than the moment.
    package func midnight(after moment: Timestamp) -> Timestamp {
        let tomorrow = CivilDate(daysSince1970: date(at: moment).daysSince1970 + 1)
        let start = self.moment(tomorrow)
        if start > moment { return start }
        // Clocks that go back from 00:01 to 23:01 show midnight twice, and the first one has been.
        return Timestamp(wholeSecondsSince1970: tomorrow.daysSince1970 * 86_400 - offset(at: moment))
    }
}

extension Timestamp {
    fileprivate init(wholeSecondsSince1970 seconds: Int) { self.init(millisecondsSince1970: Int64(seconds) * 1000) }
}

// MARK: - Encoding

extension CivilClock: Codable {
    private enum CodingKeys: String, CodingKey {
        case zone, first, changes, rule
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let numbers = try container.decodeIfPresent([Int].self, forKey: .changes) ?? []
        let changes = stride(from: 0, to: numbers.count - 1, by: 2).map {
            TZif.Change(at: numbers[$0], offset: numbers[$0 + 1])
        }
        let first = try container.decode(Int.self, forKey: .first)
        guard numbers.count.isMultiple(of: 2), changes.count <= TZif.maximumChanges,
            zip(changes, changes.dropFirst()).allSatisfy({ $0.at < $1.at }),
            (changes.map(\.offset) + [first]).allSatisfy(TZif.offsets.contains)
        else {
            throw DecodingError.dataCorruptedError(
                forKey: .changes, in: container, debugDescription: "expected ascending moments, each with an offset")
        }
        self.init(
            name: try container.decode(String.self, forKey: .zone), first: first, changes: changes,
            rule: try container.decodeIfPresent(String.self, forKey: .rule).map { try PosixTimeRule($0.utf8) })
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .zone)
        try container.encode(first, forKey: .first)
        if irregular > 0 {
            try container.encode(changes.prefix(irregular).flatMap { [$0.at, $0.offset] }, forKey: .changes)
        }
        try container.encodeIfPresent(rule?.text, forKey: .rule)
    }
}
