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

    @Test func allValuesAreShownWhenAskedFor() throws {
        var gpu = GPUSample(index: 0)
        (gpu.throttleReasons, gpu.xidErrors, gpu.recoveryAction) = ([.powerBrake], [79: 1], 2)
        var observation = GPUObservation(gpus: [gpu])
        (observation.source, observation.took) = (.nvidiaSMI, .milliseconds(250))
        #expect(
            try json(observation, showsAll: true) == """
                {"error":null,"gpus":[{"fault":null,"index":0,"recovery_action":2,\
                "throttle_reasons":["hw_power_brake_slowdown"],"xid_errors":{"79":1}}],\
                "source":"nvidia-smi","took_seconds":0.25}
                """)
        #expect(try json(observation) == #"{"error":null,"gpus":[{"fault":null,"index":0}]}"#)
    }

    private func json(_ observation: GPUObservation, showsAll: Bool = false) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(GPUInspection(observation, showsAll: showsAll)), as: UTF8.self)
    }
}
