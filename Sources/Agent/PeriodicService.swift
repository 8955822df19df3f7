import ServiceLifecycle

/// Does something after a first delay and then again after every interval, until shutdown; then what is to be done last.
package struct PeriodicService: Service {
    private let delay: Duration
    private let interval: Duration
    private let work: @Sendable () async -> Void
    private let atEnd: @Sendable () async -> Void

    package init(
        after delay: Duration = .zero, every interval: Duration, atEnd: @escaping @Sendable () async -> Void = {},
        _ work: @escaping @Sendable () async -> Void
    ) {
        self.delay = delay
        self.interval = interval
        self.work = work
        self.atEnd = atEnd
    }

    package func run() async {
        await cancelWhenGracefulShutdown {
            try? await Task.sleep(for: delay)
            while !Task.isCancelled {
                await work()
                try? await Task.sleep(for: interval)
            }
        }
        await atEnd()
    }
}
