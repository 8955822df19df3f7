import CNVML
import Fleet
import FoundationEssentials
import TestSupport
import Testing

@testable import Collectors

/// The library as the system's loader finds it: a stand-in in C, and the real one where there is a GPU.
struct NVMLStubTests {
    private let now = Timestamp(millisecondsSince1970: 0)

    @Test(.enabled(if: SharedFixtures.available && Tool("cc") != nil, "needs ../shared and cc"))
    func theLibraryIsLoadedAndRead() async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/nvml-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = folder + "/libnvidia-ml.so.1"
        let source = try #require(SharedFixtures.directory) + "/bench/nvml-stub/stub.c"
        let built = try #require(try Tool("cc")?.run(["-shared", "-fPIC", "-o", path, source]))
        try #require(built.status == 0, "\(built.output)")

        let reader = NVMLThread { NVML.opened("/nowhere/libnvidia-ml.so.1", path) }
        guard case .read(let reading) = await reader.run(now, until: .now + .seconds(60)) else {
            Issue.record("nothing was read")
            return
        }
        var first = GPUSample(index: 0, uuid: "GPU-00000000-0000-0000-0000-000000000000", name: "NVIDIA H100 80GB HBM3")
        first.driverVersion = "580.105.08"
        first.utilizationRatio = 0.71
        first.memoryTotalBytes = 85_520_809_984
        first.memoryReservedBytes = 507_510_784
        first.memoryUsedBytes = 85_520_809_984 - 65_000_000_000 - 507_510_784
        (first.temperatureCelsius, first.powerWatts, first.migEnabled) = (61, 431.25, false)
        (first.throttleReasons, first.correctedECCErrors, first.uncorrectedECCErrors) = ([.softwarePowerCap], 0, 0)
        first.xidErrors = Dictionary(uniqueKeysWithValues: XidCounts.known.map { ($0, 0) })
        try #require(reading.gpus.count == 2 && reading.error == nil)
        #expect(reading.gpus[0] == first)
        #expect(reading.gpus[1].uuid == "GPU-00000000-0000-0000-0000-000000000001")
        #expect(reading.gpus[1].fault == "GPU is lost" && reading.gpus[1].memoryUsedBytes == nil)
        #expect(reading.gpus[1].xidErrors?[79] == 64, "this one always has another event")
    }

    @Test(.enabled(if: NVMLStubTests.hasGPU, "needs a GPU with its driver"), .timeLimit(.minutes(2)))
    func theRealLibraryIsRead() async throws {
        let collector = GPUCollector(executable: "/nowhere/nvidia-smi", deadline: .seconds(60))
        for _ in 1...2 {
            let observation = await collector.read(now: now)
            #expect(observation.source == .nvml && observation.error == nil && !observation.gpus.isEmpty)
            for gpu in observation.gpus where gpu.fault == nil {
                #expect(gpu.uuid?.hasPrefix("GPU-") == true && gpu.pciBusID.map(PCIBusID.isOne) == true)
                #expect((gpu.utilizationRatio ?? 0) <= 1 && (gpu.temperatureCelsius ?? 0) < 120)
                if let used = gpu.memoryUsedBytes, let total = gpu.memoryTotalBytes { #expect(used <= total) }
            }
        }
    }

    private static let hasGPU =
        NVML.installed().map { library in
            defer { cnvml_close(library) }
            return FileManager.default.fileExists(atPath: "/dev/nvidiactl")
        } ?? false
}
