/// What is known about this host's GPUs now: the last reading that told something, its age, and what is wrong since.
///
/// Four states, told apart by `absent`, `error` and `readAt`:
/// - no `error`: `gpus` is what the driver said at `readAt`, each GPU with its own `fault` if it has one;
/// - `error` with `readAt` equal to the time asked: the reading came, with a warning or without some of the GPUs;
/// - `error` with an older `readAt`, or none: the last reading failed, and `gpus` is what the last good one said;
/// - `absent`: there is neither the driver's library nor its tool on this host, hence no GPUs; nothing is wrong.
package struct GPUObservation: Hashable, Sendable, Codable {
    /// In the driver's order; a GPU that no longer answers stays here with its `fault`.
    package var gpus: [GPUSample]
    /// When `gpus` was last read; `nil` before the first good reading.
    package var readAt: Timestamp?
    /// What went wrong, in the driver's words where it had any; one line.
    package var error: String?
    package var absent: Bool
    /// What the latest reading went through.
    package var source: Source?
    /// How long the latest reading took, failed or not.
    package var took: Duration?
    /// Of the latest `nvidia-smi` that ended; `nil` when none was needed.
    package var exitCode: Int32?

    package enum Source: String, Hashable, Sendable, Codable {
        case nvml
        case amdgpu
        case nvidiaSMI = "nvidia-smi"
    }

    package init(gpus: [GPUSample] = [], readAt: Timestamp? = nil, error: String? = nil, absent: Bool = false) {
        self.gpus = gpus
        self.readAt = readAt
        self.error = error
        self.absent = absent
    }
}
