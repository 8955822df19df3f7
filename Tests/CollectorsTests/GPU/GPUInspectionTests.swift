import Fleet
import FoundationEssentials
import Testing

@testable import Collectors

struct GPUInspectionTests {
    @Test func absentValuesHaveNoKeyAndFaultAndErrorAlwaysDo() throws {
        var whole = GPUSample(index: 0, uuid: "GPU-a", name: "Example")
        whole.utilizationRatio = 0.5
        whole.memoryUsedBytes = 85_899_345_920
        whole.memoryTotalBytes = 171_798_691_840
        whole.temperatureCelsius = 41
        whole.powerWatts = 300.25
        whole.smClockHertz = 1
        var lost = GPUSample(index: 1)
        lost.fault = "GPU is lost"
        #expect(
            try json(GPUObservation(gpus: [whole, lost])) == """
                {"error":null,"gpus":[{"fault":null,"index":0,"memory_total_bytes":171798691840,\
                "memory_used_bytes":85899345920,"name":"Example","power_watts":300.25,"temperature_celsius":41,\
                "utilization_ratio":0.5,"uuid":"GPU-a"},{"fault":"GPU is lost","index":1}]}
                """)
        #expect(try json(GPUObservation(error: "no driver")) == #"{"error":"no driver","gpus":[]}"#)
    }

    private func json(_ observation: GPUObservation) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return String(decoding: try encoder.encode(GPUInspection(observation)), as: UTF8.self)
    }
}
