import Testing

@testable import Exposition

@Suite struct ExpositionParserTests {
    struct Line: CustomTestStringConvertible {
        var text: String
        /// The sample as `name{label=value,…} value`, or `nil` when the line gives none.
        var sample: String?
        var reason: SkippedLine.Reason?
        var testDescription: String { text }

        init(_ text: String, _ sample: String?) {
            self.text = text
            self.sample = sample
        }

        init(_ text: String, _ reason: SkippedLine.Reason) {
            self.text = text
            self.reason = reason
        }
    }

    static let textLines: [Line] = [
        Line("a 1", "a{} 1.0"), Line("a{} 1", "a{} 1.0"), Line("a{}1", "a{} 1.0"), Line("a\t1\t", "a{} 1.0"),
        Line(" a { x = \"1\" , y=\"2\", }  1 ", "a{x=1,y=2} 1.0"), Line("vllm:a 1\r", "vllm:a{} 1.0"),
        Line("a 1 1700000000000", "a{} 1.0"), Line("a 1 -1", "a{} 1.0"),
        Line("a_bucket{le=\"1\"} 1 # {t=\"x\"} 0.5", "a_bucket{le=1} 1.0"), Line("a 1 2 # rest", "a{} 1.0"),
        Line(#"a{x="\\ \" \n \t \q"} 1"#, "a{x=\\ \" \n \\t \\q} 1.0"), Line("a{x=\"☃\"} 1", "a{x=☃} 1.0"),
        Line("{\"my.metric\",x=\"1\"} 1", "my.metric{x=1} 1.0"), Line("{x=\"1\",\"m\"} 1", "m{x=1} 1.0"),
        Line("a{\"my.label\"=\"1\"} 1", "a{my.label=1} 1.0"), Line("a{x=\"# } , =\"} 1", "a{x=# } , =} 1.0"),
        Line("a{x=\"nul \0\"} 1", "a{x=nul \0} 1.0"),
        Line("", nil), Line("  \t", nil), Line("# comment", nil), Line("#TYPE a x", nil), Line("# HELP a", nil),
        Line("# HELP", nil), Line("# TYPE ", nil),
        Line("a", .value), Line("a ", .value), Line("a x", .value), Line("a-1", .value), Line("a,1", .value),
        Line("a 1_0", .value), Line("a 0x1", .value), Line("a -NaN", .value), Line("a +NaN", .value),
        Line("a 1e400", .value), Line("a 1e", .value), Line("a .", .value), Line("a 1.2.3", .value),
        Line("a 1 1.5", .timestamp), Line("a 1 x", .timestamp), Line("a 1 2 3", .trailing), Line("a 1 -", .timestamp),
        Line("1a 1", .name), Line("<html>", .name), Line("{x=\"1\"} 1", .name), Line("{} 1", .name),
        Line("{\"a\",\"b\"} 1", .labelName), Line("a{\"b\"} 1", .labelName), Line("a{1=\"1\"} 1", .labelName),
        Line("a{=\"1\"} 1", .labelName), Line("a{\"\"=\"1\"} 1", .labelName), Line("a{x} 1", .labelName),
        Line("a{,} 1", .labelName), Line("a{x:y=\"1\"} 1", .labelName),
        Line("a{x=\"1\"y=\"2\"} 1", .labelSeparator), Line("a{x=\"1\"", .labelSeparator), Line("a{", .labelSeparator),
        Line("a{x='1'} 1", .labelValue), Line("a{x=\"1} 1", .labelValue), Line("a{x=\"1\\\"} 1", .labelValue),
        Line("a{x=\"1\",x=\"2\"} 1", .duplicateLabel), Line("a{__name__=\"b\"} 1", .duplicateLabel),
        Line("# TYPE a meh", .metadata), Line("# TYPE a", .metadata), Line("# TYPE # x", .metadata),
    ]

    @Test(arguments: textLines)
    func readsTextLine(line: Line) throws {
        try check(line, body: line.text, format: .prometheusText)
        try check(line, body: line.text + "\n", format: .prometheusText)
    }

    static let openMetricsLines: [Line] = [
        Line("a 1", "a{} 1.0"), Line("a{x=\"1\"} 1 1.5", "a{x=1} 1.0"), Line("a 1 -1e3\r", "a{} 1.0"),
        Line("a_total 1 # {t=\"x\"} 0.5", "a_total{} 1.0"),
        Line("a_bucket{le=\"1\"} 1 9 # {} 0.5 1.5", "a_bucket{le=1} 1.0"),
        Line("# UNIT a_seconds seconds", nil), Line("# UNIT a ", nil),
        Line("a  1", .value), Line("a 1 ", .exemplar), Line("a 1 NaN", .timestamp), Line("a 1 1 1", .exemplar),
        Line("a 1 # {} 1", .exemplar), Line("a_total 1 # {}1", .exemplar), Line("a_total 1 #{} 1", .exemplar),
        Line("a_total 1 # {} 1 Inf", .exemplar), Line("a_total 1 # {t=\"x\",t=\"y\"} 1", .duplicateLabel),
        Line("", .blank), Line("# comment", .metadata), Line("# TYPE a untyped", .metadata),
        Line("#  TYPE a gauge", .metadata), Line("# UNIT a_seconds meters", .metadata), Line(" a 1", .name),
    ]

    @Test(arguments: openMetricsLines)
    func readsOpenMetricsLine(line: Line) throws {
        try check(line, body: line.text + "\n# EOF\n", format: .openMetrics)
        try check(line, body: line.text + "\n# EOF", format: .openMetrics)
    }

    private func check(_ line: Line, body: String, format: ExpositionFormat) throws {
        let exposition = try Exposition(Array(body.utf8), format: format)
        let samples = exposition.families.flatMap { family in
            family.samples.map { sample in
                let labels = sample.labels.map { "\($0.name)=\($0.value)" }.joined(separator: ",")
                return "\(family.name)\(sample.suffix){\(labels)} \(sample.value ?? .nan)"
            }
        }
        #expect(samples == (line.sample.map { [$0] } ?? []))
        #expect(exposition.skipped.first == (line.reason.map { [SkippedLine(number: 1, reason: $0)] } ?? []))
    }

    @Test(
        arguments: [
            ("0", 0), ("-0", -0.0), ("007", 7), ("1.", 1), (".5", 0.5), ("+1E+05", 1e5), ("1e+0005", 1e5),
            ("Inf", .infinity),
            ("-infinity", -.infinity), ("+INF", .infinity), ("0.30000000000000004", 0.30000000000000004),
            ("1.7976931348623157e+308", .greatestFiniteMagnitude), ("1e-400", 0),
            ("9007199254740993", 9007199254740992),
            ("18446744073709551616", 18446744073709551616), ("123456789012345678901234567890", 1.2345678901234568e29),
            ("9007199254740993e-22", 9007199254740993e-22), ("0.000000000000000000000000000001", 1e-30),
        ] as [(String, Double)])
    func readsNumber(text: String, value: Double) {
        let bytes = Array(text.utf8)
        #expect(parseNumber(bytes.span, 0, bytes.count)?.bitPattern == value.bitPattern)
    }

    @Test func readsNaN() {
        for text in ["NaN", "nan", "NAN"] {
            let bytes = Array(text.utf8)
            #expect(parseNumber(bytes.span, 0, bytes.count)?.isNaN == true)
        }
    }

    @Test(
        arguments: [
            ("a 1\n\0b 2\n", .prometheusText, .nulByte(line: 2)), ("a\0 1", .prometheusText, .nulByte(line: 1)),
            ("a 1\nb{x=\"\n\nc 9\n\",y=\"\"} 3\n", .prometheusText, .lineFeedInValue(line: 2)),
            ("b{x=\"new\r\nline\"} 3\r\n", .prometheusText, .lineFeedInValue(line: 1)),
            ("b{x=\"new\nline\"} 3\n# EOF\n", .openMetrics, .lineFeedInValue(line: 1)),
            ("a 1\n", .openMetrics, .missingEnd), ("", .openMetrics, .missingEnd),
            ("a 1\n# EO", .openMetrics, .missingEnd),
            ("# EOF\n\n", .openMetrics, .dataAfterEnd(line: 2)),
            ("a 1\n# EOF\nb 1", .openMetrics, .dataAfterEnd(line: 3)),
        ] as [(String, ExpositionFormat, ExpositionError)])
    func refusesDamagedBody(body: String, format: ExpositionFormat, error: ExpositionError) {
        #expect(throws: error) { try Exposition(Array(body.utf8), format: format) }
    }

    /// What is no sample even with its line feeds was no value with one.
    @Test(arguments: ["a{x=\"1\n\"} ?\nb 2\n", "a{x=\"1\nc{y=\"\"} 3\nb 2\n", "a{x=\"1\n\nb 2\n"])
    func aMissingQuoteCostsItsLine(body: String) throws {
        let exposition = try Exposition(Array(body.utf8), format: .prometheusText)
        #expect(exposition["b"]?.samples.map(\.value) == [2])
        #expect(exposition.skipped.first.first == SkippedLine(number: 1, reason: .labelValue))
    }

    @Test func goodLinesSurviveBadOnes() throws {
        let body = "a 1\nb{ 2\nc{x=\"new\nline} 3\nd{x=\"\u{7f}\"} 4\n" + String(repeating: "?\n", count: 20) + "e 5"
        let exposition = try Exposition(Array(body.utf8), format: .prometheusText)
        #expect(exposition.families.map(\.name) == ["a", "d", "e"])
        #expect(exposition.skipped.count == 23)
        #expect(exposition.skipped.first.map(\.number) == [2, 3, 4, 6, 7, 8, 9, 10])
        #expect(exposition.skipped.first[1].reason == .labelValue)
    }

    /// What looks for the end of a value is called off by the next quote: no body makes it go through the rest each time.
    @Test(.timeLimit(.minutes(1))) func unclosedValuesTakeNoLongerThanOthers() throws {
        for line in ["a{b=\"\n", "a{b=\"\\\"\n", "a{c=\",e=\",f=\"\n"] {
            let body = Array(String(repeating: line, count: 20_000).utf8)
            #expect(try Exposition(body, format: .prometheusText).skipped.count == 20_000)
        }
    }

    @Test(arguments: [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [UInt8(ascii: "\\"), 0xff]] as [[UInt8]])
    func skipsInvalidUTF8(value: [UInt8]) throws {
        let body = Array("a{x=\"".utf8) + value + Array("\"} 1\nb 1\n".utf8)
        let exposition = try Exposition(body, format: .prometheusText)
        #expect(exposition.families.map(\.name) == ["b"])
        #expect(exposition.skipped.first == [SkippedLine(number: 1, reason: .notUTF8)])
    }

    @Test func firstOfARepeatedSeriesIsKept() throws {
        let body = "a{x=\"1\",y=\"2\"} 1\na{y=\"2\",x=\"1\"} 2\na{x=\"1\",y=\"2\",z=\"\"} 3\na{x=\"1\"} 4\n"
        let exposition = try Exposition(Array(body.utf8), format: .prometheusText)
        #expect(exposition["a"]?.samples.map(\.value) == [1, 4])
        #expect(exposition.duplicates == 2)
    }

    @Test func seriesAreToldApartByBytes() throws {
        let body = "a{x=\"\u{e9}\"} 1\na{x=\"e\u{301}\"} 2\n"
        let exposition = try Exposition(Array(body.utf8), format: .prometheusText)
        #expect(exposition["a"]?.samples.map(\.value) == [1, 2])
    }

    @Test func manyLabelsAreCheckedForRepetition() throws {
        let labels = (0..<5000).map { "l\($0)=\"v\"" }.joined(separator: ",")
        let body = "a{\(labels)} 1\nb{\(labels),l7=\"w\"} 1\n"
        let exposition = try Exposition(Array(body.utf8), format: .prometheusText)
        #expect(exposition["a"]?.samples[0].labels.count == 5000)
        #expect(exposition.skipped.first == [SkippedLine(number: 2, reason: .duplicateLabel)])
    }

    @Test func typeDecidesNotTheSuffix() throws {
        let body = """
            x_total_bucket{le="+Inf"} 1
            # TYPE x_total histogram
            x_total_sum 2
            x_total_count 1
            # TYPE y gauge
            y_sum 3
            # TYPE z unknown
            # TYPE z gauge
            # HELP z a\\\\b\\nc
            z 1
            """
        let exposition = try Exposition(Array(body.utf8), format: .prometheusText)
        #expect(exposition["x_total"]?.type == .histogram)
        #expect(exposition["x_total"]?.samples.map(\.suffix) == ["_bucket", "_sum", "_count"])
        #expect(exposition["y_sum"]?.type == .unknown)
        #expect(exposition["z"]?.help == "a\\b\nc")
        #expect(exposition["z"]?.type == .unknown)
    }

    @Test func openMetricsNamesBecomeThoseOfText() throws {
        let body = "# TYPE a counter\na_total 1\na_created 5\n# TYPE b info\nb_info{v=\"1\"} 1\n# EOF\n"
        let exposition = try Exposition(Array(body.utf8), format: .openMetrics)
        #expect(exposition.families.map(\.name) == ["a_total", "b_info", "a_created"])
        #expect(exposition.families.map(\.type) == [.counter, .info, .unknown])
    }

    @Test func onlySelectedFamiliesAreRead() throws {
        let body = """
            # TYPE a counter
            # HELP b_total no
            a_total 1
            b_total nonsense
            a_totals 1
            h_bucket{le="+Inf"} 1
            g 1
            # TYPE h histogram
            h_count 1
            {"q.r"} 1
            {"q.s"} 1
            # EOF

            """
        let exposition = try Exposition(
            Array(body.utf8), format: .openMetrics, selecting: NameSelection(families: ["a_total", "h", "q.r"]))
        #expect(exposition.families.map(\.name) == ["a_total", "h", "q.r"])
        #expect(exposition["h"]?.samples.count == 2)
        #expect(exposition.skipped.count == 0)
    }

    @Test func namesWithEscapesAreSelectedAsTheyRead() throws {
        let exposition = try Exposition(
            Array(#"{"a\nb\\\\"} 1"#.utf8), format: .prometheusText, selecting: NameSelection(families: ["a\nb\\\\"]))
        #expect(exposition.families.map(\.name) == ["a\nb\\\\"])
    }

    @Test func histogramsThatMakeNoSenseAreLeftOut() throws {
        func buckets(_ id: String, _ les: [(String, String)]) -> String {
            les.map { "h_bucket{id=\"\(id)\",le=\"\($0)\"} \($1)\n" }.joined()
        }
        let body =
            "# TYPE h histogram\n"
            + buckets("good", [("+Inf", "5"), ("1e-3", "1"), ("0.5", "3")])
            + "h_sum{id=\"good\"} 7\nh_count{id=\"good\"} 5\n"
            + buckets("falling", [("1", "3"), ("+Inf", "2")]) + buckets("no infinity", [("1", "3")])
            + buckets("bad bound", [("x", "3"), ("+Inf", "3")])
            + buckets("twice", [("1", "1"), ("1.0", "1"), ("+Inf", "2")])
            + buckets("negative", [("1", "-1"), ("+Inf", "2")]) + buckets("nan", [("1", "NaN"), ("+Inf", "2")])
            + buckets("minus infinity", [("-Inf", "1"), ("+Inf", "2")])
            + buckets("count differs", [("+Inf", "2")]) + "h_count{id=\"count differs\"} 3\n"
            + buckets("no sum", [("+Inf", "0")]) + "h_sum{id=\"no sum\"} +Inf\n"
        let exposition = try Exposition(Array(body.utf8), format: .prometheusText)
        // A bound that cannot be read takes its histogram with it; whatever else is wrong is still to be seen.
        #expect(exposition.skipped.count == 2)
        #expect(Set(exposition.skipped.first.map(\.reason)) == [.bound])
        let series = try #require(exposition["h"]).histograms()
        #expect(series.map { $0.labels.map(\.value) } == [["good"], ["no sum"]])
        #expect(series[0].buckets.map(\.upperBound) == [0.001, 0.5, .infinity])
        #expect(series[0].buckets.map(\.cumulativeCount) == [1, 3, 5])
        #expect(series.map(\.sum) == [7, nil])
        #expect(series[0].count == 5)
    }
}
