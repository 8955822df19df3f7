import Fleet
import Forecast
import Testing

@Suite struct SampleSeriesCSVTests {
    @Test(
        "columns are found by name, rows may be missing",
        arguments: [
            ("t_s,tokens,requests\n30,9,1\n45,9,\n60,9,3\n", String?.none, [1, nil, 3]),
            ("t_s,tokens,requests\r\n30,7,1\r\n\r\n45,,2.5\r\n60,9,3", "tokens", [7, nil, 9]),
            ("t_s,value\n30,1\n45,nan\n60,3\n", nil, [1, nil, 3]),
            ("\u{FEFF}t_s,value\n30,1\n45,nan\n60,3\n", nil, [1, nil, 3]),
            ("30,1\n45,2e1\n75,3\n", nil, [1, 20, nil, 3]),
        ])
    func reads(csv: String, column: String?, values: [Double?]) throws {
        let series = try SampleSeries(csv: Array(csv.utf8), column: column)
        #expect(series.values == values)
        #expect(series.start == Timestamp(millisecondsSince1970: 30_000) && series.step == .seconds(15))
    }

    @Test(
        "what is wrong is told with its line",
        arguments: [
            ("", nil, 1, "expected two rows or more, found 0"),
            ("t_s,n\n0,1\n", nil, 2, "expected two rows or more, found 1"),
            ("arrival_s,n\n", nil, 1, "first column to be t_s"),
            ("t_s,a,b\n", "c", 1, "expected a column c, found a, b"),
            ("t_s\n0\n", nil, 1, "expected a column of values, found none"),
            ("0,1\n15,1\n", "b", 1, "expected a header"),
            ("t_s,a\n0,1\nx,1\n", nil, 3, "expected seconds, found \"x\""),
            ("0,1\n15,x\n", nil, 2, "found \"x\""), ("0,1\n15,-1\n", nil, 2, "found \"-1\""),
            ("0,1\n15,inf\n", nil, 2, "found \"inf\""), ("0,1\n15\n", nil, 2, "expected 2 columns or more, found 1"),
            ("0,1\n15,1\n40,1\n", nil, 3, "expected 30.0 s after the first row"),
            ("0,1\n15,1\n15,1\n", nil, 3, "expected 30.0 s after the first row"),
            ("0,1\n0,1\n", nil, 2, "expected a later moment"), ("0,1\n1e6,1\n", nil, 2, "by at most a day"),
            ("0,1\n15,0x10\n", nil, 2, "found \"0x10\""), ("0,1\n15,1e16\n", nil, 2, "0 to 9007199254740992"),
            ("\"t_s\",\"n\"\n", nil, 1, "fields without quotes, found \"\\\"t_s"),
            ("t_s,n\r0,1\r15,1\r", nil, 1, "found only CR"),
            ("0,1\n15,\u{1B}[2J\n", nil, 2, "found \"\\u001b[2J\""),
            ("0,1\n15,\(String(repeating: "9x", count: 999))\n", nil, 2, "9x9x...\""),
            ("0,1\n1,1\n1e12,1\n", nil, 3, "cut the series"),
        ] as [(String, String?, Int, String)])
    func refuses(csv: String, column: String?, line: Int, finding: String) throws {
        let error = try #require(throws: SeriesError.self) {
            try SampleSeries(csv: Array(csv.utf8), column: column)
        }
        #expect(error.line == line && error.message.contains(finding), "\(error)")
    }

    @Test("samples at uneven moments fall into the nearest slot, the last one of several counts")
    func samples() throws {
        let moments = [1_000, 15_900, 46_100, 53_000, 61_200, 61_300].map { Timestamp(millisecondsSince1970: $0) }
        let samples = zip(moments, [1.0, 2, 4, nil, 5, 6]).map { (at: $0, value: $1) }
        let series = try #require(SampleSeries(samples: samples, step: .seconds(15)))
        #expect(series.values == [1, 2, nil, nil, 6] && series.start == moments[0])
        #expect(SampleSeries(samples: [], step: .seconds(15)) == nil)
        let far = [(at: moments[0], value: 1.0 as Double?), (at: Timestamp(millisecondsSince1970: 1 << 50), value: 1)]
        #expect(SampleSeries(samples: far, step: .seconds(15)) == nil)
    }
}
