import Fleet
import TestSupport
import Testing

@testable import Collectors

@Suite(.timeLimit(.minutes(1)))
struct GPUCollectorTests {
    private static let header = "index, uuid, name, pci.bus_id, memory.used [MiB]\n"
    private static let rows = "0, GPU-a, A1, 00000000:0A:00.0, 1 MiB\n1, GPU-b, A1, 00000000:0B:00.0, 2 MiB\n"
    private static let noDriver = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n"

    private func at(_ seconds: Int) -> Timestamp { Timestamp(millisecondsSince1970: Int64(seconds) * 1000) }

    @Test func readsARealProcess() async throws {
        let tool = try FakeTool()
        defer { tool.remove() }
        try tool.answers(Self.header + Self.rows)
        let observation = await tool.collector().read(now: at(100))
        #expect(observation.gpus.map(\.uuid) == ["GPU-a", "GPU-b"])
        #expect(observation.readAt == at(100) && observation.error == nil && !observation.absent)
        #expect(
            try tool.calls().map { $0.hasPrefix("--query-gpu=index,uuid,") && $0.hasSuffix(" --format=csv") } == [true])
    }

    @Test func withoutTheToolThereAreNoGPUsAndNoError() async throws {
        let tool = try FakeTool()
        defer { tool.remove() }
        let collector = tool.collector()
        let elsewhere = GPUCollector(executable: "no-such-tool-here", usesNVML: false)
        for observation in [
            await collector.read(now: at(0)), await collector.read(now: at(1)), await elsewhere.read(now: at(0)),
        ] {
            #expect(observation.absent && observation.error == nil && observation.readAt == nil)
        }

        try tool.answers(Self.header + Self.rows)
        let later = await collector.read(now: at(20))
        #expect(later.gpus.count == 2 && !later.absent)
        tool.remove()
        let gone = await collector.read(now: at(40))
        #expect(gone.gpus.count == 2 && gone.readAt == at(20) && !gone.absent)
        #expect(gone.error == "nvidia-smi is no longer there")
    }

    @Test func aFailureKeepsTheLastGoodReadingAndPausesLongerEachTime() async throws {
        let tool = try FakeTool()
        defer { tool.remove() }
        let collector = tool.collector()
        try tool.answers(Self.header + Self.rows)
        let good = await collector.read(now: at(0))

        try tool.answers(Self.noDriver, exitCode: 9)
        var attempts: [Int] = []
        for second in stride(from: 5, through: 1000, by: 5) {
            let before = try tool.calls().count
            let observation = await collector.read(now: at(second))
            if try tool.calls().count > before { attempts.append(second) }
            #expect(observation.gpus == good.gpus && observation.readAt == at(0))
            #expect(observation.error?.contains("couldn't communicate") == true && observation.exitCode == 9)
        }
        #expect(attempts == [5, 20, 50, 110, 230, 470, 770])

        try tool.answers(Self.header + Self.rows)
        #expect(await collector.read(now: at(1069)).error != nil)
        let back = await collector.read(now: at(1070))
        #expect(back.gpus == good.gpus && back.readAt == at(1070) && back.error == nil && back.exitCode == 0)
        try tool.answers(Self.noDriver, exitCode: 9)
        _ = await collector.read(now: at(1075))
        try tool.answers(Self.header + Self.rows)
        #expect(await collector.read(now: at(1090)).error == nil, "the pause is short again after a success")
    }

    @Test func aClockSetBackDoesNotProlongThePause() async throws {
        let tool = try FakeTool()
        defer { tool.remove() }
        let collector = tool.collector()
        try tool.answers(Self.noDriver, exitCode: 9)
        _ = await collector.read(now: at(10_000))
        try tool.answers(Self.header + Self.rows)
        #expect(await collector.read(now: at(0)).error == nil)
    }

    @Test func anUnknownColumnIsAnsweredByTheDocumentFromThenOn() async throws {
        let tool = try FakeTool()
        defer { tool.remove() }
        try tool.runs(
            """
            case "$1" in
            -q) echo '<nvidia_smi_log><gpu id="0:0A:0.0"><uuid>GPU-x</uuid></gpu></nvidia_smi_log>' ;;
            *) echo 'Field "mig.mode.current" is not a valid field to query.'; exit 2 ;;
            esac
            """)
        let collector = tool.collector()
        for second in [0, 1] {
            let observation = await collector.read(now: at(second))
            #expect(observation.gpus.map(\.uuid) == ["GPU-x"] && observation.error == nil)
        }
        #expect(try tool.calls().map { $0.prefix(5) } == ["--que", "-q -x", "-q -x"])
    }

    @Test(arguments: ["exec sleep 60", "trap '' TERM INT HUP; while :; do :; done"])
    func aToolThatHangsIsKilledAtTheDeadline(script: String) async throws {
        let tool = try FakeTool()
        defer { tool.remove() }
        try tool.answers(Self.header + Self.rows)
        let collector = tool.collector(deadline: .seconds(2))
        // The first start of a script can be slow on a busy machine.
        var good = await collector.read(now: at(0))
        for attempt in 1...100 where good.error != nil {
            _ = await eventually(within: .milliseconds(100)) { false }
            good = await collector.read(now: at(attempt * 10))
        }
        try #require(good.error == nil)

        try tool.runs(script)
        let began = ContinuousClock.now
        let observation = await collector.read(now: at(50_000))
        #expect(ContinuousClock.now - began < .seconds(10))
        #expect(observation.gpus == good.gpus && observation.readAt == good.readAt)
        #expect(observation.error == "nvidia-smi gave no answer within 2.0 s and was killed")
        #expect(try await tool.lastProcessEnds())
    }

    @Test func endlessOutputIsCutOffAndTheToolKilled() async throws {
        let tool = try FakeTool()
        defer { tool.remove() }
        try tool.runs("while :; do echo 0123456789abcdef; done")
        let observation = await tool.collector(outputLimit: 10_000).read(now: at(0))
        #expect(observation.error?.contains("limit of 10000 bytes") == true)
        #expect(observation.gpus.isEmpty && observation.readAt == nil)
        #expect(try await tool.lastProcessEnds())
    }

    @Test func aToolEndedByASignalIsAnError() async throws {
        let tool = try FakeTool()
        defer { tool.remove() }
        try tool.runs("kill -SEGV $$")
        #expect(
            await tool.collector().read(now: at(0)).error?.hasSuffix("ended by signal 11") == true)
    }

    @Test func aLostGPUStaysKnownByItsEarlierNames() async throws {
        let tool = try FakeTool()
        defer { tool.remove() }
        let lost = "Unable to determine the device handle for GPU 0000:0B:00.0: GPU is lost.  Reboot the system\n"
        try tool.answers(Self.header + Self.rows)
        let collector = tool.collector()
        _ = await collector.read(now: at(0))

        try tool.answers(lost, exitCode: 15)
        let alone = await collector.read(now: at(1))
        #expect(alone.gpus.map(\.fault) == [nil, "GPU is lost"])
        #expect(alone.gpus.map(\.uuid) == ["GPU-a", "GPU-b"])
        #expect(alone.gpus.map(\.memoryUsedBytes) == [1_048_576, nil])
        #expect(alone.readAt == at(0) && alone.error?.hasPrefix("Unable to determine") == true)

        try tool.answers(lost + Self.header + "0, GPU-a, A1, 00000000:0A:00.0, 7 MiB\n", exitCode: 15)
        let others = await collector.read(now: at(20))
        #expect(others.gpus.map(\.memoryUsedBytes) == [7_340_032, nil])
        #expect(others.gpus.map(\.uuid) == ["GPU-a", "GPU-b"])
        #expect(others.readAt == at(20) && others.error != nil)
    }

    @Test func aWarningStandsBesideFreshReadings() async throws {
        let tool = try FakeTool()
        defer { tool.remove() }
        let warning = "WARNING: infoROM is corrupted at gpu 0000:0B:00.0"
        try tool.answers(Self.header + Self.rows + warning + "\n", exitCode: 14)
        let collector = tool.collector()
        for second in [0, 1, 2] {
            let observation = await collector.read(now: at(second))
            #expect(observation.readAt == at(second) && observation.error == warning)
            #expect(observation.gpus.map(\.fault) == [nil, nil])
        }
    }

    @Test func aGPUThatTheDriverNoLongerListsIsAFaultUntilItIsBack() async throws {
        let tool = try FakeTool()
        defer { tool.remove() }
        try tool.answers(Self.header + Self.rows)
        let collector = tool.collector()
        let whole = await collector.read(now: at(0))
        try tool.answers(Self.header + "0, GPU-b, A1, 00000000:0B:00.0, 2 MiB\n")
        for second in [1, 2] {
            let rest = await collector.read(now: at(second))
            #expect(rest.gpus.map(\.uuid).sorted { ($0 ?? "") < ($1 ?? "") } == ["GPU-a", "GPU-b"])
            let gone = try #require(rest.gpus.first { $0.uuid == "GPU-a" })
            #expect(gone.fault == "the driver no longer lists this GPU" && gone.memoryUsedBytes == nil)
            #expect(rest.error == nil && rest.readAt == at(second))
        }
        try tool.answers(Self.header + Self.rows)
        #expect(await collector.read(now: at(3)).gpus == whole.gpus)
    }
}
