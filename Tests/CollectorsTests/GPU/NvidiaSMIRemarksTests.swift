import Fleet
import Testing

@testable import Collectors

struct NvidiaSMIRemarksTests {
    struct Case: CustomTestStringConvertible {
        var text: String
        var exitCode: Int32
        var kind: GPUDriverError.Kind
        var testDescription: String { "\(exitCode) \(text.prefix(40))" }
    }

    @Test(arguments: [
        Case(
            text: "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure ...\n\n",
            exitCode: 9, kind: .driverNotLoaded),
        Case(
            text: "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 1.2\n",
            exitCode: 18,
            kind: .libraryMismatch),
        Case(text: "Failed to initialize NVML: Unknown Error\n", exitCode: 255, kind: .nvmlFailed),
        Case(text: "Failed to initialize NVML: Insufficient Permissions\n", exitCode: 4, kind: .noPermission),
        Case(text: "No devices were found\n", exitCode: 6, kind: .noDevices),
        Case(
            text: "NVIDIA-SMI couldn't find libnvidia-ml.so library in your system.\n", exitCode: 12,
            kind: .libraryMissing
        ),
        Case(text: "Field \"x\" is not a valid field to query.\n", exitCode: 2, kind: .invalidQuery),
        Case(text: "", exitCode: 2, kind: .invalidQuery),
        Case(text: "", exitCode: 9, kind: .driverNotLoaded),
        Case(text: "", exitCode: 18, kind: .libraryMismatch),
        Case(text: "what is this\n", exitCode: 77, kind: .failed),
        Case(text: "what is this\n", exitCode: 0, kind: .unreadable),
    ])
    func aFailureIsTypedByItsWordsAndElseByItsExitCode(example: Case) {
        for reading in [
            NvidiaSMICSV.read(Array(example.text.utf8), exitCode: example.exitCode),
            NvidiaSMIXML.read(Array(example.text.utf8), exitCode: example.exitCode),
        ] {
            #expect(reading.gpus.isEmpty)
            #expect(reading.error?.kind == example.kind)
            #expect(reading.error?.message.isEmpty == false && reading.error?.message.contains("\n") == false)
            #expect(!reading.isUsable)
        }
    }

    @Test(arguments: [
        (
            "Unable to determine the device handle for GPU 0000:02:00.0: GPU is lost.  Reboot the system to recover",
            NvidiaSMIRemarks.LostGPU(index: nil, busID: "0000:02:00.0", reason: "GPU is lost")
        ),
        (
            "Unable to determine the device handle for GPU0000:CB:00.0: Unknown Error",
            NvidiaSMIRemarks.LostGPU(index: nil, busID: "0000:CB:00.0", reason: "Unknown Error")
        ),
        (
            "GPU1: 0000:34:00.0: Unknown Error",
            NvidiaSMIRemarks.LostGPU(index: 1, busID: "0000:34:00.0", reason: "Unknown Error")
        ),
        (
            "Unable to determine the device handle for GPU 0000:02:00.0: Tired",
            NvidiaSMIRemarks.LostGPU(index: nil, busID: "0000:02:00.0", reason: "Tired")
        ),
    ])
    func aLostGPUIsASampleWithAFault(line: String, expected: NvidiaSMIRemarks.LostGPU) {
        #expect(NvidiaSMIRemarks.lostGPU(line) == expected)
        let reading = NvidiaSMICSV.read(Array((line + "\n").utf8), exitCode: 15)
        #expect(reading.error == GPUDriverError(.gpuLost, line))
        #expect(reading.gpus.map(\.pciBusID) == [expected.busID])
        #expect(reading.gpus.map(\.fault) == [expected.reason])
        #expect(!reading.isUsable)
    }

    @Test(arguments: [
        "WARNING: infoROM is corrupted at gpu 0000:0B:00.0", "GPU 0000:0B:00.0: is fine", "GPU is lost", "",
    ])
    func otherLinesNameNoLostGPU(line: String) {
        #expect(NvidiaSMIRemarks.lostGPU(line) == nil)
    }

    @Test(.timeLimit(.minutes(1)))
    func moreLostGPUsThanAnyHostHasAreNotLookedFor() {
        let lines = (0..<20_000).map { "GPU: 0000:\(String($0, radix: 16)):00.0: Unknown Error" }
        #expect(NvidiaSMIRemarks(lines).reading([], exitCode: 255).gpus.count == 64)
    }

    @Test func theOthersAreReadWhenOneIsLost() {
        let text = """
            GPU1: 0000:34:00.0: Unknown Error
            index, uuid, pci.bus_id, memory.used [MiB]
            0, GPU-a, 00000000:33:00.0, 1 MiB
            2, GPU-c, 00000000:35:00.0, 3 MiB
            """
        let reading = NvidiaSMICSV.read(Array(text.utf8), exitCode: 255)
        #expect(reading.gpus.map(\.index) == [0, 1, 2])
        #expect(reading.gpus.map(\.fault) == [nil, "Unknown Error", nil])
        #expect(reading.gpus.map(\.memoryUsedBytes) == [1_048_576, nil, 3_145_728])
        #expect(reading.error?.kind == .gpuLost)
        #expect(reading.isUsable)
    }

    @Test func withoutAnIndexTheLostGPUTakesTheGap() {
        let text = """
            index, uuid, pci.bus_id
            0, GPU-a, 00000000:33:00.0
            2, GPU-c, 00000000:35:00.0
            Unable to determine the device handle for GPU0000:34:00.0: Unknown Error
            """
        #expect(NvidiaSMICSV.read(Array(text.utf8), exitCode: 255).gpus.map(\.index) == [0, 1, 2])
    }

    @Test func aLostGPUThatHasARowGetsTheFaultThere() {
        let text = """
            index, uuid, pci.bus_id
            0, GPU-a, 00000000:33:00.0
            Unable to determine the device handle for GPU 0000:33:00.0: GPU is lost.
            """
        let reading = NvidiaSMICSV.read(Array(text.utf8), exitCode: 15)
        #expect(reading.gpus.map(\.uuid) == ["GPU-a"])
        #expect(reading.gpus.map(\.fault) == ["GPU is lost"])
    }
}
