/// What one reading said about one GPU. An absent field was not given by the driver; it is never zero in its place.
package struct GPUSample: Hashable, Sendable, Codable {
    /// The driver's index; may change at a reboot.
    package var index: Int
    /// The identity that survives reboots; `nil` when the GPU no longer answers.
    package var uuid: String?
    package var name: String?
    package var driverVersion: String?
    package var pciBusID: String?
    /// Share of the last sample period in which a kernel ran, 0 to 1; absent under MIG.
    package var utilizationRatio: Double?
    package var memoryUsedBytes: Double?
    package var memoryTotalBytes: Double?
    package var memoryReservedBytes: Double?
    package var temperatureCelsius: Double?
    package var powerWatts: Double?
    package var powerLimitWatts: Double?
    package var smClockHertz: Double?
    /// Since the driver was loaded.
    package var energyJoules: Double?
    /// ECC errors since the driver was loaded.
    package var correctedECCErrors: Double?
    package var uncorrectedECCErrors: Double?
    /// Empty when nothing holds the clocks down.
    package var throttleReasons: [GPUThrottleReason]?
    /// What the driver asks for: 0 nothing, 1 a reset, 2 a reboot, 3 to drain peer traffic, 4 to drain and reset; later
    /// drivers have more.
    package var recoveryAction: Int?
    /// Xid errors by number since this process watches for them, the well-known ones from 0 on.
    package var xidErrors: [Int: Int]?
    package var migEnabled: Bool?
    /// Why the reading failed, in the driver's words, such as `GPU is lost`; `nil` when it did not.
    package var fault: String?

    package init(index: Int, uuid: String? = nil, name: String? = nil) {
        self.index = index
        self.uuid = uuid
        self.name = name
    }
}
