import CCurl
import Glibc

/// What the transport's thread does: starts what the inbox brings, lets libcurl move bytes, hands out what has ended.
final class TransferLoop {
    private let configuration: HTTPTransport.Configuration
    private let multi: MultiHandle
    private let inbox: Inbox
    private var transfers: [UInt64: Transfer] = [:]

    init(configuration: HTTPTransport.Configuration, multi: MultiHandle, inbox: Inbox) {
        self.configuration = configuration
        self.multi = multi
        self.inbox = inbox
    }

    /// Returns when the inbox is closed, with every request ended and the multi handle freed.
    func run() {
        var batch = inbox.take()
        while batch.closed == nil {
            for job in batch.arrivals {
                if batch.cancelled.contains(job.id) {
                    end(job, .failure(.cancelled))
                } else {
                    start(job)
                }
            }
            for id in batch.cancelled {
                end(transfers[id], .failure(.cancelled))
            }
            moveBytes()
            batch = inbox.take()
        }
        let reason = batch.closed ?? ""
        for job in batch.arrivals {
            end(job, .failure(.notSent("\(job.request.place): \(reason)")))
        }
        failAll(reason)
        inbox.finish()
    }

    private func start(_ job: Inbox.Job) {
        do {
            let transfer = try Transfer(job, configuration)
            guard curl_multi_add_handle(multi.pointer, transfer.easy) == CURLM_OK else {
                return end(job, .failure(.notSent("\(job.request.place): libcurl takes no more transfers")))
            }
            transfers[job.id] = transfer
        } catch {
            end(job, .failure(error))
        }
    }

    /// One round: everything that can be done now, then a wait for sockets, timers or a wake-up.
    private func moveBytes() {
        var running: Int32 = 0
        let performed = curl_multi_perform(multi.pointer, &running)
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi.pointer, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle else { continue }
            // The message is gone once the handle is removed.
            let code = message.pointee.data.result
            let transfer = Transfer.of(easy)
            end(transfer, transfer?.outcome(code) ?? .failure(.cancelled))
        }
        let polled = curl_multi_poll(multi.pointer, nil, 0, 60_000, nil)
        if performed != CURLM_OK || polled != CURLM_OK {
            failAll("libcurl: \(String(cString: curl_multi_strerror(performed == CURLM_OK ? polled : performed)))")
            usleep(100_000)  // Out of memory or descriptors: without a pause this would spin.
        }
    }

    private func failAll(_ reason: String) {
        for transfer in transfers.values {
            end(transfer, .failure(transfer.failure(reason)))
        }
    }

    private func end(_ transfer: Transfer?, _ outcome: Inbox.Outcome) {
        guard let transfer else { return }
        transfers[transfer.job.id] = nil
        curl_multi_remove_handle(multi.pointer, transfer.easy)
        end(transfer.job, outcome)
    }

    private func end(_ job: Inbox.Job, _ outcome: Inbox.Outcome) {
        inbox.freeSlot()
        job.continuation.resume(returning: outcome)
    }
}
