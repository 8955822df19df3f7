/// Why the clocks of a GPU are below its maximum, in the order of the driver's bits and under its names.
package enum GPUThrottleReason: String, CaseIterable, Hashable, Sendable, Codable {
    case idle = "gpu_idle"
    case applicationClocks = "applications_clocks_setting"
    case softwarePowerCap = "sw_power_cap"
    case hardwareSlowdown = "hw_slowdown"
    case syncBoost = "sync_boost"
    case softwareThermal = "sw_thermal_slowdown"
    case hardwareThermal = "hw_thermal_slowdown"
    case powerBrake = "hw_power_brake_slowdown"
    case displayClocks = "display_clocks_setting"

    /// The reasons whose bits are set; bits of later drivers are ignored.
    package static func all(in mask: UInt64) -> [Self] {
        allCases.enumerated().filter { mask >> $0.offset & 1 == 1 }.map(\.element)
    }
}
