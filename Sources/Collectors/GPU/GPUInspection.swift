package import Fleet

/// The JSON that `inspect gpu` prints: `{"gpus":[{"index":0,...,"fault":null}],"error":null}`.
///
/// A value that the driver did not give has no key; `fault` and `error` are always there, as `null` when all is well.
package struct GPUInspection: Encodable, Sendable {
    package struct GPU: Encodable, Sendable {
        let sample: GPUSample

        private enum Key: String, CodingKey {
            case index, uuid, name, fault
            case utilization = "utilization_ratio"
            case memoryUsed = "memory_used_bytes"
            case memoryTotal = "memory_total_bytes"
            case temperature = "temperature_celsius"
            case power = "power_watts"
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
        }
    }

    package var gpus: [GPU]
    package var error: String?

    package init(_ observation: GPUObservation) {
        gpus = observation.gpus.map(GPU.init)
        error = observation.error
    }

    private enum Key: String, CodingKey { case gpus, error }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(gpus, forKey: .gpus)
        try container.encode(error, forKey: .error)
    }
}
