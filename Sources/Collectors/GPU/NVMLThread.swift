import CNVML
import Fleet
import Synchronization
import Transport

/// NVML on a thread of its own, because its calls may block: behind a wedged driver for ever. The request is the present.
typealias NVMLThread = SingleFlight<Timestamp, NVML.Answer>

extension SingleFlight where Request == Timestamp, Answer == NVML.Answer {
    /// - Parameter open: see `NVML`.
    init(opening open: @escaping @Sendable () -> cnvml?) {
        let nvml = Mutex(NVML(open: open))
        self.init(overdue: .overdue, stuck: .stuck) { now in
            await withCheckedContinuation { answer in
                do throws(LoopThread.NotStarted) {
                    // The lock is free: only one reading is ever under way.
                    try LoopThread { answer.resume(returning: nvml.withLock { $0.read(now: now) }) }.detach()
                } catch {
                    answer.resume(returning: .failed("no thread for NVML: error \(error.code)"))
                }
            }
        }
    }
}
