import Fleet
import Foundation
import TestSupport
import Testing

@testable import Forecast

@Suite struct BankPartsTests {
    @Test("maxima over any window are those of the slow way", arguments: [15.0, 60, 300])
    func maxima(step: Double) {
        var random = SeededGenerator(seed: 3)
        let perMinute = max(1, Int(60 / step))
        var (maxima, samples) = (MinuteMaxima(step: step, longest: 50), [Double?]())
        var means: [Double?] = []
        for slot in 0..<600 {
            // A hole now and then, some longer than a minute.
            let hole = Int.random(in: 0..<12, using: &random) == 0 || (300..<310).contains(slot)
            samples.append(hole ? nil : Double(Int.random(in: 0...99, using: &random)))
            maxima.add(samples[slot], slot: slot)
            let minute = samples.suffix(perMinute).compactMap { $0 }
            means.append(minute.isEmpty ? nil : minute.reduce(0, +) / Double(minute.count))
            #expect(maxima.mean == means[slot])
            for window in [1, 2, 3, 7, 8, 31, 50] {
                let recent = means.suffix(window)
                let expected = slot + 1 < window || recent.contains(nil) ? nil : recent.compactMap { $0 }.max()
                let got = maxima.maximum(over: window, slot: slot)
                #expect(got.map(Float.init) == expected.map(Float.init), "slot \(slot), window \(window)")
            }
        }
    }

    @Test("skipped slots are holes")
    func skip() {
        var maxima = MinuteMaxima(step: 15, longest: 8)
        for slot in 0..<10 { maxima.add(5, slot: slot) }
        maxima.skip(to: 30, from: 9)
        maxima.add(7, slot: 30)
        #expect(maxima.mean == 7)
        #expect(maxima.maximum(over: 1, slot: 30) == 7)
        #expect(maxima.maximum(over: 2, slot: 30) == nil)
    }

    @Test("base64 is that of Foundation, both ways", arguments: 0..<40)
    func base64(count: Int) {
        var random = SeededGenerator(seed: UInt64(count))
        let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
        let text = Data(bytes).base64EncodedString()
        #expect(bytes.withUnsafeBytes { Base64.encoded($0) } == text)
        #expect(Base64.decoded(text) == bytes)
    }

    @Test("what is not base64 is refused", arguments: ["A", "AAA", "A*==", "====", "AAAA=", "Äaa="])
    func notBase64(text: String) {
        #expect(Base64.decoded(text) == nil || Base64.decoded(text) == [])
    }

    @Test("the square root and its inverse", arguments: [0, 0.1, 1, 17, 4000])
    func stabiliser(value: Double) {
        let stabiliser = VarianceStabiliser(unit: 0.3)
        #expect(abs(stabiliser.value(stabiliser.stabilised(value)) - value) < 1e-9 * max(value, 1))
        #expect(stabiliser.value(-3) == 0)
    }

    @Test("a profile knows a time of day once its neighbours were there, and two bad hours hardly move it")
    func profile() {
        var profile = SeasonalProfile(period: 86_400, knots: 96, rate: 0.2)
        func day(_ scale: Double, outage: Range<Int> = 0..<0) {
            for bin in 0..<96 {
                profile.move(to: Double(bin) * 900)
                profile.add(outage.contains(bin) ? 0 : scale * Double(bin))
            }
            profile.move(to: 0)
        }
        #expect(profile.value(at: 4500) == nil)
        day(1)
        #expect(abs(profile.value(at: 4950)! - 5) < 1e-6)
        #expect(abs(profile.value(at: 4500)! - 4.5) < 1e-6)
        for scale in [0.98, 1.02, 1.01, 0.99, 1, 1.02] { day(scale) }
        let before = profile.value(at: 45_450)!
        day(1, outage: 46..<54)
        #expect(abs(profile.value(at: 45_450)! - before) < 0.05 * before)
    }

    @Test("levels are means while young, and after a gap as old as the clock says")
    func levels() {
        var bank = LevelBank(timeConstants: [0, 600], step: 60)
        for value in [4.0, 6, 8] { bank.add(value, after: 1) }
        #expect(bank.means[0] == 8)
        // Weights of 1, e^-0.1 and e^-0.2.
        #expect(abs(bank.means[1] - (8 + 6 * 0.904837 + 4 * 0.818731) / 2.723568) < 1e-5)
        bank.add(100, after: 600)
        #expect(abs(bank.means[1] - 100) < 1e-9)
    }
}

@Suite struct SkillTests {
    private let stabiliser = VarianceStabiliser(unit: 1)

    /// Judges forecasts that are `miss` times the truth, against a last value that is `rival` times it.
    private func judge(_ rivals: inout Rivals, miss: Double, rival: Double, times: Int) {
        for index in 0..<times {
            let truth = 100 + Double(index % 10)
            var issued = Issued()
            issued.maximumScale = 1
            issued.quantile = stabiliser.stabilised(truth * miss)
            issued.lastValueQuantile = stabiliser.stabilised(truth * rival)
            rivals.judge(issued, lastValue: stabiliser.stabilised(truth), peak: truth, stabiliser: stabiliser)
        }
    }

    @Test("an hour of evidence comes before anything is acted on")
    func evidence() {
        var rivals = Rivals(quantile: 0.9, step: 60, stepSize: 0.02)
        judge(&rivals, miss: 1.01, rival: 1.2, times: 60)
        #expect(!rivals.isActive && rivals.skill(lead: .seconds(60)).overLastValue == nil)
        judge(&rivals, miss: 1.01, rival: 1.2, times: 10)
        #expect(rivals.isActive)
        let skill = rivals.skill(lead: .seconds(60))
        #expect(abs(skill.overLastValue! - 0.95) < 0.01 && skill.coverage == 1)
    }

    @Test("a unit too little costs nine times a unit too much")
    func asymmetric() {
        var rivals = Rivals(quantile: 0.9, step: 60, stepSize: 0.02)
        judge(&rivals, miss: 0.98, rival: 1.1, times: 100)
        // Two units short at 9 each, against ten too many.
        #expect(!rivals.isActive)
        #expect(rivals.skill(lead: .seconds(60)).overLastValue! < -0.7)
    }

    @Test("trust begins at 2.5 % less loss than the rival's and ends at 2.5 % more")
    func hysteresis() {
        var rivals = Rivals(quantile: 0.9, step: 60, stepSize: 0.02)
        func trusts(after miss: Double) -> Bool {
            judge(&rivals, miss: miss, rival: 1.1, times: 4000)
            return rivals.isActive
        }
        #expect(!trusts(after: 1.099))
        #expect(trusts(after: 1.097))
        #expect(trusts(after: 1.102))
        #expect(!trusts(after: 1.103))
        #expect(!trusts(after: 1.099))
        #expect(trusts(after: 1.097))
    }

    @Test("a day's rhythm that turns into noise costs the forecast its say, and gets it back")
    func demotion() throws {
        let lead = Duration.seconds(900)
        let season = ForecastTraffic(mean: 1000).series(days: 4, seed: 41)
        var forecaster = Forecaster(season, minutes: [15])
        _ = forecaster.run(season, over: lead, asked: 0..<0)
        let skilled = try #require(forecaster.skill(over: lead))
        #expect(skilled.isActive && skilled.overLastValue! > 0.2 && skilled.overSeasonalNaive != nil)
        #expect((0.85...0.95).contains(try #require(skilled.coverage)))
        #expect(skilled.absoluteError! > 15 && skilled.absoluteError! < 60)

        // Steps of twenty minutes that repeat at no time of day: what was learned is worth nothing now.
        var random = SeededGenerator(seed: 4)
        var now = season.time(of: season.values.count)
        var level = 1000.0
        var wasDemoted = false
        for minute in 0..<1440 {
            if minute % 20 == 0 { level = Double.random(in: 200...2000, using: &random) }
            forecaster.observe(level, at: now)
            now = now + .seconds(60)
            wasDemoted = wasDemoted || forecaster.skill(over: lead)?.isActive == false
        }
        #expect(wasDemoted)
        let later = ForecastTraffic(mean: 1000, start: now).series(days: 3, seed: 42)
        _ = forecaster.run(later, over: lead, asked: 0..<0)
        #expect(forecaster.skill(over: lead)?.isActive == true)
    }
}
