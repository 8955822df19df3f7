import Fleet

/// A GPU with the reading that it comes from.
struct GPUReport: Sendable {
    var gpu: GPUSample
    var readAt: Timestamp?
    /// The reading is too old to stand for the present: what it measured is left out.
    var isStale: Bool

    /// A reading older than this is history. Longer than any sensible interval between readings.
    static let staleAfter: Duration = .seconds(90)

    /// All GPUs of an observation as they are to be shown at `now`.
    static func all(_ observation: GPUObservation?, now: Timestamp) -> [GPUReport] {
        guard let observation else { return [] }
        let isStale = observation.readAt.map { now - $0 > staleAfter } ?? true
        return observation.gpus.map { GPUReport(gpu: $0, readAt: observation.readAt, isStale: isStale) }
    }

    /// A measurement, unless the reading is too old.
    subscript<Value>(measured: KeyPath<GPUSample, Value?>) -> Value? { isStale ? nil : gpu[keyPath: measured] }
}

/// What is exported of each GPU of this host.
enum GPUMetrics {
    static let gpus = MetricGroup<GPUReport>(
        title: "GPUs of this host", labels: ["gpu", "uuid"],
        metrics: [
            Metric(
                "gpu_info", labels: ["name", "driver_version", "pci_bus_id", "mig"],
                "What the GPU is; join with it on uuid."
            ) {
                let gpu = $0.gpu
                return [([gpu.name, gpu.driverVersion, gpu.pciBusID, gpu.migEnabled.map(String.init)], 1)]
            },
            Metric("gpu_fault", "1 when the GPU cannot be read or the driver no longer lists it, else 0.") {
                $0.gpu.fault == nil ? 0 : 1
            },
            Metric("gpu_last_reading_timestamp_seconds", "When the GPU was last read, in Unix time.") {
                $0.readAt?.secondsSince1970
            },
            Metric(
                "gpu_utilization_ratio",
                "Share of the last sample period in which a kernel ran, 0 to 1; absent under MIG."
            ) { $0[\.utilizationRatio] },
            Metric("gpu_memory_used_bytes", "Memory in use.") { $0[\.memoryUsedBytes] },
            Metric("gpu_memory_total_bytes", "Memory built in.") { $0[\.memoryTotalBytes] },
            Metric("gpu_memory_reserved_bytes", "Memory that the driver keeps for itself.") {
                $0[\.memoryReservedBytes]
            },
            Metric("gpu_temperature_celsius", "Temperature of the GPU.") { $0[\.temperatureCelsius] },
            Metric("gpu_power_watts", "Power drawn.") { $0[\.powerWatts] },
            Metric("gpu_power_limit_watts", "Power that may be drawn.") { $0[\.powerLimitWatts] },
            Metric("gpu_sm_clock_hertz", "Clock of the streaming multiprocessors.") {
                $0[\.smClockHertz]
            },
            Metric("gpu_energy_joules_total", "Energy drawn since the driver was loaded.") { $0[\.energyJoules] },
            Metric(
                "gpu_throttle", label: "reason",
                "1 while this reason holds the clocks down, else 0."
            ) { report in
                let active = report[\.throttleReasons]
                return GPUThrottleReason.allCases.map { reason in
                    (reason.rawValue, active.map { $0.contains(reason) ? 1 : 0 })
                }
            },
            Metric(
                "gpu_ecc_errors_total", label: "kind",
                "ECC errors since the driver was loaded."
            ) { [("corrected", $0[\.correctedECCErrors]), ("uncorrected", $0[\.uncorrectedECCErrors])] },
            Metric(
                "gpu_xid_errors_total", label: "xid",
                "Xid errors since the agent watches for them; with NVML only, the well-known ones from 0 on."
            ) { report in
                (report[\.xidErrors] ?? [:]).sorted { $0.key < $1.key }.map { (String($0.key), Double($0.value)) }
            },
            Metric(
                "gpu_recovery_action",
                "What the driver asks for: 0 nothing, 1 reset, 2 reboot, 3 drain peer traffic, 4 drain and reset."
            ) { $0[\.recoveryAction].map(Double.init) },
        ])

    /// The same as dcgm-exporter names it, with its units, for dashboards that exist; off unless asked for.
    static let dcgm = MetricGroup<GPUReport>(
        title: "GPUs as dcgm-exporter names them, with `gpu: {dcgm_names: true}`",
        labels: ["gpu", "UUID", "device", "modelName"],
        metrics: [
            Metric("DCGM_FI_DEV_GPU_UTIL", "Utilization in percent.") { $0[\.utilizationRatio].map { $0 * 100 } },
            Metric("DCGM_FI_DEV_FB_USED", "Memory in use, in MiB.") { $0[\.memoryUsedBytes].map(mebibytes) },
            Metric("DCGM_FI_DEV_FB_FREE", "Memory that is free, in MiB.") {
                guard let total = $0[\.memoryTotalBytes], let used = $0[\.memoryUsedBytes] else { return nil }
                return mebibytes(total - used - ($0[\.memoryReservedBytes] ?? 0))
            },
            Metric("DCGM_FI_DEV_FB_RESERVED", "Memory that the driver keeps for itself, in MiB.") {
                $0[\.memoryReservedBytes].map(mebibytes)
            },
            Metric("DCGM_FI_DEV_GPU_TEMP", "Temperature in degrees Celsius.") { $0[\.temperatureCelsius] },
            Metric("DCGM_FI_DEV_POWER_USAGE", "Power drawn, in watts.") { $0[\.powerWatts] },
            Metric("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "Energy drawn since the driver was loaded, in mJ.") {
                $0[\.energyJoules].map { $0 * 1000 }
            },
            Metric("DCGM_FI_DEV_SM_CLOCK", "Clock of the streaming multiprocessors, in MHz.") {
                $0[\.smClockHertz].map { $0 / 1_000_000 }
            },
        ])

    @Sendable private static func mebibytes(_ bytes: Double) -> Double { bytes / 1_048_576 }
}
