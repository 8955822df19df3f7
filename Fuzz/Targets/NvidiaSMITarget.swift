import Collectors
import Fleet

/// Reads an output of `nvidia-smi`; the length stands for the exit code.
func fuzzNvidiaSMI(_ output: [UInt8], asXML: Bool) {
    let exitCode = Int32(output.count % 20)
    let reading = (asXML ? NvidiaSMIXML.read : NvidiaSMICSV.read)(output, exitCode)
    require(reading.error.map { $0.message.count <= 200 } ?? true, "a message too long to show")
    require(exitCode == 0 || reading.error != nil, "exit code \(exitCode) is no error")
    for gpu in reading.gpus {
        for number in [
            gpu.utilizationRatio, gpu.memoryUsedBytes, gpu.memoryTotalBytes, gpu.memoryReservedBytes,
            gpu.temperatureCelsius, gpu.powerWatts, gpu.powerLimitWatts, gpu.smClockHertz, gpu.energyJoules,
            gpu.correctedECCErrors, gpu.uncorrectedECCErrors,
        ] {
            require(number?.isFinite != false, "\(gpu)")
        }
        require(gpu.migEnabled != true || gpu.utilizationRatio == nil, "a partitioned GPU with a utilization: \(gpu)")
    }
    let again = (asXML ? NvidiaSMIXML.read : NvidiaSMICSV.read)(output, exitCode)
    require(again == reading, "read twice, it differs")
}
