import Fleet
import TestSupport
import Testing

@testable import Simulator

struct TrafficTraceTests {
    @Test(arguments: [
        "t_s,requests\n30,1\n45,2\n60,3\n", "30,1\n45,2\n60,3",
        "t_s,requests,other\r\n30,1,x\r\n45,2,y\r\n\r\n60,3,z\r\n",
        "t_s,requests,prompt_tokens,output_tokens\n30,1,0,0\n45,2,0,0\n60,3,0,0\n",
    ])
    func `counts are read with and without a header`(csv: String) throws {
        let trace = try TrafficTrace(csv: Array(csv.utf8))
        #expect(trace.startSecond == 30 && trace.resolution == .seconds(15) && trace.duration == .seconds(45))
        #expect(trace.bins == [1, 2, 3].map { TrafficTrace.Bin(requests: $0) })
    }

    @Test(arguments: [
        ("", 1, "expected at least two rows, found 0"), ("t_s,n\n0,1\n", 3, "expected at least two rows, found 1"),
        ("t_s,n\n0,1\n15\n", 3, "expected t_s and a count, found \"15\""),
        ("arrival_s,prompt_tokens\n", 1, "expected the first column to be t_s, found \"arrival_s\""),
        ("0,1\n15,x\n", 2, "count: expected a number from 0 on, found \"x\""),
        ("0,1\n15,-1\n", 2, "count: expected a number from 0 on, found \"-1\""),
        ("0,1\n15,nan\n", 2, "count: expected a number from 0 on, found \"nan\""),
        ("0,1\nt_s,2\n", 2, "t_s: expected a number from 0 on, found \"t_s\""),
        ("0,1\n15,1\n45,1\n", 3, "t_s: expected 30.0 after 15.0 s, found 45.0"),
        ("15,1\n15,1\n", 2, "t_s: expected more than 15.0, found 15.0"),
        ("15,1\n0,1\n", 2, "t_s: expected more than 15.0, found 0.0"),
        ("t_s,n,prompt_tokens\n0,1,5\n15,1\n", 3, "prompt_tokens: expected a number from 0 on, found \"\""),
        ("0,1\n15,\u{fffd}\n", 2, "count: expected a number from 0 on, found \"\u{fffd}\""),
    ])
    func `what is wrong is told with its line`(csv: String, line: Int, message: String) {
        #expect(throws: TraceError(line: line, message: message)) { try TrafficTrace(csv: Array(csv.utf8)) }
    }

    @Test func `arrivals have the recorded counts and lengths, in any order of asking`() throws {
        let csv = "t_s,requests,prompt_tokens,output_tokens\n0,3,300,30\n60,0,0,0\n120,2000,400000,20000\n"
        let trace = try TrafficTrace(csv: Array(csv.utf8))
        func arrivals(_ from: Int, _ to: Int, scale: Double = 1) -> [TrafficArrival] {
            trace.arrivals(
                from: .seconds(from), to: .seconds(to), seed: 5, scale: scale, lengths: RequestLengths())
        }
        let all = arrivals(0, 1000)
        #expect(all.filter { $0.at < .seconds(60) }.count == 3 && all.filter { $0.at >= .seconds(120) }.count == 2000)
        #expect(all.count == 2003 && arrivals(-60, 130) + arrivals(130, 180) == all)
        let meanPrompt = Double(all.suffix(2000).reduce(0) { $0 + $1.promptTokens }) / 2000
        #expect((meanPrompt / 200 - 1).magnitude < 0.1)
        let scaled = arrivals(120, 180, scale: 0.1).count
        #expect(scaled > 130 && scaled < 270)
    }
}
