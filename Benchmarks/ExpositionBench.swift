import Collectors
import Exporters
import Exposition
import Fleet
import FoundationEssentials
import Glibc

/// Times reading and writing of metrics, and watches its memory.
enum ExpositionBench {
    /// - Parameter arguments: `read FILE...` for speed, `skip LINES` for allocations as a debugger of memory counts
    ///   them, or `memory FILE` for a day of scrapes.
    static func run(_ arguments: [String]) throws {
        switch (arguments.first, arguments.dropFirst()) {
        case ("read", let files):
            for file in files { read(try Benchmarks.load(file), name: URL(filePath: file).lastPathComponent) }
            write()
        case ("skip", let lines):
            let count = lines.first.flatMap { Int($0) } ?? 0
            let bad = Array(
                String(repeating: "process_open_fds 12\nvllm:num_requests_running{ ?\n", count: count / 2).utf8)
            _ = samples(in: bad, selecting: NameSelection(families: EngineProfile.vllm.families))
        case ("memory", let files): for file in files { try scrapes(of: Benchmarks.load(file)) }
        default: throw Misuse()
        }
    }

    private struct Misuse: Error {}
    private struct Growth: Error { var kilobytes: Int }

    private static func read(_ body: [UInt8], name: String) {
        let wanted = NameSelection(families: EngineProfile.vllm.families)
        Benchmarks.measure("read every label of \(name)", bytes: body.count) { _ = samples(in: body) }
        Benchmarks.measure("read what vLLM's profile names of \(name)", bytes: body.count) {
            _ = samples(in: body, selecting: wanted)
        }
    }

    /// Something that rests on every name, label and value that was read.
    private static func samples(in body: [UInt8], selecting selection: NameSelection? = nil) -> Double {
        var parser = ExpositionParser(format: .prometheusText, selecting: selection)
        var sum = 0.0
        while let element = try? parser.next(in: body.span) {
            guard case .sample(let name, let value) = element else { continue }
            sum += value + Double(name.end)
            for label in parser.labels { sum += Double(label.value.end &- label.name.start) }
        }
        return sum
    }

    private static func write() {
        var snapshot = BenchPool(replicas: 1).snapshot
        snapshot.pools = (0..<11).flatMap { index in
            BenchPool(replicas: 30).snapshot.pools.map { pool in
                var pool = pool
                pool.pool = PoolID(rawValue: "pool-\(index)")
                return pool
            }
        }
        var buffer: [UInt8] = []
        MetricsExporter.write(snapshot, format: .prometheusText, into: &buffer)
        let series = buffer.split(separator: UInt8(ascii: "\n")).count { $0.first != UInt8(ascii: "#") }
        Benchmarks.measure("write /metrics, \(series) series", bytes: buffer.count) {
            MetricsExporter.write(snapshot, format: .prometheusText, into: &buffer)
        }
    }

    /// A scrape every 15 seconds of a day and an hour, read whole and for an engine: memory is what it was after the
    /// first hour or so.
    private static func scrapes(of body: [UInt8]) throws {
        var early = 0
        for scrape in 1...6_000 {
            _ = try Exposition(body, format: .prometheusText)
            _ = try? EngineProfile.vllm.read(body, contentType: nil)
            if scrape == 300 { early = residentKilobytes() }
        }
        let late = residentKilobytes()
        print(
            "{\"what\": \"6000 scrapes of \(body.count) bytes\", \"rss_kb_after_300\": \(early), \"rss_kb\": \(late)}")
        guard late - early < 1024 else { throw Growth(kilobytes: late - early) }
    }

    private static func residentKilobytes() -> Int {
        let pages = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ")
        return (pages.flatMap { $0.count > 1 ? Int($0[1]) : nil } ?? 0) * Int(getpagesize()) / 1024
    }
}
