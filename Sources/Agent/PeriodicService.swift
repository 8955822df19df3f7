import ServiceLifecycle

/// Does something now and then again after every interval, until shutdown.
package struct PeriodicService: Service {
    private let interval: Duration
    private let work: @Sendable () async -> Void

    package init(every interval: Duration, _ work: @escaping @Sendable () async -> Void) {
        self.interval = interval
        self.work = work
    }

    package func run() async {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await work()
                try? await Task.sleep(for: interval)
            }
        }
    }
}
