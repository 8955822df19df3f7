package import Admission
import Fleet
package import NIOCore
import NIOPosix
import Synchronization

/// The gateway: listens, holds, routes, and ends in order.
package final class GatewayServer: Sendable {
    /// Why it cannot start.
    package struct Unavailable: Error, CustomStringConvertible {
        package var description: String
    }

    private let settings: GatewaySettings
    private let admission: AdmissionSettings
    private let controller: any GatewayController
    private let keys: KeyRing?
    private let log: (@Sendable (RequestLine) -> Void)?
    private let note: (@Sendable (String) -> Void)?
    private let running = Mutex<Running?>(nil)

    private struct Running: Sendable {
        var gatekeeper: Gatekeeper
        var workers: [BoundWorker]
        var addresses: [SocketAddress]
    }

    /// - Parameters:
    ///   - log: gets every request once, on the event loop that served it; returns at once.
    ///   - note: gets a line when it changes why a replica is not ready; returns at once.
    package init(
        settings: GatewaySettings, admission: AdmissionSettings, controller: any GatewayController,
        log: (@Sendable (RequestLine) -> Void)? = nil, note: (@Sendable (String) -> Void)? = nil
    ) throws(KeyRing.Problem) {
        self.settings = settings
        self.admission = admission
        self.controller = controller
        self.log = log
        self.note = note
        keys = if let path = settings.keyFile { try KeyRing(path: path) } else { nil }
    }

    /// Serves until the task is cancelled, then stops listening, lets what is under way finish within
    /// `settings.drain`, and returns how many requests were cut, and answers not sent to their end.
    ///
    /// - Parameter ready: called once with the addresses that are listened on, in the order of the settings.
    package func run(ready: @escaping @Sendable ([SocketAddress]) -> Void = { _ in }) async throws -> Int {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, settings.threads))
        let result: Result<Int, any Error>
        do { result = .success(try await serve(on: group, ready: ready)) } catch { result = .failure(error) }
        try? await group.shutdownGracefully()
        return try result.get()
    }

    /// Reads the key file again; on a problem the keys stay as they are.
    package func reloadKeys() throws(KeyRing.Problem) { try keys?.reload() }

    /// What was counted so far; nil while it does not run.
    package func numbers() async -> GatewayNumbers? {
        guard let running = running.withLock({ $0 }) else { return nil }
        var numbers = GatewayNumbers()
        for worker in running.workers {
            guard let part = try? await worker.eventLoop.submit({ worker.bound.value.numbers }).get() else {
                return nil
            }
            numbers.add(part)
        }
        numbers.demand = running.gatekeeper.demand()
        return numbers
    }

    private func serve(
        on group: MultiThreadedEventLoopGroup, ready: @Sendable ([SocketAddress]) -> Void
    ) async throws -> Int {
        let loops = Array(group.makeIterator())
        let (notices, noticeInput) = AsyncStream.makeStream(of: GatewayNotice.self)
        let (drained, drainedInput) = AsyncStream.makeStream(of: Int.self)
        let gatekeeper = Gatekeeper(
            admission, controllerPatience: settings.controllerPatience, loops: loops, notices: noticeInput,
            drained: drainedInput)
        var workers: [BoundWorker] = []
        for index in loops.indices {
            let worker = try await loops[index].submit { [self] in
                let worker = Worker(
                    index, gatekeeper, settings: settings, keys: keys, models: admission.models, log: log, note: note)
                let bound = NIOLoopBound(worker, eventLoop: loops[index])
                _ = loops[index].scheduleRepeatedTask(initialDelay: Worker.tick, delay: Worker.tick) { _ in
                    bound.value.checkTimes()
                }
                return BoundWorker(bound: bound, eventLoop: loops[index])
            }.get()
            workers.append(worker)
        }
        gatekeeper.attach(workers)
        let listeners = try await Listeners(settings, workers: workers).open(on: group)
        let addresses = listeners.compactMap(\.localAddress)
        running.withLock { $0 = Running(gatekeeper: gatekeeper, workers: workers, addresses: addresses) }
        ready(addresses)
        // Unstructured, for they go on while a cancelled gateway drains.
        let tasks = [
            Task { [controller] in for await notice in notices { controller.notify(notice) } },
            Task { [controller] in for await news in controller.news { gatekeeper.tell(news) } },
        ]
        await untilCancelled()
        let cut = await drain(gatekeeper, workers, listeners, drained)
        running.withLock { $0 = nil }
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
        return cut
    }

    private func untilCancelled() async {
        let (never, input) = AsyncStream.makeStream(of: Void.self)
        for await _ in never {}
        input.finish()
    }

    /// Runs in a cancelled task, so nothing in here may depend on cancellation.
    private func drain(
        _ gatekeeper: Gatekeeper, _ workers: [BoundWorker], _ listeners: [any Channel],
        _ drained: AsyncStream<Int>
    ) async -> Int {
        for listener in listeners { try? await listener.close() }
        for worker in workers { worker.eventLoop.execute { worker.bound.value.drain() } }
        let time = settings.drain
        // Unstructured, for the task is cancelled already.
        return await Task {
            let end = ContinuousClock.now + time
            gatekeeper.drain(within: time)
            var cut = 0
            for await count in drained {
                cut = count
                break
            }
            while ContinuousClock.now < end, await sum(workers, { $0.unsent }) > 0 {
                try? await Task.sleep(for: .milliseconds(10))
            }
            return cut + (await sum(workers) { $0.closeAll() })
        }.value
    }

    private func sum(_ workers: [BoundWorker], _ count: @escaping @Sendable (Worker) -> Int) async -> Int {
        var sum = 0
        for worker in workers {
            sum += (try? await worker.eventLoop.submit { count(worker.bound.value) }.get()) ?? 0
        }
        return sum
    }
}
