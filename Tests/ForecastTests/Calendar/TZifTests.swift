import Fleet
import Forecast
import Testing

@Suite struct TZifTests {
    /// Half an hour ahead until 1000, then two hours behind, then one ahead.
    static let file = TZifFile(times: [-5000, 1000, 5000], kinds: [1, 2, 3], offsets: [7, 1800, -7200, 3600])

    static func offset(_ clock: CivilClock, _ second: Int) -> Int {
        clock.offset(at: Timestamp(millisecondsSince1970: Int64(second) * 1000))
    }

    @Test("changes take effect in their second", arguments: [0, 50, 51, 52].map { UInt8($0) })
    func changes(version: UInt8) throws {
        var file = Self.file
        file.version = version
        let clock = try CivilClock(name: "X", tzif: file.bytes)
        let probes = [0: 1800, 999: 1800, 1000: -7200, 4999: -7200, 5000: 3600, 4_000_000_000: 3600]
        for (second, expected) in probes { #expect(Self.offset(clock, second) == expected, "second \(second)") }
        // Part of a second is not yet the next, before 1970 too.
        #expect(clock.offset(at: Timestamp(millisecondsSince1970: 999_999)) == 1800)
        #expect(CivilClock.utc.localSecond(at: Timestamp(millisecondsSince1970: -1)) == -1)
    }

    @Test("the second block counts, with moments that 32 bits cannot hold")
    func secondBlock() throws {
        let file = TZifFile(times: [5_000_000_000], kinds: [1], offsets: [0, 3600], legacy: [100])
        let clock = try CivilClock(name: "X", tzif: file.bytes)
        #expect(Self.offset(clock, 4_999_999_999) == 0)
        #expect(Self.offset(clock, 5_000_000_000) == 3600)
    }

    @Test("every way to be wrong has its error")
    func errors() {
        func error(_ change: (inout TZifFile) -> Void, _ edit: (inout [UInt8]) -> Void = { _ in }) -> TZifError? {
            var file = Self.file
            change(&file)
            var bytes = file.bytes
            edit(&bytes)
            do {
                _ = try CivilClock(name: "X", tzif: bytes)
                return nil
            } catch { return error }
        }
        #expect(error { _ in } == nil)
        #expect(error({ _ in }) { $0 = [] } == .notTZif)
        #expect(error({ _ in }) { $0 = Array("TZif".utf8) } == .truncated)
        #expect(error({ _ in }) { $0[0] = 0 } == .notTZif)
        #expect(error { $0.leapSeconds = 1 } == .countsLeapSeconds)
        #expect(error { $0.kinds = [1, 4, 1] } == .malformed("there is no local time of kind 4"))
        #expect(error { $0.times = [5, 5, 6] } == .malformed("change 1 is out of order"))
        #expect(error { $0.times = [5, 6, .max] } == .malformed("change 2 is out of order"))
        #expect(error { $0.offsets = [] } == .malformed("0 kinds of local time"))
        #expect(error { $0.offsets[2] = 100_000 } == .malformed("an offset of more than 26 hours"))
        #expect(error { $0.times = Array(0..<5000) } == .malformed("5000 changes are too many"))
        #expect(error { $0.footer = "CET" } == .malformed("the rule \"CET\""))
        #expect(error({ _ in }) { $0.removeLast() } == .truncated)
        #expect(error({ _ in }) { $0[$0.count - 2] = 0 } == .malformed("the rule is not on its own line"))
    }

    @Test("a file that ends early is refused, wherever it ends")
    func truncation() {
        let bytes = TZifFile(
            times: [1000, 2000], kinds: [1, 0], offsets: [0, 3600], footer: "CET-1CEST,M3.5.0,M10.5.0/3", legacy: [9]
        ).bytes
        #expect(throws: Never.self) { try CivilClock(name: "X", tzif: bytes) }
        for count in bytes.indices {
            #expect(throws: TZifError.self, "\(count) bytes") { try CivilClock(name: "X", tzif: bytes.prefix(count)) }
        }
    }

    @Test("no damage makes it trap", arguments: 0..<20)
    func damage(seed: UInt64) {
        let bytes = TZifFile(
            times: [1000, 2000, 3000], kinds: [1, 0, 1], offsets: [0, 3600],
            footer: "<+01>-1CEST,M3.5.0/-2,J300/25:30"
        ).bytes
        // Knuth's linear congruential generator is chance enough here.
        var state = seed
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        var readable = 0
        for _ in 0..<500 {
            var damaged = bytes
            for _ in 0...next(3) { damaged[next(damaged.count)] = UInt8(next(256)) }
            guard let clock = try? CivilClock(name: "X", tzif: damaged) else { continue }
            readable += 1
            for second in [-4_000_000_000, 0, 1500, 2_000_000_000, 5_000_000_000, 90_000_000_000] {
                let moment = Timestamp(millisecondsSince1970: Int64(second) * 1000)
                #expect(abs(clock.offset(at: moment)) <= 93_600)
                #expect(clock.midnight(notAfter: moment) <= moment + .seconds(2 * 86_400))
            }
        }
        #expect(readable > 0)
    }
}
