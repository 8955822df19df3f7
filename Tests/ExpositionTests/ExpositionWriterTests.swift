import Testing

@testable import Exposition

@Suite struct ExpositionWriterTests {
    static let families: [MetricFamily] = {
        var waits = MetricFamily("agent_wait_seconds", help: "Waits.", type: .histogram, unit: "seconds")
        waits.addHistogram(labels: [MetricLabel("pool", "a")], buckets: [(0.5, 1), (1, 2)], sum: 9.25, count: 3)
        return [
            MetricFamily(
                "agent_wakes_total", help: "Wakes by \"outcome\".\nC:\\ too.", type: .counter,
                samples: [MetricSample(labels: [("outcome", "a\"b\\c\nd")], value: 12)]),
            MetricFamily("agent_up", type: .gauge, samples: [MetricSample(value: 0.1)]),
            MetricFamily(
                "agent_build_info", help: "Build.", type: .info, samples: [MetricSample(labels: [("v", "1")], value: 1)]
            ),
            waits,
            MetricFamily(
                "agent_load_ratio", help: "Partly unknown.", type: .unknown,
                samples: [
                    MetricSample(labels: [("gpu", "0")], value: nil), MetricSample(labels: [("gpu", "1")], value: .nan),
                    MetricSample(labels: [("gpu", "2")], value: .infinity),
                ]),
            MetricFamily("agent_unknown", help: "Nothing known.", type: .gauge, samples: [MetricSample(value: nil)]),
        ]
    }()

    @Test func writesText() {
        #expect(
            written(Self.families, .prometheusText) == #"""
                # HELP agent_wakes_total Wakes by "outcome".\nC:\\ too.
                # TYPE agent_wakes_total counter
                agent_wakes_total{outcome="a\"b\\c\nd"} 12
                # TYPE agent_up gauge
                agent_up 0.1
                # HELP agent_build_info Build.
                # TYPE agent_build_info gauge
                agent_build_info{v="1"} 1
                # HELP agent_wait_seconds Waits.
                # TYPE agent_wait_seconds histogram
                agent_wait_seconds_bucket{pool="a",le="0.5"} 1
                agent_wait_seconds_bucket{pool="a",le="1.0"} 2
                agent_wait_seconds_bucket{pool="a",le="+Inf"} 3
                agent_wait_seconds_sum{pool="a"} 9.25
                agent_wait_seconds_count{pool="a"} 3
                # HELP agent_load_ratio Partly unknown.
                # TYPE agent_load_ratio untyped
                agent_load_ratio{gpu="2"} +Inf

                """#)
    }

    @Test func writesOpenMetrics() {
        #expect(
            written(Self.families, .openMetrics) == #"""
                # HELP agent_wakes Wakes by \"outcome\".\nC:\\ too.
                # TYPE agent_wakes counter
                agent_wakes_total{outcome="a\"b\\c\nd"} 12
                # TYPE agent_up gauge
                agent_up 0.1
                # HELP agent_build Build.
                # TYPE agent_build info
                agent_build_info{v="1"} 1
                # HELP agent_wait_seconds Waits.
                # TYPE agent_wait_seconds histogram
                # UNIT agent_wait_seconds seconds
                agent_wait_seconds_bucket{pool="a",le="0.5"} 1
                agent_wait_seconds_bucket{pool="a",le="1.0"} 2
                agent_wait_seconds_bucket{pool="a",le="+Inf"} 3
                agent_wait_seconds_sum{pool="a"} 9.25
                agent_wait_seconds_count{pool="a"} 3
                # HELP agent_load_ratio Partly unknown.
                # TYPE agent_load_ratio unknown
                agent_load_ratio{gpu="2"} +Inf
                # EOF

                """#)
    }

    @Test func emptyBodies() {
        #expect(written([], .prometheusText) == "")
        #expect(written([], .openMetrics) == "# EOF\n")
    }

    @Test(
        arguments: [
            (0, "0"), (-0.0, "-0.0"), (1, "1"), (-3, "-3"), (0.25, "0.25"), (1e6, "1000000"),
            (1e15, "1000000000000000"),
            (1e16, "1e+16"), (.leastNonzeroMagnitude, "5e-324"), (1.7976931348623157e308, "1.7976931348623157e+308"),
            (-.infinity, "-Inf"),
        ] as [(Double, String)])
    func shortestValues(value: Double, text: String) {
        var buffer: [UInt8] = []
        buffer.append(number: value)
        #expect(String(decoding: buffer, as: UTF8.self) == text)
        #expect(Double(text)?.bitPattern == value.bitPattern)
    }

    /// The examples of the OpenMetrics specification, and Go's `%g` beyond them.
    @Test(
        arguments: [
            (0, "0.0"), (0.001, "0.001"), (1, "1.0"), (10, "10.0"), (1e-10, "1e-10"), (1e-5, "1e-05"),
            (0.0001, "0.0001"),
            (100_000, "100000.0"), (1e6, "1e+06"), (1e10, "1e+10"), (1_234_567, "1.234567e+06"), (1e15, "1e+15"),
            (-2_500_000.5, "-2.5000005e+06"), (1e100, "1e+100"), (.infinity, "+Inf"), (-.infinity, "-Inf"),
            (.nan, "NaN"),
        ] as [(Double, String)])
    func canonicalNumbers(value: Double, text: String) {
        #expect(canonicalNumber(value) == text)
    }

    private func written(_ families: [MetricFamily], _ format: ExpositionFormat) -> String {
        var buffer = [UInt8]("left over".utf8)
        ExpositionWriter.write(format, into: &buffer) { for family in families { $0.write(family) } }
        return String(decoding: buffer, as: UTF8.self)
    }
}

@Suite struct ExpositionFormatTests {
    @Test(
        arguments: [
            (nil, .prometheusText), ("", .prometheusText), ("*/*", .prometheusText), ("text/html", .prometheusText),
            ("application/openmetrics-text", .openMetrics),
            ("Application/OpenMetrics-Text; Version=\"1.0.0\"", .openMetrics),
            ("application/openmetrics-text;version=0.0.1,text/plain;version=0.0.4;q=0.5", .prometheusText),
            ("application/openmetrics-text;q=0", .prometheusText),
            ("application/openmetrics-text;q=x", .prometheusText),
            ("text/plain;version=0.0.4;q=0.3 , application/openmetrics-text; version=1.0.0 ; q=0.4", .openMetrics),
            ("text/plain,application/openmetrics-text", .prometheusText),
            (
                // Prometheus 2.42.
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
                    + "text/plain;version=0.0.4;q=0.5,*/*;q=0.1", .openMetrics
            ),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", .prometheusText),
        ] as [(String?, ExpositionFormat)])
    func negotiates(accept: String?, format: ExpositionFormat) {
        #expect(ExpositionFormat(accept: accept) == format)
    }

    @Test(
        arguments: [
            (nil, .prometheusText), ("text/plain; version=1.0.0; charset=utf-8", .prometheusText),
            ("text/plain", .prometheusText), ("application/openmetrics-text; version=1.0.0", .openMetrics),
            ("text/html", nil), ("application/json", nil), ("", nil),
        ] as [(String?, ExpositionFormat?)])
    func readsContentType(header: String?, format: ExpositionFormat?) {
        #expect(ExpositionFormat(contentType: header) == format)
    }

    @Test(arguments: ExpositionFormat.allCases)
    func ownContentTypesAreRead(format: ExpositionFormat) {
        #expect(ExpositionFormat(contentType: format.contentType) == format)
    }
}
