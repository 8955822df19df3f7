import Synchronization

/// All outbound HTTP: libcurl on a thread of its own.
///
/// Connections are kept and used again. Every request ends by its deadline, with a complete answer or with a failure
/// that says whether the server may have acted on it. A request that may change something is never sent twice.
package final class HTTPTransport: Sendable {
    private let inbox: Inbox
    private let thread: Mutex<LoopThread?>

    /// Starts the thread. A transport that cannot start, for lack of memory or threads, fails every request with
    /// `notSent`.
    package init(configuration: Configuration = Configuration()) {
        do {
            let multi = try MultiHandle(maximumConnections: configuration.maximumRequests)
            let inbox = Inbox(capacity: configuration.maximumRequests, wakes: multi)
            self.inbox = inbox
            do {
                let started = try LoopThread {
                    TransferLoop(configuration: configuration, multi: multi, inbox: inbox).run()
                }
                thread = Mutex(started)
            } catch {
                inbox.close(because: "the transport cannot start a thread: error \(error.code)")
                inbox.finish()
                thread = Mutex(nil)
            }
        } catch {
            inbox = Inbox(capacity: 0, wakes: nil)
            inbox.close(because: "the transport cannot start libcurl")
            thread = Mutex(nil)
        }
    }

    deinit {
        shutdown()
    }

    /// Sends one request and returns its complete answer, whatever the status.
    ///
    /// The body comes decoded (gzip and what else libcurl knows), the header fields as they were sent. When the task is
    /// cancelled the transfer is cut and its connection closed.
    package func send(_ request: HTTPRequest) async throws(HTTPFailure) -> HTTPResponse {
        let id = inbox.nextID()
        let expires = ContinuousClock.now + min(request.deadline, .seconds(86_400))
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                inbox.post(Inbox.Job(id: id, request: request, expires: expires, continuation: continuation))
                // The handler below may have run before the job was there to be found.
                if Task.isCancelled { inbox.cancel(id) }
            }
        } onCancel: {
            inbox.cancel(id)
        }
        return try result.get()
    }

    /// Ends the requests in flight as failures, closes every connection and returns when the thread is gone.
    /// Later requests fail with `notSent`.
    package func shutdown() {
        inbox.close(because: "the transport is shut down")
        let running = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        running?.join()
    }
}
