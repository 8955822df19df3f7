import Glibc

/// A thread that no signal is delivered to, either to join or to detach.
package struct LoopThread: Sendable {
    package struct NotStarted: Error {
        package var code: Int32
    }

    private let handle: pthread_t

    package init(_ body: @escaping @Sendable () -> Void) throws(NotStarted) {
        var handle = pthread_t()
        let start = Unmanaged.passRetained(Start(body: body))
        let code = pthread_create(
            &handle, nil,
            { argument in
                guard let argument else { return nil }
                let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                // Above all SIGPIPE: with its own signal handling off, libcurl leaves it to us.
                var all = sigset_t()
                sigfillset(&all)
                pthread_sigmask(SIG_BLOCK, &all, nil)
                start.body()
                return nil
            }, start.toOpaque())
        guard code == 0 else {
            start.release()
            throw NotStarted(code: code)
        }
        self.handle = handle
    }

    /// Waits for the thread's end; to be called once.
    func join() {
        pthread_join(handle, nil)
    }

    /// Lets it end by itself.
    package func detach() {
        pthread_detach(handle)
    }

    private final class Start: Sendable {
        let body: @Sendable () -> Void

        init(body: @escaping @Sendable () -> Void) {
            self.body = body
        }
    }
}
