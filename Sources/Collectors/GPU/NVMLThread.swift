import CNVML
import Fleet
import Synchronization
import Transport

/// NVML on a thread of its own, because its calls may block: behind a wedged driver for ever. The request is the present.
typealias NVMLThread = SingleFlight<Timestamp, NVML.Answer>

extension SingleFlight where Request == Timestamp, Answer == NVML.Answer {
    /// - Parameters:
    ///   - open: see `NVML`.
    ///   - amd: where the files of AMD's driver are, see `AMDGPU`; read where there is no library.
    init(opening open: @escaping @Sendable () -> cnvml?, amd: String? = nil) {
        let nvml = Mutex(NVML(open: open))
        self.init(overdue: .overdue, stuck: .stuck) { now in
            await withCheckedContinuation { answer in
                do throws(LoopThread.NotStarted) {
                    // The lock is free: only one reading is ever under way.
                    try LoopThread {
                        let read = nvml.withLock { $0.read(now: now) }
                        if case .absent = read, let gpus = amd.flatMap(AMDGPU.read) {
                            answer.resume(returning: .amd(gpus))
                        } else {
                            answer.resume(returning: read)
                        }
                    }.detach()
                } catch {
                    answer.resume(returning: .failed("no thread for NVML: error \(error.code)"))
                }
            }
        }
    }
}
