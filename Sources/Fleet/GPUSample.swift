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
    /// Uncorrected ECC errors since the driver was loaded.
    package var uncorrectedECCErrors: Double?
    package var migEnabled: Bool?
    /// Why the reading failed, in the driver's words, such as `GPU is lost`; `nil` when it did not.
    package var fault: String?

    package init(index: Int, uuid: String? = nil, name: String? = nil) {
        self.index = index
        self.uuid = uuid
        self.name = name
    }
}
