package import Fleet

/// What one run of `nvidia-smi` said.
package struct GPUReading: Hashable, Sendable {
    /// In the driver's order. A GPU that the driver named as lost is here, with its `fault`.
    package var gpus: [GPUSample]
    /// What was wrong with the run; good samples may stand beside it.
    package var error: GPUDriverError?

    package init(gpus: [GPUSample] = [], error: GPUDriverError? = nil) {
        self.gpus = gpus
        self.error = error
    }

    /// Whether the run told the state of the host: either all went well, or at least one GPU answered.
    package var isUsable: Bool { error == nil || gpus.contains { $0.fault == nil } }
}

/// Why a run of `nvidia-smi` failed, or what it warned of.
package struct GPUDriverError: Error, Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        /// The kernel module does not answer.
        case driverNotLoaded
        /// Kernel module and user libraries are of different versions: an update without a reboot.
        case libraryMismatch
        /// `libnvidia-ml` is not installed, or not mounted into the container.
        case libraryMissing
        /// The driver runs and has no GPU to show.
        case noDevices
        case noPermission
        /// NVML did not start for another reason, such as a container that lost its device access.
        case nvmlFailed
        /// One GPU no longer answers; it is among the samples.
        case gpuLost
        /// A warning: the readings are good, the configuration memory of a GPU is not.
        case infoROMCorrupted
        /// This driver does not know one of the fields asked for.
        case invalidQuery
        /// The output was cut, or is not `nvidia-smi`'s.
        case unreadable
        /// Any other exit code.
        case failed
    }

    package var kind: Kind
    /// One line of at most 200 characters, in the driver's words where it had any.
    package var message: String

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = String(message.prefix(200))
    }
}
