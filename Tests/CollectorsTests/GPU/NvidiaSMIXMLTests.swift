import Fleet
import TestSupport
import Testing

@testable import Collectors

struct NvidiaSMIXMLTests {
    private let document: [UInt8]
    private let text: String

    init() throws {
        document = try SharedFixtures.ownBytes("nvidia-smi/power-instant.xml")
        text = String(decoding: document, as: UTF8.self)
    }

    @Test func elementsAreReadByPath() {
        let reading = NvidiaSMIXML.read(document, exitCode: 0)
        var first = GPUSample(index: 0, uuid: "GPU-aaaaaaaa-0000-0000-0000-000000000000", name: "Example & Sons A1")
        first.driverVersion = "610.1"
        first.pciBusID = "00000000:0A:00.0"
        first.utilizationRatio = 0.25
        first.memoryUsedBytes = 2_147_483_648
        first.memoryTotalBytes = 42_949_672_960
        first.memoryReservedBytes = 536_870_912
        first.temperatureCelsius = 33
        first.powerWatts = 49.5
        first.powerLimitWatts = 400
        first.smClockHertz = 210_000_000
        first.uncorrectedECCErrors = 7
        first.migEnabled = false
        var lost = GPUSample(index: 1, uuid: "GPU-bbbbbbbb-0000-0000-0000-000000000000", name: "Example A1")
        lost.driverVersion = "610.1"
        lost.pciBusID = "00000000:0B:00.0"
        lost.fault = "GPU is lost"
        #expect(reading == GPUReading(gpus: [first, lost]))
    }

    @Test func olderNamesAreReadAndPartsOfAGPUAreNotTheGPU() throws {
        let reading = NvidiaSMIXML.read(try SharedFixtures.ownBytes("nvidia-smi/mig-old.xml"), exitCode: 0)
        var gpu = GPUSample(index: 0, name: "Example A100")
        gpu.pciBusID = "00000000:00:04.0"
        gpu.memoryUsedBytes = 39_845_888
        gpu.memoryTotalBytes = 42_949_672_960
        gpu.powerWatts = 66.92
        gpu.powerLimitWatts = 400
        gpu.uncorrectedECCErrors = 3
        gpu.migEnabled = true
        #expect(reading == GPUReading(gpus: [gpu]))
    }

    @Test func everyCutOfADocumentKeepsTheWholeGPUsBeforeIt() throws {
        let whole = NvidiaSMIXML.read(document, exitCode: 0)
        let ends = text.utf8.indices.filter { text[$0...].hasPrefix("</gpu>") }
            .map { text.utf8.distance(from: text.startIndex, to: $0) + 6 }
        for length in document.indices {
            let reading = NvidiaSMIXML.read(Array(document[..<length]), exitCode: 0)
            let expected = ends.count { $0 <= length }
            #expect(reading.gpus.map(\.uuid) == whole.gpus.prefix(expected).map(\.uuid), "cut at \(length)")
            if length < document.count - 1 { #expect(reading.error?.kind == .unreadable, "cut at \(length)") }
        }
    }

    @Test func theLastWholeDocumentOfAStreamCounts() {
        let next = text.replacing("<gpu_util>25 %", with: "<gpu_util>75 %")
        let cut = next.replacing("75 %", with: "99 %").dropLast(40)
        #expect(read(text + next).gpus.first?.utilizationRatio == 0.75)
        #expect(read(text + next + cut).gpus.first?.utilizationRatio == 0.75)
        #expect(read(cut + next).gpus.first?.utilizationRatio == 0.75)
        #expect(read(text + next + cut).error == nil)
    }

    @Test func aWarningAfterTheDocumentStandsBesideTheReadings() {
        let reading = read(text + "WARNING: infoROM is corrupted at gpu 0000:0A:00.0\n", exitCode: 14)
        #expect(reading.gpus.map(\.fault) == [nil, "GPU is lost"])
        #expect(
            reading.error == GPUDriverError(.infoROMCorrupted, "WARNING: infoROM is corrupted at gpu 0000:0A:00.0"))
    }

    @Test func aLostGPUKeepsItsPlaceInTheNumbering() {
        let reading = read("GPU0: 0000:09:00.0: Unknown Error\n" + text, exitCode: 255)
        #expect(reading.gpus.map(\.index) == [0, 1, 2])
        #expect(reading.gpus.map(\.fault) == ["Unknown Error", nil, "GPU is lost"])
        #expect(reading.gpus.map(\.pciBusID) == ["0000:09:00.0", "00000000:0A:00.0", "00000000:0B:00.0"])
        #expect(reading.isUsable)
    }

    @Test func aSumThatIsInfiniteIsAbsent() {
        let part = "sram_uncorrectable>1e308</sram_uncorrectable>"
        let volatile = "<\(part)<\(part.replacing("sram", with: "dram"))"
        let reading = read(
            "<nvidia_smi_log><gpu><ecc_errors><volatile>\(volatile)</volatile></ecc_errors></gpu></nvidia_smi_log>")
        #expect(reading.gpus.count == 1 && reading.gpus.first?.uncorrectedECCErrors == nil)
    }

    /// Each text would be looked up under a path of a hundred thousand names.
    @Test(.timeLimit(.minutes(1)), arguments: ["<a>x</b>", "<a>"])
    func aDocumentOfEndlessDepthIsCutThere(element: String) {
        let end = text.utf8.count - "</nvidia_smi_log>\n".utf8.count
        let reading = read(
            String(text.prefix(end)) + "<gpu>" + String(repeating: element, count: 100_000) + "</nvidia_smi_log>")
        #expect(reading.gpus.count == 2)
        #expect(reading.error?.message == "the output of nvidia-smi was cut after 2 GPUs")
    }

    @Test func fewerGPUsThanAttachedIsSaid() {
        let reading = read(text.replacing("<attached_gpus>2", with: "<attached_gpus>8"))
        #expect(reading.gpus.count == 2)
        #expect(reading.error == GPUDriverError(.unreadable, "nvidia-smi listed 2 of 8 attached GPUs"))
    }

    @Test(arguments: [
        "", "ERROR: nvidia-smi.exe was not found in:\n- system PATH\n", "<html><body>no</body></html>",
        "<nvidia_smi_log",
        "<nvidia_smi_log></gpu></gpu><gpu></nvidia_smi_log>", "<nvidia_smi_log><gpu id=></nvidia_smi_log>", "<!--",
        "<a",
    ])
    func whatIsNoDocumentIsAnErrorAndNoGPU(text: String) {
        #expect(read(text, exitCode: 0).gpus.isEmpty)
        #expect(read(text, exitCode: 0).error?.kind == .unreadable)
    }

    private func read(_ text: some StringProtocol, exitCode: Int32 = 0) -> GPUReading {
        NvidiaSMIXML.read(Array(text.utf8), exitCode: exitCode)
    }
}

struct XMLPullReaderTests {
    @Test func tagsTextAndEntitiesComeOneByOne() {
        var reader = XMLPullReader(Array("<?x?><a b=\"c\">1 &lt;&amp;lt; &x;<!-- > --><d/></a >z<e".utf8)[...])
        var tokens: [XMLPullReader.Token] = []
        while let token = reader.next() { tokens.append(token) }
        #expect(
            tokens == [
                .open(name: "a", attributes: " b=\"c\""), .text("1 <&lt; &x;"), .open(name: "d", attributes: "/"),
                .close(name: "d"), .close(name: "a"), .text("z"),
            ])
    }
}
