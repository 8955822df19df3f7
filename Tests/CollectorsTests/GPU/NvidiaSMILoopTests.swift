import Fleet
import TestSupport
import Testing

@testable import Collectors

@Suite(.timeLimit(.minutes(1)))
struct NvidiaSMILoopTests {
    private func at(_ seconds: Int) -> Timestamp { Timestamp(millisecondsSince1970: Int64(seconds) * 1000) }

    private func document(_ uuid: String) -> String {
        "<?xml version=\"1.0\" ?>\n<nvidia_smi_log>\n<gpu id=\"0:0A:0.0\"><uuid>\(uuid)</uuid></gpu>\n</nvidia_smi_log>\n"
    }

    private func collector(_ tool: FakeTool, deadline: Duration = .seconds(60), outputLimit: Int = 1_000_000)
        -> GPUCollector
    {
        GPUCollector(executable: tool.path, usesNVML: false, deadline: deadline, outputLimit: outputLimit)
    }

    @Test func oneProcessServesManyReadingsUntilItIsClosed() async throws {
        let tool = try FakeTool()
        defer { tool.remove() }
        try tool.runs(
            """
            cat <<'END'
            \(document("GPU-a"))END
            while [ ! -e '\(tool.gate)' ]; do sleep 0.05; done
            cat <<'END'
            \(document("GPU-b"))END
            exec sleep 60
            """)
        let collector = collector(tool)
        for second in [0, 1, 2] {
            let observation = await collector.read(now: at(second))
            #expect(observation.gpus.map(\.uuid) == ["GPU-a"] && observation.error == nil)
            #expect(observation.source == .nvidiaSMI && observation.exitCode == nil)
        }
        try tool.openGate()
        #expect(
            await eventually {
                await collector.read(now: at(3)).gpus.contains { $0.uuid == "GPU-b" }
            })
        #expect(try tool.calls() == ["-q -x --loop=10"])
        await collector.close()
        #expect(try await tool.lastProcessEnds())
    }

    @Test func aDriverWithoutTheLoopIsAskedOnceAReading() async throws {
        let tool = try FakeTool()
        defer { tool.remove() }
        try tool.runs(
            """
            case "$*" in
            *--loop*) echo 'Option --loop is not recognized.'; exit 2 ;;
            *) printf 'index, uuid\\n0, GPU-a\\n' ;;
            esac
            """)
        let collector = collector(tool)
        for second in [0, 1] {
            let observation = await collector.read(now: at(second))
            #expect(observation.gpus.map(\.uuid) == ["GPU-a"] && observation.error == nil && observation.exitCode == 0)
        }
        #expect(try tool.calls().map { $0.prefix(4) } == ["-q -", "--qu", "--qu"])
    }

    @Test func anErrorEndsTheLoopAndTheNextReadingStartsAnother() async throws {
        let tool = try FakeTool()
        defer { tool.remove() }
        try tool.answers("Failed to initialize NVML: Driver/library version mismatch\n", exitCode: 18)
        let collector = collector(tool)
        let broken = await collector.read(now: at(0))
        #expect(broken.error == "Failed to initialize NVML: Driver/library version mismatch" && broken.exitCode == 18)
        try tool.answers(document("GPU-a"))
        let back = await collector.read(now: at(100))
        #expect(back.gpus.map(\.uuid) == ["GPU-a"] && back.error == nil && back.exitCode == nil)
        #expect(try tool.calls().map { $0.prefix(4) } == ["-q -", "--qu", "-q -"])
    }

    @Test func aLoopThatSaysNothingIsKilledAtTheDeadline() async throws {
        let tool = try FakeTool()
        defer { tool.remove() }
        try tool.runs("trap '' TERM INT HUP; while :; do sleep 1; done")
        let collector = collector(tool, deadline: .seconds(5))
        let observation = await collector.read(now: at(0))
        #expect(observation.error == "nvidia-smi gave no answer within 5.0 s and was killed")
        #expect(try await tool.lastProcessEnds())
    }

    @Test func endlessOutputIsCutOffAndTheLoopKilled() async throws {
        let tool = try FakeTool()
        defer { tool.remove() }
        try tool.runs("while :; do echo 0123456789abcdef; done")
        let observation = await collector(tool, outputLimit: 100_000).read(now: at(0))
        #expect(observation.error?.isEmpty == false && observation.gpus.isEmpty)
        #expect(try await tool.lastProcessEnds())
    }

    @Test func aLoopThatCannotBeKilledHoldsUpNobodyAndNoOtherIsStarted() async {
        let wedge = Wedge()
        let loop = NvidiaSMILoop(outputLimit: 1000) { _, _ in await wedge.hang() }
        func answer(_ limit: Duration) async -> ChildOutcome? {
            if case .none(let outcome) = await loop.read(until: .now + limit) { outcome } else { nil }
        }
        #expect(await answer(.milliseconds(30)) == .overdue)
        for _ in 1...3 { #expect(await answer(.seconds(30)) == .stuck) }
        #expect(await wedge.starts == 1)
        await wedge.letGo()
        while await loop.isStuck { await Task.yield() }
        #expect(await answer(.milliseconds(30)) == .overdue)
        #expect(await wedge.starts == 2)
        await wedge.letGo()
    }

    @Test(arguments: [1, 7, 1000])
    func documentsAreCutOutOfTheStreamWhereverItsPiecesEnd(size: Int) async throws {
        let text = Array((document("GPU-a") + document("GPU-b") + "<?xml").utf8)
        let wedge = Wedge()
        let loop = NvidiaSMILoop(outputLimit: 1000) { _, take in
            for start in stride(from: 0, to: text.count, by: size) {
                do { try await take(Array(text[start..<min(start + size, text.count)])) } catch { break }
            }
            return await wedge.hang()
        }
        let isRead = await eventually {
            guard case .document(let reading, _) = await loop.read(until: .now + .seconds(30)) else { return false }
            return reading.gpus.map(\.uuid) == ["GPU-b"] && reading.error == nil
        }
        #expect(isRead)
        await wedge.letGo()
    }
}
