import Fleet

/// The values of one GPU by the name the driver gave them: a CSV column, or an XML path below `<gpu>`.
///
/// The names changed over the driver's versions, and the version of the document type is no guide to them, so each
/// field asks for all the names it ever had, best first, and takes the first that holds a value.
struct NvidiaSMIFields {
    private var values: [String: (text: String, unit: String)] = [:]
    /// The first fault among the values.
    private(set) var fault: String?

    /// Keeps a value under its name unless the name is of no interest, or holds one already.
    mutating func note(_ name: String, _ raw: some StringProtocol, unit: String = "") {
        guard Self.names.contains(name) else { return }
        switch NvidiaSMICell(raw) {
        case .absent: break
        case .fault(let reason): fault = fault ?? reason
        case .value(let text): if values[name] == nil { values[name] = (text, unit) }
        }
    }

    var index: Int? { text(Self.index).flatMap { Int($0) } }

    /// The sample; `index` is for outputs that do not number their GPUs.
    func sample(index position: Int) -> GPUSample {
        var sample = GPUSample(index: index ?? position, uuid: text(Self.uuid), name: text(Self.name))
        sample.driverVersion = text(Self.driverVersion).map(Self.versionAlone)
        sample.pciBusID = text(Self.busID)
        sample.migEnabled = text(Self.mig).flatMap { ["Enabled": true, "Disabled": false][$0] }
        // A partitioned GPU has no utilization of its own; what some drivers print there is not one.
        sample.utilizationRatio = sample.migEnabled == true ? nil : number(Self.utilization, .ratio)
        sample.memoryUsedBytes = number(Self.memoryUsed, .bytes)
        sample.memoryTotalBytes = number(Self.memoryTotal, .bytes)
        sample.memoryReservedBytes = number(Self.memoryReserved, .bytes)
        sample.temperatureCelsius = number(Self.temperature, .celsius)
        sample.powerWatts = number(Self.power, .watts)
        sample.powerLimitWatts = number(Self.powerLimit, .watts)
        sample.smClockHertz = number(Self.smClock, .hertz)
        sample.uncorrectedECCErrors = number(Self.eccTotal, .count) ?? sum(Self.eccParts)
        sample.correctedECCErrors = number(Self.correctedTotal, .count) ?? sum(Self.correctedParts)
        sample.throttleReasons = throttleReasons
        sample.recoveryAction = text(Self.recovery).flatMap { Self.recoveryActions.firstIndex(of: $0) }
        sample.fault = fault
        return sample
    }

    private func text(_ names: [String]) -> String? {
        for name in names { if let value = values[name] { return value.text } }
        return nil
    }

    private func number(_ names: [String], _ quantity: NvidiaSMIQuantity) -> Double? {
        for name in names {
            if let value = values[name], let number = quantity.parse(value.text, headerUnit: value.unit) {
                return number
            }
        }
        return nil
    }

    /// The sum of those that are given; `nil` when none is.
    private func sum(_ names: [String]) -> Double? {
        let parts = names.compactMap { number([$0], .count) }
        let sum = parts.reduce(0, +)
        return parts.isEmpty || !sum.isFinite ? nil : sum
    }

    /// From the mask in CSV, or from the elements in XML.
    private var throttleReasons: [GPUThrottleReason]? {
        if let mask = text(Self.reasonMask) { return UInt64(mask.dropFirst(2), radix: 16).map(GPUThrottleReason.all) }
        let told = zip(GPUThrottleReason.allCases, Self.reasons).filter { text($1) != nil }
        return told.isEmpty ? nil : told.filter { text($1) == "Active" }.map { $0.0 }
    }

    /// Newer drivers add a remark: `610.57.04 [Deprecated; use KMD Version instead]`.
    private static func versionAlone(_ text: String) -> String { String(text.prefix { $0 != " " }) }
}

extension NvidiaSMIFields {
    private static let index = ["index"]
    private static let uuid = ["uuid"]
    private static let name = ["name", "product_name"]
    private static let driverVersion = ["kmd_version", "driver_version"]
    private static let busID = ["pci.bus_id", "pci/pci_bus_id", "@id"]
    private static let mig = ["mig.mode.current", "mig_mode/current_mig"]
    private static let utilization = ["utilization.gpu", "utilization/gpu_util"]
    private static let memoryUsed = ["memory.used", "fb_memory_usage/used"]
    private static let memoryTotal = ["memory.total", "fb_memory_usage/total"]
    private static let memoryReserved = ["memory.reserved", "fb_memory_usage/reserved"]
    private static let temperature = ["temperature.gpu", "temperature/gpu_temp"]
    /// The average over a second before the instantaneous draw, which jumps.
    private static let power = [
        "power.draw", "power.draw.average", "power.draw.instant",
        "gpu_power_readings/power_draw", "power_readings/power_draw",
        "gpu_power_readings/average_power_draw", "gpu_power_readings/instant_power_draw",
    ]
    private static let powerLimit = [
        "power.limit", "gpu_power_readings/current_power_limit", "gpu_power_readings/power_limit",
        "power_readings/current_power_limit", "power_readings/power_limit",
    ]
    private static let smClock = ["clocks.current.sm", "clocks.sm", "clocks/sm_clock"]
    private static let eccTotal = ["ecc.errors.uncorrected.volatile.total", "ecc_errors/volatile/double_bit/total"]
    private static let eccParts = [
        "ecc_errors/volatile/sram_uncorrectable", "ecc_errors/volatile/sram_uncorrectable_parity",
        "ecc_errors/volatile/sram_uncorrectable_secded", "ecc_errors/volatile/dram_uncorrectable",
    ]
    private static let correctedTotal = [
        "ecc.errors.corrected.volatile.total", "ecc_errors/volatile/single_bit/total",
    ]
    private static let correctedParts = [
        "ecc_errors/volatile/sram_correctable", "ecc_errors/volatile/dram_correctable",
    ]
    private static let reasonMask = ["clocks_event_reasons.active", "clocks_throttle_reasons.active"]
    /// In the order of the cases.
    private static let reasons = GPUThrottleReason.allCases.map { reason in
        ["event", "throttle"].map { "clocks_\($0)_reasons/clocks_\($0)_reason_" + reason.rawValue }
    }
    private static let recovery = ["gpu_recovery_action"]
    /// At the place of their number.
    private static let recoveryActions = ["None", "Reset", "Reboot", "Drain P2P", "Drain and Reset"]

    /// All names that any field reads.
    static let names = Set(
        [
            index, uuid, name, driverVersion, busID, mig, utilization, memoryUsed, memoryTotal, memoryReserved,
            temperature, power, powerLimit, smClock, eccTotal, eccParts, correctedTotal, correctedParts, reasonMask,
            recovery, reasons.flatMap(\.self),
        ].joined())

    /// The columns to ask for: old ones that every driver since 450 answers. One unknown field fails the whole query.
    static let query = [
        "index", "uuid", "name", "pci.bus_id", "driver_version", "utilization.gpu", "memory.total", "memory.used",
        "temperature.gpu", "power.draw", "power.limit", "clocks.current.sm", "ecc.errors.uncorrected.volatile.total",
        "ecc.errors.corrected.volatile.total", "clocks_throttle_reasons.active", "mig.mode.current",
    ]
}
