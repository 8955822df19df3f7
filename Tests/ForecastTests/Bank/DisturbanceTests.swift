import Fleet
import Forecast
import TestSupport
import Testing

/// What goes wrong with samples in practice. The bounds are those of the undisturbed run plus what was measured on
/// recorded traffic, with a margin of a tenth.
@Suite struct DisturbanceTests {
    private let lead = Duration.seconds(300)
    private let series = ForecastTraffic(mean: 200).series(days: 6, seed: 21)
    /// Ten in the morning of the fifth day.
    private let event = 4 * 1440 + 600

    private func error(_ disturbed: SampleSeries, _ slots: Range<Int>, against truth: SampleSeries? = nil) -> Double {
        var forecaster = Forecaster(disturbed, minutes: [5])
        return absoluteError(
            forecaster.run(disturbed, over: lead, asked: slots), truth ?? disturbed, lead: lead, slots: slots)
    }

    private func change(_ slots: Range<Int>, _ change: (Double?) -> Double?) -> SampleSeries {
        var changed = series
        for slot in slots where slot < changed.values.count { changed.values[slot] = change(series.values[slot]) }
        return changed
    }

    @Test("six hours without samples are made up for within the hour")
    func gap() {
        let gap = change(event..<event + 360) { _ in nil }
        let (hour, day) = (event + 360..<event + 420, event + 360..<event + 1440)
        #expect(error(gap, hour, against: series) < 1.45 * 1.1 * error(series, hour))
        #expect(error(gap, day, against: series) < 1.03 * 1.1 * error(series, day))
    }

    @Test("samples that never arrive, as while the agent is stopped, do as little harm as missing ones")
    func stopped() {
        var forecaster = Forecaster(series)
        var said: [DemandForecast?] = []
        for slot in series.values.indices {
            if !(event..<event + 360).contains(slot) {
                forecaster.observe(series.values[slot], at: series.time(of: slot))
            }
            said.append(forecaster.forecast(over: lead))
        }
        let hour = event + 360..<event + 420
        #expect(absoluteError(said, series, lead: lead, slots: hour) < 1.45 * 1.1 * error(series, hour))
    }

    @Test("a tenth of all samples missing")
    func missing() {
        var random = SeededGenerator(seed: 4)
        let holes = change(0..<series.values.count) { Int.random(in: 0..<10, using: &random) == 0 ? nil : $0 }
        let day = event..<event + 1440
        #expect(error(holes, day, against: series) < 1.04 * 1.1 * error(series, day))
    }

    @Test("one minute of twentyfold demand")
    func outlier() {
        let spike = change(event..<event + 1) { $0.map { $0 * 20 } }
        let day = event + 30..<event + 1440
        #expect(error(spike, day) < 1.17 * 1.1 * error(series, day))
    }

    @Test("two hours of zeros that were not true")
    func zeros() {
        let zeros = change(event..<event + 120) { _ in 0 }
        let (day, next) = (event + 120..<event + 1440, event + 1440..<event + 1560)
        #expect(error(zeros, day) < 1.16 * 1.1 * error(series, day))
        #expect(error(zeros, next) < 1.28 * 1.1 * error(series, next))
    }

    @Test("demand doubles for good", arguments: [2.0, 0.3])
    func step(factor: Double) {
        let step = change(event..<series.values.count) { $0.map { $0 * factor } }
        let day = event + 60..<event + 1440 - 5
        // Against the last value, which is what is left to someone who was taken by surprise.
        let last = day.map { abs(step.values[$0 + 5]! - step.values[$0]!) }.reduce(0, +) / Double(day.count)
        #expect(error(step, day) < 1.02 * 1.1 * last)
    }

    @Test("a sample twice in one slot counts once; a clock set back a little is waited for")
    func repeated() {
        var (once, twice) = (Forecaster(series), Forecaster(series))
        for slot in 0..<500 {
            let now = series.time(of: slot)
            once.observe(series.values[slot], at: now)
            twice.observe(series.values[slot], at: now)
            twice.observe(999, at: now + .seconds(5))
            twice.observe(999, at: now - .seconds(100))
        }
        #expect(once == twice)
    }

    @Test("a clock that was an hour ahead and is set right", arguments: [3600, 40 * 86_400] as [Double])
    func setBack(by seconds: Double) throws {
        var forecaster = Forecaster(series)
        for slot in 0..<event { forecaster.observe(series.values[slot], at: series.time(of: slot)) }
        for slot in event..<event + 5 {
            forecaster.observe(series.values[slot], at: series.time(of: slot) + .seconds(seconds))
        }
        var said: [DemandForecast?] = Array(repeating: nil, count: event + 5)
        for slot in event + 5..<series.values.count {
            forecaster.observe(series.values[slot], at: series.time(of: slot))
            said.append(forecaster.forecast(over: lead))
        }
        let after = event + 60..<event + 600
        #expect(absoluteError(said, series, lead: lead, slots: after) < 1.3 * error(series, after))
    }

    @Test("ticks that come early and late stay one sample a slot")
    func jitter() {
        var random = SeededGenerator(seed: 6)
        var (even, late) = (Forecaster(series), Forecaster(series))
        var offset = Duration.seconds(29)
        for slot in 0..<3000 {
            even.observe(series.values[slot], at: series.time(of: slot))
            offset = .seconds(Double.random(in: 23...35, using: &random))
            late.observe(series.values[slot], at: series.time(of: slot) + offset)
        }
        let (one, other) = (even.forecast(over: lead), late.forecast(over: lead))
        #expect(abs(one!.sample[0] - other!.sample[0]) < 0.03 * one!.sample[0])
    }

    @Test("samples faster than the step are thinned out to one a slot")
    func fast() throws {
        var forecaster = Forecaster()
        var slow = Forecaster()
        let start = series.start
        for second in stride(from: 0, to: 40_000, by: 5) {
            forecaster.observe(50 + Double(second % 7), at: start + .seconds(second))
        }
        for second in stride(from: 0, to: 40_000, by: 15) {
            slow.observe(50 + Double(second % 7), at: start + .seconds(second))
        }
        let (got, expected) = (forecaster.forecast(over: lead)!, slow.forecast(over: lead)!)
        #expect(abs(got.sample[0] - expected.sample[0]) < 3)
        #expect(abs(got.maximum[1] - expected.maximum[1]) < 3)
    }
}

// MARK: - The calendar

@Suite struct ForecasterCalendarTests {
    private let lead = Duration.seconds(900)

    /// Berlin's summer time begins on 29 March 2026, a day of 23 hours, and ends on 25 October, one of 25.
    @Test(
        "a change of the clocks does no harm with the zone set",
        .enabled(if: SystemZones.available, "needs the time zone files"),
        arguments: [1_774_137_600_000, 1_792_281_600_000] as [Int64])
    func summerTime(start: Int64) throws {
        let clock = try CivilClock(system: "Europe/Berlin")
        let traffic = ForecastTraffic(
            clock: clock, mean: 1000, swing: 0.9, start: Timestamp(millisecondsSince1970: start))
        let series = traffic.series(days: 9, seed: 31)
        var undisturbed = traffic
        undisturbed.clock = CivilClock(name: "before", offset: clock.offset(at: traffic.start))
        let even = undisturbed.series(days: 9, seed: 31)
        // The change is in the night of the eighth day.
        let after = 7 * 1440..<9 * 1440 - 15
        func error(_ series: SampleSeries, _ clock: CivilClock) -> Double {
            var settings = ForecastSettings()
            settings.calendar = ForecastCalendar(clock: clock)
            var forecaster = Forecaster(series, settings: settings, minutes: [15])
            return absoluteError(forecaster.run(series, over: lead, asked: after), series, lead: lead, slots: after)
        }
        let best = error(even, undisturbed.clock)
        #expect(error(series, clock) < 1.05 * best)
        #expect(error(series, .utc) > 1.08 * best)
    }

    @Test("an announced event multiplies the forecast, and does not teach the profiles")
    func event() throws {
        let traffic = ForecastTraffic(mean: 500)
        var series = traffic.series(days: 6, seed: 32)
        let event = 4 * 1440 + 720..<4 * 1440 + 840
        for slot in event { series.values[slot]! *= 3 }
        var settings = ForecastSettings()
        settings.calendar = ForecastCalendar(events: [
            .init(from: series.time(of: event.lowerBound), to: series.time(of: event.upperBound), multiplier: 3)
        ])
        func said(_ settings: ForecastSettings) -> [DemandForecast?] {
            var forecaster = Forecaster(series, settings: settings)
            return forecaster.run(series, over: lead)
        }
        let (announced, surprised) = (said(settings), said(ForecastSettings()))
        let before = event.lowerBound - 15..<event.lowerBound - 1
        let told = absoluteError(announced, series, lead: lead, slots: before)
        #expect(told < 0.2 * absoluteError(surprised, series, lead: lead, slots: before))
        let window = announced[event.lowerBound - 5]!
        #expect(window.maximum[1] > 2.5 * window.sample[1] / 3 && window.maximum[1] >= window.sample[1])
        let nextDay = event.lowerBound + 1440 - 15..<event.upperBound + 1440
        let undisturbed = absoluteError(announced, series, lead: lead, slots: nextDay)
        #expect(undisturbed < absoluteError(surprised, series, lead: lead, slots: nextDay))
    }

    @Test("on a holiday like a Sunday the week's profile is Sunday's; on a plain one there is none")
    func holiday() throws {
        // Nothing goes on at the weekend.
        let traffic = ForecastTraffic(mean: 400)
        var series = traffic.series(days: 18, seed: 33)
        let wednesday = 16
        for slot in series.values.indices where [5, 6].contains(slot / 1440 % 7) || slot / 1440 == wednesday {
            series.values[slot]! *= 0.1
        }
        let date = CivilClock.utc.date(at: series.time(of: wednesday * 1440))
        let day = wednesday * 1440 + 120..<(wednesday + 1) * 1440 - 15
        func error(_ holidays: [ForecastCalendar.Holiday], _ slots: Range<Int>) -> Double {
            var settings = ForecastSettings()
            settings.calendar = ForecastCalendar(holidays: holidays)
            var forecaster = Forecaster(series, settings: settings, minutes: [15])
            return absoluteError(forecaster.run(series, over: lead, asked: slots), series, lead: lead, slots: slots)
        }
        let (unknown, plain) = (error([], day), error([.init(date: date)], day))
        let sunday = error([.init(date: date, like: .sunday)], day)
        #expect(plain < unknown && sunday < unknown, "\(unknown) \(plain) \(sunday)")
    }

    @Test("while quiet, no profile is used")
    func quiet() throws {
        let series = ForecastTraffic(mean: 500).series(days: 4, seed: 34)
        var settings = ForecastSettings()
        settings.calendar = ForecastCalendar(quietUntil: series.time(of: 3 * 1440))
        var (quiet, usual) = (Forecaster(series, settings: settings), Forecaster(series))
        let (said, saidUsual) = (quiet.run(series, over: lead), usual.run(series, over: lead))
        let (during, later) = (2 * 1440 + 300..<3 * 1440 - 20, 3 * 1440 + 300..<4 * 1440 - 20)
        #expect(
            absoluteError(said, series, lead: lead, slots: during)
                > 1.1 * absoluteError(saidUsual, series, lead: lead, slots: during))
        #expect(
            absoluteError(said, series, lead: lead, slots: later)
                < 1.3 * absoluteError(saidUsual, series, lead: lead, slots: later))
    }
}
