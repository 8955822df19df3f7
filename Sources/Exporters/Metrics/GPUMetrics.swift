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
    subscript(measured: KeyPath<GPUSample, Double?>) -> Double? { isStale ? nil : gpu[keyPath: measured] }
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
            Metric("gpu_fault", "1 when the driver reports that the GPU cannot be read, else 0.") {
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
            Metric(
                "gpu_ecc_errors_total", label: "kind",
                "Uncorrected ECC errors since the driver was loaded."
            ) { [("uncorrected", $0[\.uncorrectedECCErrors])] },
        ])
}
