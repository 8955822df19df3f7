import Fleet
import Forecast
import Foundation
import TestSupport
import Testing

@Suite struct ForecasterTests {
    @Test("before the first sample nothing is said")
    func empty() {
        var forecaster = Forecaster()
        #expect(forecaster.forecast(over: .seconds(300)) == nil)
        forecaster.observe(nil, at: Timestamp(millisecondsSince1970: 0))
        #expect(forecaster.forecast(over: .seconds(300)) == nil)
    }

    @Test("after one sample it is the median, and up to twice as much is thought possible")
    func one() throws {
        var forecaster = Forecaster()
        forecaster.observe(8, at: Timestamp(millisecondsSince1970: 0))
        let said = try #require(forecaster.forecast(over: .seconds(300)))
        #expect(said.levels == [0.5, 0.9, 0.99])
        for (got, expected) in zip(said.sample, [8, 12, 15.84]) { #expect(abs(got - expected) < 1e-4) }
        #expect(said.maximum[1] <= 12)
    }

    @Test("a pool that has been idle all the time is expected to stay so")
    func idle() throws {
        var forecaster = Forecaster()
        for slot in 0..<500 { forecaster.observe(0, at: Timestamp(millisecondsSince1970: Int64(slot) * 15_000)) }
        let said = try #require(forecaster.forecast(over: .seconds(900)))
        #expect(said.sample == [0, 0, 0] && said.maximum == [0, 0, 0])
    }

    @Test("it learns the day, and then does better than the last value by far")
    func learns() throws {
        let series = ForecastTraffic(mean: 1000).series(days: 6)
        let lead = Duration.seconds(900)
        var forecaster = Forecaster(series)
        let said = forecaster.run(series, over: lead)
        let test = 4 * 1440..<6 * 1440 - 15
        let last = test.map { abs(series.values[$0 + 15]! - series.values[$0]!) }.reduce(0, +) / Double(test.count)
        let error = absoluteError(said, series, lead: lead, slots: test)
        #expect(error < 0.55 * last, "\(error) against \(last)")
        // The noise itself has a mean size of 0.8 sqrt(1000), which nobody can foresee.
        #expect(error < 1.15 * 25)
    }

    @Test("the maximum over any lead time is covered as promised")
    func covers() throws {
        let series = ForecastTraffic(mean: 30, swing: 0.9).series(days: 6, seed: 3)
        var forecaster = Forecaster(series, minutes: [1, 5, 15, 60])
        let leads = [15, 60, 180, 420, 900, 1320, 3600].map { Duration.seconds($0) }
        for (lead, said) in zip(leads, forecaster.run(series, over: leads, asked: 2880..<8640)) {
            let ahead = Int((lead.seconds / 60).rounded(.up))
            let test = 2 * 1440..<series.values.count - ahead
            let covered = test.count { slot in
                series.values[slot + 1...slot + ahead].compactMap { $0 }.max()! <= said[slot]!.maximum[1]
            }
            let share = Double(covered) / Double(test.count)
            #expect((0.88...0.93).contains(share), "\(lead)")
        }
    }

    @Test("any levels may be asked for, and their quantiles come true")
    func levels() throws {
        var settings = ForecastSettings()
        settings.levels = [0.3, 0.5, 0.7, 0.95, 0.995]
        let series = ForecastTraffic(mean: 50).series(days: 6, seed: 5)
        var forecaster = Forecaster(series, settings: settings)
        let said = forecaster.run(series, over: .seconds(300))
        for (index, level) in settings.levels.enumerated() {
            let test = 2 * 1440..<6 * 1440 - 5
            let share = test.count { series.values[$0 + 5]! <= said[$0]!.sample[index] }
            let got = Double(share) / Double(test.count)
            #expect(abs(got - level) < 0.012, "\(level): \(got)")
        }
    }

    @Test("nights without any demand do not use up what the mornings need")
    func mornings() throws {
        var series = ForecastTraffic(mean: 40, swing: 0.2).series(days: 12, seed: 6)
        for slot in series.values.indices where slot % 1440 >= 480 { series.values[slot] = 0 }
        let lead = Duration.seconds(420)
        var forecaster = Forecaster(series, minutes: [1, 5, 10])
        let said = forecaster.run(series, over: lead, asked: 5 * 1440..<series.values.count)
        func covered(_ minutes: Range<Int>) -> Double {
            let slots = (5..<11).flatMap { day in minutes.map { day * 1440 + $0 } }
            let hits = slots.count { slot in
                series.values[slot + 1...slot + 7].compactMap { $0 }.max()! <= said[slot]!.maximum[1]
            }
            return Double(hits) / Double(slots.count)
        }
        #expect(covered(0..<470) > 0.87)
        #expect(covered(0..<60) > 0.82)
    }

    @Test(
        "a sample that can only be a mistake is none",
        arguments: [1e308, 1e13, Double.leastNonzeroMagnitude, 1e-300, -0.1, .infinity])
    func absurd(value: Double) throws {
        let series = ForecastTraffic().series(days: 1)
        for place in [0, 700] {
            var (clean, other) = (Forecaster(series), Forecaster(series))
            for slot in series.values.indices {
                clean.observe(slot == place ? nil : series.values[slot], at: series.time(of: slot))
                other.observe(slot == place ? value : series.values[slot], at: series.time(of: slot))
            }
            #expect(clean == other)
        }
    }

    @Test("one sample a million times too high is forgotten within the hour, and no unit for ever")
    func glitch() throws {
        let series = ForecastTraffic().series(days: 3)
        let lead = Duration.seconds(300)
        for place in [0, 2000] {
            var glitch = series
            glitch.values[place]! *= 1e6
            var (clean, other) = (Forecaster(series), Forecaster(series))
            let after = place + 90..<place + 2000
            let (expected, got) = (clean.run(series, over: lead), other.run(glitch, over: lead))
            #expect(
                absoluteError(got, series, lead: lead, slots: after)
                    < 1.3 * absoluteError(expected, series, lead: lead, slots: after))
            let highest = after.compactMap { got[$0]?.maximum[1] }.max()!
            #expect(highest < 3 * after.compactMap { expected[$0]?.maximum[1] }.max()!, "\(place)")
        }
    }

    @Test("without samples it falls silent")
    func silence() throws {
        let series = ForecastTraffic().series(days: 1)
        var forecaster = Forecaster(series)
        _ = forecaster.run(series, over: .seconds(300), asked: 0..<0)
        func said(_ lead: Duration, after minutes: Int) -> DemandForecast? {
            var forecaster = forecaster
            for minute in 0..<minutes { forecaster.observe(nil, at: series.time(of: 1440 + minute)) }
            return forecaster.forecast(over: lead)
        }
        #expect(said(.seconds(300), after: 15) != nil && said(.seconds(300), after: 16) == nil)
        #expect(said(.seconds(3600), after: 60) != nil && said(.seconds(3600), after: 61) == nil)
    }

    @Test("ticks that come every other slot are learned from like others")
    func everyOther() throws {
        let series = ForecastTraffic(step: .seconds(15)).series(days: 1.5, seed: 12)
        func error(from first: Int) -> Double {
            var forecaster = Forecaster(horizons: [60, 300].map { .seconds($0) })
            var sum = 0.0
            for slot in stride(from: first, to: series.values.count - 20, by: 2) {
                forecaster.observe(series.values[slot], at: series.time(of: slot))
                guard slot > 4000, let said = forecaster.forecast(over: .seconds(300)) else { continue }
                sum += abs(said.sample[0] - series.values[slot + 20]!)
            }
            return sum
        }
        #expect(abs(error(from: 1) / error(from: 0) - 1) < 0.05)
    }

    @Test("beyond the longest horizon the answer says how far it reaches")
    func beyond() throws {
        let series = ForecastTraffic().series(days: 0.2)
        var forecaster = Forecaster(series)
        let said = forecaster.run(series, over: .seconds(7200))
        #expect(said.last??.lead == .seconds(900))
    }
}

// MARK: - What always holds

@Suite struct ForecasterPropertyTests {
    /// A series that nobody would wish for: idle spells, spikes, steps, wrong numbers, holes, clocks that are set.
    private func nasty(_ seed: UInt64, slots: Int) -> [(at: Timestamp, value: Double?)] {
        var random = SeededGenerator(seed: seed)
        var now: Int64 = 1_773_014_400_000
        var level = Double.random(in: 0...1000, using: &random)
        return (0..<slots).map { _ in
            switch Int.random(in: 0..<400, using: &random) {
            case 0: now += Int64.random(in: 0...200_000_000, using: &random)
            case 1: now -= Int64.random(in: 0...50_000_000, using: &random)
            case 2: level = 0
            case 3, 4: level *= Double.random(in: 0...10, using: &random)
            case 5: level = Double.random(in: 0...1000, using: &random)
            default: now += Int64.random(in: 55_000...65_000, using: &random)
            }
            let value: Double? =
                switch Int.random(in: 0..<60, using: &random) {
                case 0: nil
                case 1: [Double.nan, -1, .infinity, -.infinity][Int.random(in: 0..<4, using: &random)]
                case 2: level * 40
                default: level * Double.random(in: 0.5...1.5, using: &random)
                }
            return (Timestamp(millisecondsSince1970: now), value)
        }
    }

    @Test(
        "forecasts are numbers of 0 or more, in order, and no dreams", arguments: 1...8 as ClosedRange<UInt64>)
    func sound(seed: UInt64) throws {
        var forecaster = Forecaster(step: .seconds(60), horizons: [60, 300, 900].map { .seconds($0) })
        var peaks: [(at: Duration, value: Double)] = []
        var (elapsed, latest) = (Duration.zero, Timestamp(millisecondsSince1970: 0))
        for (at, value) in nasty(seed, slots: 2000) {
            forecaster.observe(value, at: at)
            // Time that only ever passes: a clock that is set back moves nothing.
            elapsed += latest.millisecondsSince1970 == 0 || at < latest ? .zero : at - latest
            latest = at
            if let value, value.isFinite, value >= 0 { peaks.append((elapsed, value)) }
            peaks.removeAll { elapsed - $0.at > .seconds(3 * 86_400) }
            // Samples of one slot beyond the first do not count, so this is the bound or a little above it.
            let allowed = 1.5 * (peaks.map(\.value).max() ?? 0) * (1 + 1e-6)
            let leads = [15, 200, 900, 5000].compactMap { forecaster.forecast(over: .seconds($0)) }
            var sound = leads.allSatisfy { said in
                [said.sample, said.maximum].allSatisfy { values in
                    values.allSatisfy { $0.isFinite && $0 >= 0 } && values == values.sorted() && values[1] <= allowed
                }
            }
            for (shorter, longer) in zip(leads, leads.dropFirst()) {
                sound = sound && zip(shorter.maximum, longer.maximum).allSatisfy { $0 <= $1 * (1 + 1e-9) }
            }
            try #require(sound, "at \(at), up to \(allowed): \(leads)")
        }
    }

    @Test("a thousandfold input gives a thousandfold forecast", arguments: [0.001, 7, 1000])
    func scales(factor: Double) throws {
        let series = ForecastTraffic(mean: 40).series(days: 3, seed: 8)
        var scaled = series
        scaled.values = series.values.map { $0.map { $0 * factor } }
        var (one, other) = (Forecaster(series), Forecaster(series))
        let said = zip(one.run(series, over: .seconds(300)), other.run(scaled, over: .seconds(300)))
        for case (.some(let small), .some(let large)) in said {
            for (a, b) in zip(small.sample + small.maximum, large.sample + large.maximum) {
                #expect(abs(b - a * factor) <= 1e-3 * max(b, 0.1 * factor))
            }
        }
    }

    @Test("four weeks later the same samples give the same forecasts")
    func translates() throws {
        let series = ForecastTraffic().series(days: 3, seed: 9)
        var later = series
        later.start = series.start + .seconds(28 * 86_400)
        var (one, other) = (Forecaster(series), Forecaster(series))
        #expect(one.run(series, over: .seconds(300)) == other.run(later, over: .seconds(300)))
    }

    @Test("what is still to come changes no forecast")
    func causal() throws {
        let series = ForecastTraffic().series(days: 2, seed: 10)
        var changed = series
        for slot in 2000..<changed.values.count { changed.values[slot] = 12_345 }
        var (one, other) = (Forecaster(series), Forecaster(series))
        let (said, saidOther) = (one.run(series, over: .seconds(900)), other.run(changed, over: .seconds(900)))
        #expect(said[..<2000] == saidOther[..<2000])
        #expect(said[2000...] != saidOther[2000...])
    }
}

// MARK: - Keeping

@Suite struct ForecasterStateTests {
    @Test("a restart continues bit for bit", arguments: [1, 40, 3000])
    func restart(after slots: Int) throws {
        let series = ForecastTraffic().series(days: 4, seed: 11)
        var original = Forecaster(series)
        for slot in 0..<slots { original.observe(series.values[slot], at: series.time(of: slot)) }
        var restored = try JSONDecoder().decode(Forecaster.self, from: JSONEncoder().encode(original))
        #expect(restored == original)
        for slot in slots..<series.values.count {
            original.observe(series.values[slot], at: series.time(of: slot))
            restored.observe(series.values[slot], at: series.time(of: slot))
        }
        #expect(restored.forecast(over: .seconds(300)) == original.forecast(over: .seconds(300)))
        #expect(restored == original)
    }

    @Test("the state stays under 256 KB, however long it has learned")
    func size() throws {
        var forecaster = Forecaster()
        let series = ForecastTraffic(step: .seconds(15)).series(days: 1.2)
        for slot in series.values.indices { forecaster.observe(series.values[slot], at: series.time(of: slot)) }
        let size = try JSONEncoder().encode(forecaster).count
        #expect(size < 256 * 1024, "\(size) bytes")
        // All of it is there from the start: nothing grows.
        #expect(try JSONEncoder().encode(Forecaster()).count > size - 8 * 1024)
    }

    @Test("a damaged state is refused, and never does harm", arguments: 1...60 as ClosedRange<UInt64>)
    func damaged(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let series = ForecastTraffic().series(days: 0.1)
        var forecaster = Forecaster(series)
        _ = forecaster.run(series, over: .seconds(300))
        var text = try [UInt8](JSONEncoder().encode(forecaster))
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let place = Int.random(in: 0..<text.count, using: &random)
            switch Int.random(in: 0..<3, using: &random) {
            case 0: text[place] = UInt8.random(in: 32..<127, using: &random)
            case 1: text.remove(at: place)
            default: text.insert(UInt8(ascii: "9"), at: place)
            }
        }
        guard var damaged = try? JSONDecoder().decode(Forecaster.self, from: Data(text)) else { return }
        for slot in 0..<200 {
            damaged.observe(50, at: series.time(of: series.values.count + slot))
            _ = damaged.forecast(over: .seconds(900))
        }
    }

    /// Every place in the state that is a number, with values that nobody would write there.
    @Test(
        "numbers that do not fit are refused or harmless, wherever they are",
        arguments: [
            "0", "-1", "9223372036854775807", "-9223372036854775808", "1e300", "1e-320", "[]", "\"AAAA\"", "null",
        ])
    func hostile(value: String) throws {
        let series = ForecastTraffic().series(days: 0.1)
        var forecaster = Forecaster(series)
        _ = forecaster.run(series, over: .seconds(300))
        let text = String(decoding: try JSONEncoder().encode(forecaster), as: UTF8.self)
        let numbers = text.matches(of: /:(-?[\d.]+(?:e-?\d+)?)(?=[,}])/)
        #expect(numbers.count > 150)
        for match in numbers {
            var damaged = text
            damaged.replaceSubrange(match.output.1.startIndex..<match.output.1.endIndex, with: value)
            guard var read = try? JSONDecoder().decode(Forecaster.self, from: Data(damaged.utf8)) else { continue }
            for slot in 0..<20 {
                read.observe(50, at: series.time(of: series.values.count + slot))
                let said = read.forecast(over: .seconds(420))
                #expect(
                    said?.maximum.allSatisfy { $0.isFinite && $0 >= 0 } != false,
                    "\(text[..<match.range.lowerBound].suffix(60))")
            }
        }
    }

    @Test(
        "levels that do not ascend between 0 and 1 are refused", arguments: ["[]", "[0.9,0.5]", "[0,0.5]", "[0.5,1]"])
    func levels(list: String) throws {
        let text = String(decoding: try JSONEncoder().encode(Forecaster()), as: UTF8.self)
        let wrong = text.replacing("\"levels\":[0.5,0.9,0.99]", with: "\"levels\":" + list)
        try #require(wrong != text)
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(Forecaster.self, from: Data(wrong.utf8))
        }
    }
}
