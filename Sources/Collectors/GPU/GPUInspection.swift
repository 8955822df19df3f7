package import Fleet

/// The JSON that `inspect gpu` prints: `{"gpus":[{"index":0,...,"fault":null}],"error":null}`.
///
/// A value that the driver did not give has no key; `fault` and `error` are always there, as `null` when all is well.
/// With all values it also says how they were read.
package struct GPUInspection: Encodable, Sendable {
    package struct GPU: Encodable, Sendable {
        let sample: GPUSample
        let showsAll: Bool

        private enum Key: String, CodingKey {
            case index, uuid, name, fault
            case utilization = "utilization_ratio"
            case memoryUsed = "memory_used_bytes"
            case memoryTotal = "memory_total_bytes"
            case temperature = "temperature_celsius"
            case power = "power_watts"
            case driver = "driver_version"
            case bus = "pci_bus_id"
            case mig = "mig_enabled"
            case memoryReserved = "memory_reserved_bytes"
            case powerLimit = "power_limit_watts"
            case energy = "energy_joules"
            case smClock = "sm_clock_hertz"
            case throttle = "throttle_reasons"
            case corrected = "corrected_ecc_errors"
            case uncorrected = "uncorrected_ecc_errors"
            case xids = "xid_errors"
            case recovery = "recovery_action"
        }

        package func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(sample.index, forKey: .index)
            try container.encodeIfPresent(sample.uuid, forKey: .uuid)
            try container.encodeIfPresent(sample.name, forKey: .name)
            try container.encodeIfPresent(sample.utilizationRatio, forKey: .utilization)
            try container.encodeIfPresent(sample.memoryUsedBytes, forKey: .memoryUsed)
            try container.encodeIfPresent(sample.memoryTotalBytes, forKey: .memoryTotal)
            try container.encodeIfPresent(sample.temperatureCelsius, forKey: .temperature)
            try container.encodeIfPresent(sample.powerWatts, forKey: .power)
            try container.encode(sample.fault, forKey: .fault)
            guard showsAll else { return }
            try container.encodeIfPresent(sample.driverVersion, forKey: .driver)
            try container.encodeIfPresent(sample.pciBusID, forKey: .bus)
            try container.encodeIfPresent(sample.migEnabled, forKey: .mig)
            try container.encodeIfPresent(sample.memoryReservedBytes, forKey: .memoryReserved)
            try container.encodeIfPresent(sample.powerLimitWatts, forKey: .powerLimit)
            try container.encodeIfPresent(sample.energyJoules, forKey: .energy)
            try container.encodeIfPresent(sample.smClockHertz, forKey: .smClock)
            try container.encodeIfPresent(sample.throttleReasons, forKey: .throttle)
            try container.encodeIfPresent(sample.correctedECCErrors, forKey: .corrected)
            try container.encodeIfPresent(sample.uncorrectedECCErrors, forKey: .uncorrected)
            try container.encodeIfPresent(sample.xidErrors, forKey: .xids)
            try container.encodeIfPresent(sample.recoveryAction, forKey: .recovery)
        }
    }

    package var gpus: [GPU]
    package var error: String?
    private var source: GPUObservation.Source?
    private var tookSeconds: Double?

    package init(_ observation: GPUObservation, showsAll: Bool = false) {
        gpus = observation.gpus.map { GPU(sample: $0, showsAll: showsAll) }
        error = observation.error
        if showsAll { (source, tookSeconds) = (observation.source, observation.took?.seconds) }
    }

    private enum Key: String, CodingKey {
        case gpus, error, source
        case tookSeconds = "took_seconds"
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(gpus, forKey: .gpus)
        try container.encode(error, forKey: .error)
        try container.encodeIfPresent(source, forKey: .source)
        try container.encodeIfPresent(tookSeconds, forKey: .tookSeconds)
    }
}
