import Fleet
import FoundationEssentials
import TestSupport
import Testing

@testable import Collectors

struct AMDGPUTests {
    private static let card = [
        "uevent": "DRIVER=amdgpu\nPCI_CLASS=38000\nPCI_SLOT_NAME=0000:c1:00.0\n", "unique_id": "7d2f5a0c11b3e964\n",
        "product_name": "AMD Instinct MI300X OAM\n", "gpu_busy_percent": "97\n", "mem_info_vram_used": "68719476736\n",
        "mem_info_vram_total": "206141652992\n", "ras/umc_err_count": "ue: 1\nce: 12\n",
        "hwmon/hwmon5/temp2_input": "61000\n", "hwmon/hwmon5/power1_input": "431000000\n",
        "hwmon/hwmon5/power1_cap": "750000000\n", "hwmon/hwmon5/freq1_input": "2100000000\n",
    ]

    /// A folder of cards, each with its files.
    private func withCards(_ cards: [String: [String: String]], _ body: (String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/drm-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for (card, files) in cards {
            for (name, text) in files {
                let file = URL(filePath: "\(folder)/\(card)/device/\(name)")
                try FileManager.default.createDirectory(
                    at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
                try Data(text.utf8).write(to: file)
            }
        }
        try await body(folder)
    }

    @Test func cardsOfTheDriverAreReadInTheirOrder() async throws {
        var old = ["uevent": "DRIVER=amdgpu\n", "mem_info_vram_total": "100\n", "device": "0x73bf\n"]
        old["hwmon/hwmon0/temp1_input"] = "41500"
        old["gpu_busy_percent"] = "busy"
        let cards = [
            "card10": old, "card2": Self.card, "card0": ["uevent": "DRIVER=ast\n"], "card2-DP-1": Self.card,
            "renderD128": Self.card,
        ]
        try await withCards(cards) { folder in
            var first = GPUSample(index: 0, uuid: "7d2f5a0c11b3e964", name: "AMD Instinct MI300X OAM")
            first.pciBusID = "0000:c1:00.0"
            (first.utilizationRatio, first.temperatureCelsius) = (0.97, 61)
            (first.memoryUsedBytes, first.memoryTotalBytes) = (68_719_476_736, 206_141_652_992)
            (first.powerWatts, first.powerLimitWatts, first.smClockHertz) = (431, 750, 2.1e9)
            (first.correctedECCErrors, first.uncorrectedECCErrors) = (12, 1)
            var second = GPUSample(index: 1, uuid: nil, name: "0x73bf")
            (second.memoryTotalBytes, second.temperatureCelsius) = (100, 41.5)
            #expect(AMDGPU.read(folder) == GPUReading(gpus: [first, second]))
        }
    }

    @Test func aCardThatTellsNothingIsAFault() async throws {
        try await withCards(["card0": Self.card.filter { $0.key != "mem_info_vram_total" }]) { folder in
            #expect(AMDGPU.read(folder)?.gpus.map(\.fault) == ["the driver no longer tells its memory"])
        }
        try await withCards(["card0": ["uevent": "DRIVER=ast\n"]]) { #expect(AMDGPU.read($0) == nil) }
        #expect(AMDGPU.read("/nowhere") == nil)
    }

    @Test func withoutNVMLTheFilesAreReadAndNvidiaSMIIsNotAsked() async throws {
        try await withCards(["card0": Self.card]) { folder in
            let child = SingleChild { _ in .failed("asked") }
            let collector = GPUCollector(
                nvml: NVMLThread(opening: { nil }, amd: folder), child: child, deadline: .seconds(60))
            let observation = await collector.read(now: Timestamp(millisecondsSince1970: 0))
            #expect(observation.source == .amdgpu && observation.error == nil && observation.gpus.count == 1)
        }
    }
}
