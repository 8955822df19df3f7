import Fleet
import FoundationEssentials

/// Reads AMD GPUs from the files of the kernel's driver, on the calling thread and for as long as the driver takes.
///
/// Names and units: docs.kernel.org, gpu/amdgpu (driver-misc, thermal, ras). A file that is not there is unknown.
enum AMDGPU {
    /// - Parameter folder: `/sys/class/drm`.
    /// - Returns: `nil` when there is none.
    static func read(_ folder: String) -> GPUReading? {
        let cards = names(in: folder).compactMap { $0.hasPrefix("card") ? Int($0.dropFirst(4)) : nil }.sorted()
            .map { Files(folder: "\(folder)/card\($0)/device") }
            .filter { $0.value("DRIVER=", in: "uevent") == "amdgpu" }
        return cards.isEmpty ? nil : GPUReading(gpus: cards.enumerated().map { sample($1, index: $0) })
    }

    private static func sample(_ card: Files, index: Int) -> GPUSample {
        var gpu = GPUSample(
            index: index, uuid: card.text("unique_id"), name: card.text("product_name") ?? card.text("device"))
        gpu.pciBusID = card.value("PCI_SLOT_NAME=", in: "uevent")
        gpu.utilizationRatio = card.number("gpu_busy_percent", scale: 0.01)
        gpu.memoryUsedBytes = card.number("mem_info_vram_used")
        gpu.memoryTotalBytes = card.number("mem_info_vram_total")
        gpu.correctedECCErrors = card.value("ce:", in: "ras/umc_err_count").flatMap { Double($0) }
        gpu.uncorrectedECCErrors = card.value("ue:", in: "ras/umc_err_count").flatMap { Double($0) }
        if let name = names(in: card.folder + "/hwmon").first {
            let monitor = Files(folder: "\(card.folder)/hwmon/\(name)")
            // The edge of the die; newer cards have the junction only.
            gpu.temperatureCelsius =
                monitor.number("temp1_input", scale: 1e-3) ?? monitor.number("temp2_input", scale: 1e-3)
            gpu.powerWatts =
                monitor.number("power1_average", scale: 1e-6) ?? monitor.number("power1_input", scale: 1e-6)
            gpu.powerLimitWatts = monitor.number("power1_cap", scale: 1e-6)
            gpu.smClockHertz = monitor.number("freq1_input")
        }
        // What every card has: a driver that no longer says it has lost the card.
        if gpu.memoryTotalBytes == nil { gpu.fault = "the driver no longer tells its memory" }
        return gpu
    }

    private static func names(in folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
    }
}

private struct Files {
    let folder: String

    /// The whole file without blanks around it; `nil` where there is none, or nothing in it.
    func text(_ name: String) -> String? {
        guard let data = FileManager.default.contents(atPath: "\(folder)/\(name)") else { return nil }
        let text = String(decoding: data, as: UTF8.self).trimmingBlanks
        return text.isEmpty ? nil : String(text)
    }

    func number(_ name: String, scale: Double = 1) -> Double? {
        text(name).flatMap { Double($0) }.flatMap { $0.isFinite && $0 >= 0 ? $0 * scale : nil }
    }

    /// What follows the prefix on its line.
    func value(_ prefix: String, in name: String) -> String? {
        let line = text(name)?.split(separator: "\n").first { $0.hasPrefix(prefix) }
        return line.map { String($0.dropFirst(prefix.count).trimmingBlanks) }
    }
}
