import Fleet
import Forecast
import FoundationEssentials
import Policy
import Testing

@testable import Config

@Suite struct ForecastConfigTests {
    static let block = """
        forecast:
          zone: Europe/Berlin
          holidays: [2026-12-25, {date: 2026-12-26, like: sunday}]
          events:
            - {from: 2026-11-27T08:00, to: 2026-11-28, multiplier: 2.5}
            - {from: "2026-03-29T02:30", to: 2026-03-29T03:00:00+01:00, multiplier: 0.5}
          quiet_until: 2026-02-01T12:00:00Z
          quantile: 0.95
        """

    /// The block as lines of a pool.
    static func text(_ block: String) -> String {
        let lines = block.split(separator: "\n").map { "    \($0)\n" }.joined()
        return "pools:\n  - name: chat\n\(lines)    engine: {endpoints: [\"http://a:1\"]}\n"
    }

    static func settings(_ block: String) throws -> ForecastSettings {
        try #require(parse(text(block)).pools.first).settings.forecast
    }

    @Test("a pool without the block has the defaults, and reads no file")
    func absent() throws {
        let settings = try Self.settings("min: 1")
        #expect(settings == ForecastSettings())
        #expect(settings.calendar.clock == .utc)
        #expect(settings.quantile == 0.9)
        #expect(try Self.settings("forecast: {zone: UTC}") == settings)
        let pools = try parse(Self.text("forecast: {act: false}")).pools
        #expect(pools.map(\.settings.signals.actsOnForecast) == [false])
    }

    @Test("every key is read, in local time where nothing else is said")
    func everything() throws {
        let settings = try Self.settings(Self.block)
        let calendar = settings.calendar
        #expect(calendar.clock.name == "Europe/Berlin")
        #expect(calendar.holidays.map(\.date.description) == ["2026-12-25", "2026-12-26"])
        #expect(calendar.holidays.map(\.like) == [nil, .sunday])
        // The clock goes from 02:00 to 03:00 at 01:00 UTC, so 02:30 is that moment.
        #expect(
            calendar.events.map { [$0.from, $0.to].map(MomentText.format) } == [
                ["2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"], ["2026-11-27T07:00:00Z", "2026-11-27T23:00:00Z"],
            ])
        #expect(calendar.events.map(\.multiplier) == [0.5, 2.5])
        #expect(calendar.quietUntil.map(MomentText.format) == "2026-02-01T12:00:00Z")
        #expect(settings.quantile == 0.95)
        #expect(settings.levels == [0.5, 0.9, 0.95, 0.99])
    }

    @Test("the effective settings read back as the same", arguments: [block, "forecast: {act: false}"])
    func readsBack(block: String) throws {
        let config = try parse(Self.text(block))
        #expect(try parse(config.describe(), file: "/x.yaml").pools == config.pools)
    }

    @Test(
        "one wrong thing, one message",
        arguments: [
            (
                "zone: Europe/Berln",
                "3:22: pools[0].forecast.zone: there is no time zone \"Europe/Berln\"; did you mean Europe/Berlin?"
            ),
            (
                "zone: berlin",
                "3:22: pools[0].forecast.zone: there is no time zone \"berlin\"; did you mean Europe/Berlin?"
            ),
            (
                "zone: Mars/Olympus",
                "3:22: pools[0].forecast.zone: there is no time zone \"Mars/Olympus\"; write for example Europe/Berlin"
            ),
            (
                "zone: zone.tab",
                "3:22: pools[0].forecast.zone: expected the name of a time zone, found \"zone.tab\"; "
                    + "write for example Europe/Berlin"
            ),
            (
                "zone: local",
                "3:22: pools[0].forecast.zone: what is local to this host may be otherwise on the next; "
                    + "write the name of the zone, for example Europe/Berlin"
            ),
            (
                "zone: Europe/Damaged",
                "3:22: pools[0].forecast.zone: /usr/share/zoneinfo/Europe/Damaged is damaged: "
                    + "the rule \"EST5EDT\"; install the package tzdata again"
            ),
            (
                "holidays: [2026-02-29]",
                "3:27: pools[0].forecast.holidays[0].date: expected a date, found \"2026-02-29\"; "
                    + "write for example 2026-12-25"
            ),
            (
                "holidays: [{like: sunday}]",
                "3:27: pools[0].forecast.holidays[0].date: this key is missing; write for example date: 2026-12-25"
            ),
            (
                "holidays: [2026-12-25, {date: 2026-12-25, like: monday}]",
                "3:46: pools[0].forecast.holidays[1].date: 2026-12-25 is a holiday already; keep one of them"
            ),
            (
                "holidays: [{date: 2026-12-25, like: Sunday}]",
                "3:52: pools[0].forecast.holidays[0].like: expected one of monday, tuesday, wednesday, thursday, "
                    + "friday, saturday, sunday, found \"Sunday\"; write for example sunday"
            ),
            (
                "holidays: 2026-12-25",
                "3:26: pools[0].forecast.holidays: expected a list, found \"2026-12-25\""
            ),
            (
                "events: [{from: 2026-12-25, to: 2026-12-25, multiplier: 2}]",
                "3:48: pools[0].forecast.events[0].to: an event ends after its start; write a later moment"
            ),
            (
                "events: [{from: 2026-12-25, to: 2026-12-26}]",
                "3:25: pools[0].forecast.events[0].multiplier: this key is missing; write for example multiplier: 2"
            ),
            (
                "quiet_until: tomorrow",
                "3:29: pools[0].forecast.quiet_until: expected a date, a local date and time, or one with Z or an "
                    + "offset, found \"tomorrow\"; write for example 2026-12-25T18:00"
            ),
            (
                "quantile: 0.2",
                "3:26: pools[0].forecast.quantile: expected a number from 0.5 to 0.999, found \"0.2\"; "
                    + "write for example 0.9"
            ),
        ])
    func wrong(key: String, message: String) throws {
        do {
            _ = try parse(Self.text("forecast: {\(key)}"))
            Issue.record("it passed")
        } catch {
            #expect(error.problems.map(\.description) == ["scale-agent.yaml:" + message])
        }
    }

    @Test(
        "no path leads out of the folder of zones",
        arguments: [
            "/etc/passwd", "../../etc/passwd", "Europe/../Berlin", "", "Europe//Berlin", "Europe/", "./UTC", "a b",
        ])
    func traversal(name: String) {
        let zones = ZoneFiles(environment: [:]) { path throws(UnreadableFile) in
            Issue.record("\(path) was read")
            throw UnreadableFile(reason: "")
        }
        #expect(throws: Misfit.self) { try zones.kind.read(name, true) }
    }

    @Test("TZDIR says where zones are; without any, what to install", arguments: [nil, "relative", "/opt/zones"])
    func folder(variable: String?) {
        let expected = variable == "/opt/zones" ? "/opt/zones" : "/usr/share/zoneinfo"
        let zones = ZoneFiles(environment: ["TZDIR": variable].compactMapValues { $0 }) { path throws(UnreadableFile) in
            #expect(["\(expected)/Europe/Berlin", "\(expected)/zone.tab"].contains(path))
            throw UnreadableFile(reason: "there is no such file")
        }
        do throws(Misfit) {
            _ = try zones.kind.read("Europe/Berlin", true)
            Issue.record("it passed")
        } catch {
            #expect(error.what == "\(expected) has no time zones")
            #expect(error.remedy == "install the package tzdata, or set TZDIR to their folder")
        }
    }

    @Test("all problems are told at once, and lists are bounded")
    func together() {
        let dates = (0...1000).map { "\(CivilDate(daysSince1970: 20_000 + $0))" }.joined(separator: ", ")
        let found = problems(Self.text("forecast: {zone: X, quantile: 2, zoen: Y, holidays: [\(dates)]}"))
        #expect(found.count == 4, "\(found)")
        #expect(found.contains { $0.hasSuffix("1001 entries are too many; at most 1000 are read") })
        #expect(found.contains { $0.hasSuffix("unknown key; did you mean zone?") })
    }

    @Test(
        "moments",
        arguments: [
            ("2026-12-25", "2026-12-24T23:00:00Z"), ("2026-12-25T18:00", "2026-12-25T17:00:00Z"),
            ("2026-12-25T18:00:30", "2026-12-25T17:00:30Z"), ("2026-12-25T18:00Z", "2026-12-25T18:00:00Z"),
            ("2026-12-25T18:00-05:30", "2026-12-25T23:30:00Z"), ("2026-12-25T18:00:00+14:00", "2026-12-25T04:00:00Z"),
            ("2026-12-25 18:00", nil), ("2026-12-25T18", nil), ("2026-12-25T24:00", nil), ("2026-12-25T18:60", nil),
            ("2026-12-25T18:00+1", nil), ("2026-12-25T18:00+24:00", nil), ("2026-12-25T", nil), ("2026-12-25Z", nil),
            ("26-12-25", nil), ("2026-12-25T18:00:00.5Z", nil), ("", nil), ("２０２６-12-25", nil),
        ] as [(String, String?)])
    func moments(text: String, expected: String?) throws {
        let clock = CivilClock(name: "+01:00", offset: 3600)
        #expect(MomentText.moment(text, in: clock).map(MomentText.format) == expected)
    }

    @Test("settings that were stored without a forecast have the default one")
    func stored() throws {
        var settings = PolicySettings()
        settings.maximum = 7
        let text = try String(decoding: JSONEncoder().encode(settings), as: UTF8.self)
        let start = try #require(text.firstRange(of: "\"forecast\":{"))
        // The block ends where its braces do.
        var depth = 1
        let end = text[start.upperBound...].prefix { character in
            if character == "{" { depth += 1 }
            if character == "}" { depth -= 1 }
            return depth > 0
        }.endIndex
        var old = text
        old.replaceSubrange(start.lowerBound...end, with: "\"other\":1")
        #expect(!old.contains("forecast"))
        old = old.replacing("\"signals\":", with: "\"another\":")
        #expect(try JSONDecoder().decode(PolicySettings.self, from: Data(old.utf8)) == settings)
    }

    @Test("the commented block of an example is right")
    func exampleBlock() throws {
        let text = try String(contentsOfFile: ExampleTests.path("examples/aws-asg.yaml"), encoding: .utf8)
        let start = try #require(text.firstRange(of: "    # forecast:\n"))
        let block = text[start.lowerBound...].split(separator: "\n").prefix { $0.hasPrefix("    # ") }
        let settings = try Self.settings(block.map { String($0.dropFirst(6)) }.joined(separator: "\n"))
        #expect(settings.calendar.clock.name == "America/New_York")
        #expect(settings.calendar.holidays.count == 2)
        #expect(settings.calendar.events.map(\.multiplier) == [2])
    }
}
