import Testing

@testable import Config

@Suite struct ValueTests {
    @Test(
        "durations have units",
        arguments: [
            ("500ms", 500), ("15s", 15_000), ("5m", 300_000), ("2h", 7_200_000), ("1h30m", 5_400_000),
            ("14d", 1_209_600_000), ("0s", 0), ("1d1h1m1s1ms", 90_061_001), ("90s", 90_000),
        ] as [(String, Int64)])
    func durations(text: String, milliseconds: Int64) throws {
        let span = try #require(DurationText.parse(text))
        #expect(span == .milliseconds(milliseconds))
        #expect(DurationText.parse(DurationText.format(span)) == span)
    }

    @Test(
        "no durations",
        arguments: [
            "", "15", "s", "15 s", "1.5h", "-5s", "+5s", "5S", "30m1h", "1m1m", "5min", "1h 30m", "١s",
            "99999999999999999999s", "9223372036854775807d", "106751991167d106751991167h",
        ])
    func noDurations(text: String) {
        #expect(DurationText.parse(text) == nil)
    }

    @Test(
        "percents have a sign, or a point",
        arguments: [
            ("60%", 0.6), ("60 %", 0.6), ("0.6", 0.6), ("7%", 0.07), ("0", 0), ("0%", 0), ("12.5%", 0.125),
            ("150%", 1.5),
        ])
    func percents(text: String, share: Double) throws {
        let kind = ValueKind.percent(0...5, example: "20%")
        #expect(try kind.read(text, true) == share)
        #expect(try kind.read(PercentText.format(share), true) == share)
    }

    @Test(
        "no percents",
        arguments: [
            "60", "1", "1.5", "", "%", "sixty%", "-20%", "501%", "0x1p-1", "inf", "nan%", "60%%", "1e-1", "5  %",
        ])
    func noPercents(text: String) {
        #expect(throws: Misfit.self) { try ValueKind.percent(0...5, example: "20%").read(text, true) }
    }

    @Test("a bare percent is told both ways to write it")
    func barePercent() {
        #expect(
            problems(pool("target_load: 60")) == [
                "scale-agent.yaml:3:18: pools[0].target_load: expected 1% to 200%, found \"60\"; write 60% or 0.6"
            ])
    }

    @Test("a bare duration is told its unit")
    func bareDuration() {
        #expect(
            problems(pool("interval: 15")) == [
                "scale-agent.yaml:3:15: pools[0].interval: expected 1s to 5m, found \"15\"; "
                    + "write the unit, for example 15s"
            ])
    }

    @Test(
        "listens at",
        arguments: [
            ("127.0.0.1:9839", ListenAddress(host: "127.0.0.1", port: 9839)),
            ("localhost:0", .init(host: "localhost", port: 0)),
            ("[::1]:80", .init(host: "::1", port: 80)),
        ])
    func listens(text: String, address: ListenAddress) throws {
        let config = try parse("listen: \"\(text)\"\n" + pool("min: 1"))
        #expect(config.listen == address)
        #expect(address.description == text)
    }

    @Test(
        "does not listen at",
        arguments: ["9839", ":9839", "::1:80", "a:65536", "a:-1", "a:+1", "a b:1", "a/b:1", "[a]:1", "a:"])
    func listensNot(text: String) {
        #expect(problems("listen: \"\(text)\"\n" + pool("min: 1")).count == 1)
    }

    @Test(
        "addresses of engines",
        arguments: [("http://a:1/", "http://a:1"), ("https://a", "https://a"), ("http://[::1]:1", "http://[::1]:1")])
    func addresses(text: String, address: String) throws {
        let config = try parse(pool("min: 1", engine: "endpoints: [\"\(text)\"]"))
        #expect(config.pools[0].engine.location == .fixed([address]))
    }

    @Test(
        "no addresses of engines",
        arguments: [
            "a:1", "ftp://a", "http://", "http:///x", "http://a/metrics", "http://a:b", "http://a?x", "http://u:p@a",
            "http://a b",
        ])
    func noAddresses(text: String) {
        let found = problems(pool("min: 1", engine: "endpoints: [\"\(text)\"]"))
        #expect(found.count == 1)
        #expect(found.first?.hasPrefix("scale-agent.yaml:4:26: pools[0].engine.endpoints[0]: ") == true)
        #expect(found.first?.contains("u:p") != true)
    }

    @Test(
        "edit distances",
        arguments: [("", "", 0), ("abc", "", 3), ("kitten", "sitting", 3), ("coldown", "cooldown", 1)])
    func distances(a: String, b: String, distance: Int) {
        #expect(editDistance(a, b) == distance)
        #expect(editDistance(b, a) == distance)
    }
}
