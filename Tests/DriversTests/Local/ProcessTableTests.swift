import Fleet
import Glibc
import Testing

@testable import Drivers

struct ProcessTableTests {
    static let markers = ReplicaMarkers(
        state: "/var/lib/scale-agent", pool: PoolID(rawValue: "p"),
        launch: LocalLaunch(
            id: ReplicaID(rawValue: "p-1-x"), slot: 1, port: 8001,
            startedAt: Timestamp(millisecondsSince1970: 1_700_000_000_123)))

    @Test(arguments: ["sleep", "a) R (b", "new\nline", "((", "VLLM::EngineCor"])
    func `a stat line is read whatever the program calls itself`(name: String) throws {
        let tail = " S 1 42 41 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 987654 1000 10 0\n"
        let stat = try #require(ProcessStat(line: Array("43 (\(name))\(tail)".utf8)))
        #expect(stat.pid == 43 && stat.group == 42 && stat.session == 41 && stat.startTicks == 987_654)
        #expect(!stat.isZombie)
    }

    @Test(arguments: ["", "43", "43 (x", "43 (x) S 1 2", "x (x) S 1 42 41 0 -1 4 1 2 3 4 5 6 7 8 20 0 1 0 9 1 1"])
    func `a line that is not one is no process`(line: String) {
        #expect(ProcessStat(line: Array(line.utf8)) == nil)
    }

    @Test func `a process finds itself`() throws {
        let stat = try #require(ProcessTable.stat(getpid()))
        #expect(stat.pid == getpid() && stat.group == getpgrp() && stat.session == getsid(0))
        #expect(ProcessTable.stat(pid_t.max) == nil)
    }

    @Test func `markers come back from the environment they were put into`() {
        let lines = Self.markers.environment(
            inherited: ["PATH": "/bin", "SCALE_AGENT_SLOT": "7", "LISTEN_FDS": "1"], configured: ["A": "=b="])
        #expect(lines.contains("A==b=") && lines.contains("PATH=/bin") && !lines.contains("LISTEN_FDS=1"))
        #expect(lines.contains("SPT_NOENV=1"))
        #expect(ReplicaMarkers(environ: Array(lines.joined(separator: "\0").utf8)) == Self.markers)
    }

    @Test func `bytes around the markers do not matter, a missing or broken marker does`() {
        let lines = Self.markers.environment(inherited: [:], configured: [:]).map { Array($0.utf8) }
        let noise: [[UInt8]] = [[0xff, 0xfe], [], Array("=".utf8), Array("SCALE_AGENT_".utf8), [0x80, 0x3d, 0x80]]
        let whole = Array((noise + lines + noise).joined(separator: [0]))
        #expect(ReplicaMarkers(environ: whole) == Self.markers)
        for line in lines where line.starts(with: "SCALE_AGENT_".utf8) {
            let others = lines.filter { $0 != line }
            #expect(ReplicaMarkers(environ: Array(others.joined(separator: [0]))) == nil)
        }
        let broken = lines.map { $0.starts(with: "SCALE_AGENT_PORT=".utf8) ? $0 + [0xff] : $0 }
        #expect(ReplicaMarkers(environ: Array(broken.joined(separator: [0]))) == nil)
    }

    @Test(arguments: [
        ("--port={port}", "--port=8001"), (#"{"slot": {slot}}"#, #"{"slot": 1}"#), ("{{gpu}}", "{{id}}"),
        ("{id}{", "p-1-x{"), ("{ports}", "{ports}"),
    ])
    func `placeholders are filled once and other braces are left`(text: String, expected: String) {
        #expect(Self.markers.launch.filling(text, gpu: "{id}") == expected)
    }
}
