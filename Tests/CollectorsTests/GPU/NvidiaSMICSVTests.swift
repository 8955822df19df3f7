import Fleet
import TestSupport
import Testing

@testable import Collectors

struct NvidiaSMICSVTests {
    @Test func valuesArriveInBaseUnitsAndMissingOnesAreAbsent() throws {
        let reading = NvidiaSMICSV.read(try SharedFixtures.ownBytes("nvidia-smi/two-gpus.csv"), exitCode: 0)
        var first = GPUSample(index: 0, uuid: "GPU-aaaaaaaa-0000-0000-0000-000000000000", name: "NVIDIA Example 80GB")
        first.driverVersion = "590.11"
        first.pciBusID = "00000000:0A:00.0"
        first.utilizationRatio = 0.5
        first.memoryUsedBytes = 1_073_741_824
        first.memoryTotalBytes = 85_899_345_920
        first.temperatureCelsius = 41
        first.powerWatts = 300.5
        first.powerLimitWatts = 700
        first.smClockHertz = 1_410_000_000
        first.uncorrectedECCErrors = 0
        first.migEnabled = false
        var second = GPUSample(index: 1, uuid: "GPU-bbbbbbbb-0000-0000-0000-000000000000", name: "NVIDIA Example 80GB")
        second.driverVersion = "590.11"
        second.pciBusID = "00000000:0B:00.0"
        second.memoryTotalBytes = 85_899_345_920
        second.temperatureCelsius = 40
        second.powerLimitWatts = 700
        second.smClockHertz = 345_000_000
        second.migEnabled = true
        #expect(reading == GPUReading(gpus: [first, second]))
    }

    @Test func columnsAreFoundByNameAndTakeTheUnitOfTheHeader() {
        let reading = read("memory.used [MiB], power.draw [W], index\n2, 3.5, 7\n")
        #expect(reading.gpus.map(\.index) == [7])
        #expect(reading.gpus.first?.memoryUsedBytes == 2_097_152)
        #expect(reading.gpus.first?.powerWatts == 3.5)
    }

    @Test(arguments: [
        "[N/A]", "N/A", "[Not Supported]", "-", "", "[Insufficient Permissions]", "[Function Not Found]",
        "[Requested functionality has been deprecated]", "[Something new]", "nan %", "inf %", "fifty %", "50 W", "50",
        "1e999 %",
    ])
    func whatIsNoNumberIsAbsentAndNoFault(cell: String) {
        let gpu = read("index, utilization.gpu, power.limit [W]\n0, \(cell), 70.00 W\n").gpus.first
        #expect(gpu != nil && gpu?.utilizationRatio == nil && gpu?.fault == nil)
        #expect(gpu?.powerLimitWatts == 70)
    }

    @Test func aNumberThatItsUnitMakesInfiniteIsAbsent() {
        let gpu = read("index, memory.used [MiB]\n0, 1e305 MiB\n").gpus.first
        #expect(gpu != nil && gpu?.memoryUsedBytes == nil)
    }

    @Test(arguments: [
        "[Unknown Error]", "Unknown Error", "ERR!", "GPU is lost", "[GPU is lost]", "[GPU requires reset]",
    ])
    func aFaultTextIsAFaultAndNoNumber(cell: String) {
        let reading = read("index, utilization.gpu [%], memory.used [MiB]\n0, 5 %, 1 MiB\n1, \(cell), 3 MiB\n")
        #expect(reading.gpus.map(\.fault) == [nil, cell.filter { $0 != "[" && $0 != "]" }])
        #expect(reading.gpus.last?.utilizationRatio == nil)
        #expect(reading.gpus.last?.memoryUsedBytes == 3_145_728)
        #expect(reading.isUsable)
    }

    @Test func aRowThatWasCutIsReportedAndNotHalfRead() {
        let reading = read("index, uuid, memory.used [MiB]\r\n0, GPU-a, 1 MiB\r\n1, GPU-b\r\n")
        #expect(reading.gpus.map(\.uuid) == ["GPU-a"])
        #expect(reading.error == GPUDriverError(.unreadable, "1, GPU-b"))
    }

    @Test(arguments: ["", "\n", "index, uuid\n"])
    func silenceIsAnError(text: String) {
        #expect(read(text).gpus.isEmpty)
        #expect(read(text).error?.kind == .unreadable)
    }

    @Test func utilizationOfAPartitionedGPUIsDropped() {
        let gpu = read("index, utilization.gpu [%], mig.mode.current\n0, 0 %, Enabled\n").gpus.first
        #expect(gpu?.migEnabled == true)
        #expect(gpu?.utilizationRatio == nil)
    }

    private func read(_ text: String) -> GPUReading { NvidiaSMICSV.read(Array(text.utf8), exitCode: 0) }
}
