import Fleet
import FoundationEssentials
import TestSupport
import Testing

@testable import Collectors

/// Real outputs against the values that an independent reader took from them.
@Suite(.enabled(if: SharedFixtures.available, "needs ../shared"))
struct NvidiaSMIFixtureTests {
    /// One GPU as `expected.json` has it; what it lacks was not given.
    struct Expected: Decodable {
        var name: String?
        var product: String?
        var uuid: String?
        var pci: String?
        var mig_mode: String?
        var util_gpu_pct: Double?
        var raw_util_gpu: String?
        var fb_used_mib: Double?
        var fb_total_mib: Double?
        var fb_reserved_mib: Double?
        var temp_c: Double?
        var power_draw_w: Double?
        var power_average_w: Double?
        var power_instant_w: Double?
        var power_limit_w: Double?
        var sm_mhz: Double?
        var ecc_volatile_dram_uncorrectable: Double?
        var ecc_volatile_sram_uncorrectable: Double?
        var recovery_action: String?
        var throttle_active: [String]?

        func sample(index: Int) -> GPUSample {
            var sample = GPUSample(index: index, uuid: uuid, name: name ?? product)
            sample.pciBusID = pci
            sample.migEnabled = mig_mode.flatMap { ["Enabled": true, "Disabled": false][$0] }
            sample.utilizationRatio = util_gpu_pct.map { $0 / 100 }
            sample.memoryUsedBytes = fb_used_mib.map { $0 * 1_048_576 }
            sample.memoryTotalBytes = fb_total_mib.map { $0 * 1_048_576 }
            sample.memoryReservedBytes = fb_reserved_mib.map { $0 * 1_048_576 }
            sample.temperatureCelsius = temp_c
            sample.powerWatts = power_draw_w ?? power_average_w ?? power_instant_w
            sample.powerLimitWatts = power_limit_w
            sample.smClockHertz = sm_mhz.map { $0 * 1_000_000 }
            sample.throttleReasons = throttle_active.map { active in
                GPUThrottleReason.allCases.filter { active.contains($0.rawValue) }
            }
            sample.recoveryAction = recovery_action == "None" ? 0 : nil
            sample.fault = raw_util_gpu == "GPU is lost" ? "GPU is lost" : nil
            return sample
        }
    }

    struct Document: Decodable {
        var kind: String
        var driver: String?
        var attached_gpus: Double?
        var gpus: [Expected]?
        var rows: [Expected]?
    }

    static let folder = "fixtures/nvidia-smi/"
    static let documents: [String: Document] = {
        guard let bytes = try? SharedFixtures.bytes(folder + "expected.json") else { return [:] }
        return (try? JSONDecoder().decode([String: Document].self, from: Data(bytes))) ?? [:]
    }()

    @Test func thereAreFixtures() {
        #expect(Self.documents.count >= 36)
    }

    @Test(arguments: documents.keys.sorted())
    func theValuesAreTheOracles(path: String) throws {
        let document = try #require(Self.documents[path])
        let bytes = try SharedFixtures.bytes(Self.folder + path)
        let isXML = document.kind == "xml"
        let reading = isXML ? NvidiaSMIXML.read(bytes, exitCode: 0) : NvidiaSMICSV.read(bytes, exitCode: 0)
        let expected = document.gpus ?? document.rows ?? []
        try #require(reading.gpus.count == expected.count)
        for (index, (sample, oracle)) in zip(reading.gpus, expected).enumerated() {
            var wanted = oracle.sample(index: index)
            // The oracle has no driver, ECC errors and throttling in CSV, and only a part of the ECC errors in XML.
            wanted.driverVersion = isXML ? document.driver : sample.driverVersion
            wanted.uncorrectedECCErrors = isXML ? Self.ecc(oracle, sample) : sample.uncorrectedECCErrors
            wanted.correctedECCErrors = sample.correctedECCErrors
            if !isXML { wanted.throttleReasons = sample.throttleReasons }
            #expect(sample.matches(wanted), "\(sample) is not \(wanted)")
        }
        let hidden = document.attached_gpus.map { Int($0) > expected.count } ?? false
        #expect(reading.error?.kind == (hidden ? .unreadable : nil))
    }

    /// Drivers that split the SRAM count in two are not summed by the oracle; no fixture has such errors.
    private static func ecc(_ oracle: Expected, _ sample: GPUSample) -> Double? {
        let parts = [oracle.ecc_volatile_dram_uncorrectable, oracle.ecc_volatile_sram_uncorrectable].compactMap { $0 }
        return parts.isEmpty ? sample.uncorrectedECCErrors.flatMap { $0 == 0 ? 0 : nil } : parts.reduce(0, +)
    }

    struct Failure: Decodable {
        var id: String
        var stdout_file: String
        var exit_code: Int32
    }

    static let kinds: [String: GPUDriverError.Kind] = [
        "driver-library-mismatch-535": .libraryMismatch, "driver-library-mismatch-old": .libraryMismatch,
        "driver-not-loaded": .driverNotLoaded, "no-devices": .noDevices, "nvml-unknown-error": .nvmlFailed,
        "gpu-is-lost": .gpuLost, "device-handle-unknown-error-550": .gpuLost, "libnvidia-ml-missing": .libraryMissing,
        "invalid-field": .invalidQuery, "inforom-warning-tail": .infoROMCorrupted, "windows-missing": .failed,
    ]

    @Test func everyFailureHasItsKind() throws {
        let json = try SharedFixtures.bytes(Self.folder + "errors/errors.json")
        let failures = try JSONDecoder().decode([Failure].self, from: Data(json))
        #expect(failures.count >= 11)
        for failure in failures {
            let bytes = try SharedFixtures.bytes(Self.folder + failure.stdout_file)
            for reading in [
                NvidiaSMICSV.read(bytes, exitCode: failure.exit_code),
                NvidiaSMIXML.read(bytes, exitCode: failure.exit_code),
            ] {
                #expect(reading.error?.kind == Self.kinds[failure.id], "\(failure.id)")
            }
            let gpus = NvidiaSMICSV.read(bytes, exitCode: failure.exit_code).gpus
            switch failure.id {
            case "inforom-warning-tail":
                #expect(gpus.map(\.name) == ["Tesla P100-PCIE-16GB"])
                #expect(gpus.map(\.utilizationRatio) == [0])
            case "gpu-is-lost": #expect(gpus.map(\.fault) == ["GPU is lost"])
            case "device-handle-unknown-error-550": #expect(gpus.map(\.pciBusID) == ["0000:CB:00.0"])
            default: #expect(gpus.isEmpty, "\(failure.id)")
            }
        }
    }
}

extension GPUSample {
    /// Equal, with percentages compared up to the last bit of their scaling.
    fileprivate func matches(_ other: GPUSample) -> Bool {
        var mine = self
        if let a = utilizationRatio, let b = other.utilizationRatio, abs(a - b) < 1e-12 { mine.utilizationRatio = b }
        return mine == other
    }
}
