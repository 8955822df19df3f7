import CNVML
import Dispatch
import Fleet
import Synchronization
import TestSupport
import Testing

@testable import Collectors

/// A driver in memory; C functions cannot capture one, so there is only this.
private struct FakeDriver {
    var isLoaded = true
    var gpus = ["GPU-a", "GPU-b"]
    var lost: Set<Int> = []
    var mig: Set<Int> = []
    var events: [(gpu: Int, xid: UInt64)] = []
    var knowsMemoryV2 = true
    var isWedged = false
    private(set) var starts = 0
    private(set) var stops = 0

    mutating func start() -> Int32 {
        starts += 1
        return isLoaded ? 0 : 9
    }

    mutating func stop() { stops += 1 }

    /// The code with which calls about this GPU are answered.
    func code(_ gpu: OpaquePointer?) -> Int32 { !isLoaded ? 9 : lost.contains(index(gpu)) ? 15 : 0 }

    func index(_ gpu: OpaquePointer?) -> Int { Int(bitPattern: gpu) - 1 }
}

private let driver = Mutex(FakeDriver())
/// Where a wedged call waits to be let go.
private let gate = DispatchSemaphore(value: 0)

/// A library with some of the functions; the others are missing as in another version.
@Sendable private func library() -> cnvml? {
    var library = cnvml()
    library.start = {
        if driver.withLock(\.isWedged) { _ = gate.wait(timeout: .now() + 60) }
        return driver.withLock { $0.start() }
    }
    library.stop = {
        driver.withLock { $0.stop() }
        return 0
    }
    library.count = { count in
        count?.pointee = driver.withLock { UInt32($0.gpus.count) }
        return 0
    }
    library.device = { index, device in
        device?.pointee = OpaquePointer(bitPattern: Int(index) + 1)
        return 0
    }
    library.uuid = { device, text, _ in
        let uuid = driver.withLock { $0.gpus[$0.index(device)] }
        for (place, byte) in uuid.utf8.enumerated() { text?[place] = CChar(byte) }
        return 0
    }
    library.utilization = { device, value in
        value?.pointee.gpu = 50
        return driver.withLock { $0.code(device) }
    }
    library.mig_mode = { device, current, _ in
        current?.pointee = driver.withLock { $0.mig.contains($0.index(device)) ? 1 : 0 }
        return 0
    }
    library.memory_v2 = { _, value in
        value?.pointee.used = 3
        return driver.withLock(\.knowsMemoryV2) ? 0 : 25
    }
    library.memory = { _, value in
        value?.pointee.used = 5
        return 0
    }
    library.fields = { _, count, fields in
        fields?.pointee.value = 2
        return count == 1 && fields?.pointee.field == 230 ? 0 : 2
    }
    library.events_create = { events in
        events?.pointee = OpaquePointer(bitPattern: 1)
        return 0
    }
    library.events_register = { device, types, _ in types == 8 && driver.withLock { $0.index(device) == 0 } ? 0 : 3 }
    library.events_wait = { _, event, _ in
        driver.withLock { driver in
            guard !driver.events.isEmpty else { return 10 }
            let next = driver.events.removeFirst()
            event?.pointee = cnvml_event(
                device: OpaquePointer(bitPattern: next.gpu + 1), type: 8, data: next.xid, gpu_instance: .max,
                compute_instance: .max)
            return 0
        }
    }
    return library
}

@Suite(.serialized, .timeLimit(.minutes(1)))
struct NVMLTests {
    init() { driver.withLock { $0 = FakeDriver() } }

    private func at(_ seconds: Int) -> Timestamp { Timestamp(millisecondsSince1970: Int64(seconds) * 1000) }

    private func collector(
        deadline: Duration = .seconds(30), tool: @escaping SingleChild.Launch = { _ in .missing }
    ) -> GPUCollector {
        GPUCollector(nvml: NVMLThread(opening: library), child: SingleChild(launch: tool), deadline: deadline)
    }

    @Test func whatTheLibraryLacksIsUnknown() async {
        let observation = await collector().read(now: at(0))
        var first = GPUSample(index: 0, uuid: "GPU-a")
        (first.utilizationRatio, first.memoryUsedBytes, first.memoryTotalBytes) = (0.5, 3, 0)
        (first.memoryReservedBytes, first.migEnabled, first.recoveryAction) = (0, false, 2)
        first.xidErrors = Dictionary(uniqueKeysWithValues: XidCounts.known.map { ($0, 0) })
        #expect(observation.gpus.first == first)
        #expect(observation.gpus.map(\.xidErrors?.count) == [XidCounts.known.count, nil], "the other has no events")
        #expect(observation.source == .nvml && observation.readAt == at(0) && observation.error == nil)
    }

    @Test func aPartitionedGPUHasNoUtilization() async {
        driver.withLock { $0.mig = [1] }
        let gpus = await collector().read(now: at(0)).gpus
        #expect(gpus.map(\.migEnabled) == [false, true] && gpus.map(\.utilizationRatio) == [0.5, nil])
    }

    @Test func anOlderLibraryGivesMemoryWithoutTheReserve() async {
        driver.withLock { $0.knowsMemoryV2 = false }
        let gpus = await collector().read(now: at(0)).gpus
        #expect(gpus.map(\.memoryUsedBytes) == [5, 5] && gpus.map(\.memoryReservedBytes) == [nil, nil])
        #expect(gpus.map(\.fault) == [nil, nil])
    }

    @Test func aReloadedDriverIsReadAgain() async {
        let collector = collector()
        let good = await collector.read(now: at(0))
        driver.withLock { $0.isLoaded = false }
        for second in [15, 40, 80] {
            let broken = await collector.read(now: at(second))
            #expect(broken.gpus == good.gpus && broken.readAt == at(0) && broken.error == "NVML: error 9")
        }
        driver.withLock { $0.isLoaded = true }
        #expect(await collector.read(now: at(200)).error == nil)
        #expect(driver.withLock { $0.starts - $0.stops } == 3, "two failed to start, one is open")
    }

    @Test func aLostGPUIsAFaultAndComesBack() async {
        let collector = collector()
        let good = await collector.read(now: at(0))
        driver.withLock { ($0.lost, $0.events) = ([0], [(0, 79), (1, 13)]) }
        let lost = await collector.read(now: at(15))
        #expect(lost.gpus.map(\.fault) == ["error 15", nil] && lost.gpus.map(\.utilizationRatio) == [nil, 0.5])
        #expect(lost.gpus[0].xidErrors?[79] == 1 && lost.readAt == at(15))

        // After the next start the driver has only the other one, and then both again.
        driver.withLock { ($0.lost, $0.gpus) = ([], ["GPU-b"]) }
        let gone = await collector.read(now: at(30)).gpus.first { $0.uuid == "GPU-a" }
        #expect(gone?.fault == "error 15" && gone?.xidErrors?[79] == 1)
        driver.withLock { $0.gpus = ["GPU-a", "GPU-b"] }
        _ = await collector.read(now: at(45))
        let back = await collector.read(now: at(60)).gpus
        #expect(back.map(\.fault) == [nil, nil] && back.map(\.utilizationRatio) == [0.5, 0.5])
        #expect(back[0].xidErrors?[79] == 1 && good.gpus[0].xidErrors?[79] == 0)
    }

    @Test func aWedgedCallHoldsUpNobodyAndIsNotRepeated() async {
        driver.withLock { $0.isWedged = true }
        let collector = collector(deadline: .milliseconds(200)) { _ in
            .exited(code: 0, output: Array("index, uuid\n0, GPU-t\n".utf8))
        }
        #expect(await collector.read(now: at(0)).error == "the driver gave no answer within 0.2 s")
        for second in [15, 30, 45] {
            let observation = await collector.read(now: at(second))
            #expect(observation.gpus.map(\.uuid) == ["GPU-t"] && observation.source == .nvidiaSMI)
        }
        driver.withLock { $0.isWedged = false }
        gate.signal()
        #expect(await eventually { await collector.read(now: at(60)).source == .nvml })
        #expect(driver.withLock(\.starts) == 1)
    }

    @Test func aWedgedCallWithoutTheToolIsAnErrorAndNoAbsence() async {
        driver.withLock { $0.isWedged = true }
        let collector = collector(deadline: .milliseconds(50))
        _ = await collector.read(now: at(0))
        let observation = await collector.read(now: at(15))
        #expect(observation.error == "the driver has not returned from an earlier call; it may hang")
        #expect(!observation.absent)
        driver.withLock { $0.isWedged = false }
        gate.signal()
        let looks = Mutex(0)
        let isBack = await eventually {
            let look = looks.withLock { count in
                count += 1
                return count
            }
            return await collector.read(now: at(look * 1000)).source == .nvml
        }
        #expect(isBack)
    }

    @Test func aHostWithoutGPUsSaysSo() async {
        driver.withLock { $0.gpus = [] }
        #expect(await collector().read(now: at(0)).error == "NVML: no devices were found")
    }

    @Test func whereTheLibraryFailsTheToolMayNot() async {
        driver.withLock { $0.isLoaded = false }
        let fails = await collector { _ in .exited(code: 9, output: []) }.read(now: at(0))
        #expect(fails.error == "NVML: error 9" && fails.source == .nvml && fails.exitCode == 9)
        let works = await collector { _ in .exited(code: 0, output: Array("index, uuid\n0, GPU-t\n".utf8)) }
            .read(now: at(0))
        #expect(works.error == nil && works.source == .nvidiaSMI && works.gpus.count == 1)
    }

    @Test func withoutALibraryTheToolIsAsked() async {
        let collector = GPUCollector(
            nvml: NVMLThread { nil },
            child: SingleChild { _ in .exited(code: 0, output: Array("index, uuid\n0, GPU-t\n".utf8)) },
            deadline: .seconds(30))
        let observation = await collector.read(now: at(0))
        #expect(observation.source == .nvidiaSMI && observation.gpus.count == 1)
    }
}
