package import Fleet
package import Forecast

import func Glibc.exp

/// Sizes a pool by counterfactual evidence: what would each way of sizing have cost, and how many requests would have
/// been late, had it been in charge?
///
/// Which quantile of a forecast meets an objective, and how soon to shrink, depends on the traffic, on the boot time and
/// on the patience of clients; no fixed setting is near the best everywhere, and misses of the pool itself are too rare
/// to steer by. But arrivals do not depend on what the pool does. So every candidate can be judged on the arrivals that
/// really came: each has a virtual fleet that boots, serves, queues and shrinks by its rule (`ShadowFleet`), and a
/// ledger (`ShadowLedgers`). The pool follows the cheapest one whose share of work in time meets what is required, and
/// what is required follows what really happened to the pool (`ShadowBudget`). Reactive candidates are among them, so
/// where forecasts are of no use the pool is sized as a reactive scaler would that was tuned for this traffic.
///
/// All is learned online; nothing looks ahead. A step is O(candidates), and memory does not grow. A value: a copy, or one
/// decoded from what it encoded, goes on bit for bit as the original would.
package struct ShadowFleets: Hashable, Sendable, Encodable {
    package private(set) var settings: ShadowSettings
    var fleets: [ShadowFleet]
    var boots: BootRing
    var ledgers: ShadowLedgers
    var budget = ShadowBudget()
    /// The real fleet's backlog and calm; its replicas come from outside.
    var real = ShadowFleet()
    /// The candidate to follow in each part of the day.
    var chosen: [Int]
    /// Intervals since the first.
    var tick = -1
    /// Intervals that were learned from.
    var learned = 0
    var last: Timestamp?
    var desired = 0
    var required = 1.0

    enum CodingKeys: CodingKey {
        case settings, fleets, boots, ledgers, budget, real, chosen, tick, learned, last, desired, required
    }

    /// Gaps up to this many intervals are passed over, beyond that virtual fleets begin anew.
    private static let patience = 20
    /// Intervals between two reviews of the choice.
    private static let review = 20
    /// Boots of more intervals count as this long, which bounds memory; four hours at the usual interval.
    static let longestBoot = 1000.0
    /// More replicas than any pool has; beyond that a number is taken for an error.
    private static let mostReplicas = 1_000_000

    package init(settings: ShadowSettings = ShadowSettings()) {
        self.settings = settings
        let count = ShadowCandidate.all.count
        fleets = Array(repeating: ShadowFleet(), count: count)
        boots = BootRing(fleets: count)
        ledgers = ShadowLedgers(candidates: count)
        chosen = Array(repeating: ShadowCandidate.first, count: ShadowLedgers.parts)
    }

    /// Takes over settings under which the evidence holds.
    ///
    /// - Returns: whether these are such.
    mutating func adopt(_ new: ShadowSettings) -> Bool {
        guard (new.objective, new.interval) == (settings.objective, settings.interval) else { return false }
        settings = new
        return true
    }

    // MARK: - Steps

    /// Takes one interval in, and says how many replicas there should be.
    ///
    /// - Parameters:
    ///   - arrivals: work that came in the interval, in the unit of the forecast. `nil`, or what is not a number of 0 or
    ///     more, or beyond all reason, is unknown: nothing is learned and nothing changes.
    ///   - backlog: work that waits now, as measured; `nil` works it out from the arrivals and the ready replicas.
    ///   - forecast: of the largest one-minute mean from now to when a replica ordered now would serve; with
    ///     `ShadowCandidate.levels`. `nil` leaves its candidates with the arrivals, at a load of 70 %.
    ///   - ready: replicas that served in the interval.
    ///   - booting: replicas that were ordered and do not serve yet.
    ///   - boot: from an order to the first request, on the long side of what is usual.
    ///   - capacity: work that one replica does in an interval. Unless it is above 0, nothing is learned.
    package mutating func step(
        arrivals: Double?, backlog: Double? = nil, forecast: DemandForecast?, ready: Int, booting: Int,
        boot: Duration, capacity: Double, now: Timestamp
    ) -> ShadowChoice {
        real.ready = Int32(min(max(0, ready), Self.mostReplicas))
        real.booting = Int32(min(max(0, booting), Self.mostReplicas))
        let interval = interval(arrivals: arrivals, boot: boot, capacity: capacity)
        let isNew = pass(to: now, interval, like: real)
        if let interval, isNew {
            if judge(interval, forecast, now: now) { budget.endHour() }
            follow(interval, forecast, backlog: backlog, now: now)
        } else if isNew {
            desired = Int(real.total)
            real.calm = 0
        }
        return choice(at: now)
    }

    /// Takes one interval of recorded history in, so that a pool begins with evidence; parameters as in `step`.
    package mutating func learn(
        arrivals: Double?, forecast: DemandForecast?, boot: Duration, capacity: Double, now: Timestamp
    ) {
        let interval = interval(arrivals: arrivals, boot: boot, capacity: capacity)
        var start = ShadowFleet()
        if let interval { start.ready = wholeCount(interval.arrivals / interval.capacity / Self.usualLoad) }
        guard pass(to: now, interval, like: start), let interval else { return }
        _ = judge(interval, forecast, now: now)
    }

    private func interval(arrivals: Double?, boot: Duration, capacity: Double) -> ShadowInterval? {
        guard let arrivals, arrivals >= 0, capacity > 0, capacity.isFinite,
            arrivals <= capacity * Double(Self.mostReplicas)
        else { return nil }
        let length = settings.interval.seconds
        return ShadowInterval(
            arrivals: arrivals, capacity: capacity, length: length,
            wait: settings.objective.wait.seconds, boot: min(max(boot.seconds, 0), Self.longestBoot * length),
            minimum: Int32(min(max(0, settings.minimum), Self.mostReplicas)))
    }

    // MARK: - Time

    /// Moves on to the interval of `now`, in which boots end; `false` when it is still the last one.
    ///
    /// At the start, after a gap, and when the clock was set back, every virtual fleet begins as the one given.
    private mutating func pass(to now: Timestamp, _ interval: ShadowInterval?, like start: ShadowFleet) -> Bool {
        let patience = settings.interval * Self.patience
        if let interval { boots.hold(interval.bootIntervals, after: tick) }
        guard let last, now - last <= patience, last - now <= patience else {
            (tick, self.last) = (tick + 1, now)
            anchor(to: start, bootIntervals: interval?.bootIntervals ?? 0)
            real.calm = 0
            return true
        }
        let passed = Int(((now - last).seconds / settings.interval.seconds).rounded())
        guard passed > 0 else { return false }
        self.last = now
        for _ in 0..<passed {
            tick += 1
            boots.finish(tick, in: &fleets)
        }
        return true
    }

    private mutating func anchor(to start: ShadowFleet, bootIntervals: Int) {
        var start = start
        (start.calm, start.peak) = (0, 0)
        for index in fleets.indices { fleets[index] = start }
        // How far the boots are is not known: half, on average.
        boots.set(start.booting, due: tick + 1 + bootIntervals / 2)
    }

    // MARK: - Judging

    /// Runs every candidate's fleet over an interval, and looks from time to time at whom to follow.
    ///
    /// - Returns: whether an hour ended before it.
    private mutating func judge(_ interval: ShadowInterval, _ forecast: DemandForecast?, now: Timestamp) -> Bool {
        let second = now.wholeSecondsSince1970
        let halfLife = settings.halfLife
        let isHourOver = ledgers.move(to: second, decay: exp(-0.6931471805599453 * 3600 / halfLife.seconds))
        let price = settings.actionPrice.seconds / interval.length
        let (boot, order) = (interval.boot, boots.slot(tick + 1 + interval.bootIntervals))
        let (tick, count, bands) = (tick, fleets.count, ShadowCandidate.bands)
        let waits = ShadowCandidate.delaySeconds.map { Int32(($0.base + boot * $0.boots) / interval.length) }
        fleets.withUnsafeMutableBufferPointer { fleets in
            boots.withCounts { boots in
                ledgers.add(work: interval.arrivals) { costs, late in
                    var index = 0
                    for signal in ShadowCandidate.signals.indices {
                        let need = Self.demand(signal, interval, forecast)
                        for wait in waits {
                            for band in bands {
                                var fleet = fleets[index]
                                late[index] += fleet.serve(interval)
                                let total = fleet.total
                                costs[index] += Double(total)
                                let wanted = fleet.resized(need, delay: wait, band: band, interval)
                                if wanted > total {
                                    fleet.booting += wanted - total
                                    boots[order + index] += wanted - total
                                    costs[index] += price * Double(total)
                                } else if wanted < total {
                                    fleet.shrink(
                                        by: total - wanted, boots: boots, index: index, count: count, tick: tick)
                                    costs[index] += price * Double(total)
                                }
                                fleets[index] = fleet
                                index += 1
                            }
                        }
                    }
                }
            }
        }
        learned += 1
        if learned % Self.review == 0 { review(capacity: interval.capacity, at: second) }
        return isHourOver
    }

    /// Replicas that a signal calls for, and those that it keeps once they are there.
    ///
    /// A forecast keeps what the level after the next calls for, a load what a tenth more traffic would.
    private static func demand(
        _ signal: Int, _ interval: ShadowInterval, _ forecast: DemandForecast?
    ) -> ShadowNeed {
        let present = interval.arrivals / interval.capacity
        let levels = ShadowCandidate.levels
        guard signal < levels.count else {
            let need = present / ShadowCandidate.loads[signal - levels.count]
            return ShadowNeed(need: need, keep: 1.1 * need, interval)
        }
        guard let forecast, forecast.maximum.count == forecast.levels.count,
            let need = forecast.largest(signal), let keep = forecast.largest(min(signal + 2, levels.count - 1))
        else { return ShadowNeed(need: present / usualLoad, keep: present / usualLoad, interval) }
        return ShadowNeed(need: need / interval.capacity, keep: keep / interval.capacity, interval)
    }

    /// Looks whom to follow, in the part of the day that the next minutes belong to.
    private mutating func review(capacity: Double, at second: Int) {
        required = budget.required(
            objective: settings.objective.share, meanWork: ledgers.totalWork / ledgers.totalIntervals,
            intervalSeconds: settings.interval.seconds)
        guard !isLearning else { return }
        let part = ShadowLedgers.part(at: second + Self.review * Int(settings.interval.seconds))
        chosen[part] = ledgers.best(
            part: part, chosen: chosen, required: required, priceLimit: settings.latePriceLimit,
            capacity: capacity, intervalSeconds: settings.interval.seconds)
    }

    // MARK: - Following

    /// Applies the rule of the candidate that is followed to the real fleet.
    private mutating func follow(
        _ interval: ShadowInterval, _ forecast: DemandForecast?, backlog: Double?, now: Timestamp
    ) {
        budget.add(work: interval.arrivals, late: real.serve(interval))
        if let backlog, backlog >= 0, backlog.isFinite { real.backlog = backlog }
        let index = followed(at: now)
        let need = Self.demand(index / ShadowCandidate.perSignal, interval, forecast)
        let candidate = ShadowCandidate.all[index]
        let wait = Int32(candidate.delay.seconds(boot: interval.boot) / interval.length)
        // What is said at the end of a calm is said until it is done: a cooldown, a dwell or a billing period may be in
        // the way, and would else be over at another moment.
        if real.calm > wait, Int(real.total) <= desired { real.calm = 0 }
        desired = Int(real.resized(need, delay: wait, band: candidate.band, interval))
        if desired < Int(real.total) { real.calm = wait + 1 }
    }

    private func followed(at now: Timestamp) -> Int {
        chosen[ShadowLedgers.part(at: now.wholeSecondsSince1970)]
    }

    private func choice(at now: Timestamp) -> ShadowChoice {
        let index = followed(at: now)
        return ShadowChoice(
            desired: desired, followed: standing(of: index),
            below: ShadowCandidate.neighbour(of: index, by: -1).map { standing(of: $0) },
            above: ShadowCandidate.neighbour(of: index, by: 1).map { standing(of: $0) }, required: required,
            share: budget.share, isLearning: isLearning)
    }

    private func standing(of index: Int) -> ShadowStanding {
        let account = ledgers.account(of: index)
        let (work, intervals) = (ledgers.totalWork, ledgers.totalIntervals)
        return ShadowStanding(
            candidate: ShadowCandidate.all[index], share: work > 0 ? 1 - account.late / work : 1,
            meanReplicas: intervals > 0 ? account.cost / intervals : 0)
    }

    /// Every candidate's record so far, in the order of `ShadowCandidate.all`.
    package var standings: [ShadowStanding] { fleets.indices.map(standing) }

    private var isLearning: Bool { Double(learned) * settings.interval.seconds < settings.learning.seconds }

    /// Of a replica, where nothing better is known.
    private static let usualLoad = 0.7
}

extension DemandForecast {
    /// The largest minute at one of the candidates' levels, or at the next one that this forecast has.
    fileprivate func largest(_ level: Int) -> Double? {
        let wanted = ShadowCandidate.levels[level]
        if level < levels.count, levels[level] == wanted { return maximum[level] }
        return levels.firstIndex { $0 >= wanted }.map { maximum[$0] } ?? maximum.last
    }
}
