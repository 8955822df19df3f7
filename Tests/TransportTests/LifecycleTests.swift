import FoundationEssentials
import TestSupport
import Testing
import Transport

/// Slots, cancellation and shutdown.
@Suite(.timeLimit(.minutes(1)))
struct LifecycleTests {
    @Test func cancellationCutsTheTransferAndFreesItsSlot() async throws {
        let server = try RawHTTPServer { $0.target == "/hang" ? [.hang] : [.answer()] }
        let transport = HTTPTransport(configuration: .init(maximumRequests: 1))
        let waiting = Task { await transport.ending(request(server, "/hang", deadline: .seconds(50))).ending }
        #expect(await eventually { server.requests.count == 1 })
        let start = ContinuousClock.now
        waiting.cancel()
        #expect(await waiting.value == .cancelled)
        #expect(ContinuousClock.now - start < .seconds(5))
        #expect(await eventually { server.openConnections == 0 })
        #expect(await transport.ending(request(server)).ending == .answered(200))
    }

    @Test func aCancelledTaskSendsNothingMore() async throws {
        let server = try RawHTTPServer(always: .hang)
        let transport = HTTPTransport()
        let ending = await Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return await transport.ending(request(server, deadline: .seconds(50))).ending
        }.value
        #expect(ending == .cancelled)
    }

    @Test func everySlotComesBackAfterManyCancellations() async throws {
        let server = try RawHTTPServer { $0.target == "/hang" ? [.hang] : [.answer()] }
        let transport = HTTPTransport(configuration: .init(maximumRequests: 40))
        for round in 0..<5 {
            let endings = await withTaskGroup(of: Ending.self) { group in
                for number in 0..<40 {
                    group.addTask {
                        await transport.ending(
                            request(server, number % 2 == round % 2 ? "/hang" : "/", deadline: .seconds(50))
                        ).ending
                    }
                }
                var endings: [Ending] = []
                while endings.count < 20, let ending = await group.next() { endings.append(ending) }
                group.cancelAll()
                for await ending in group { endings.append(ending) }
                return endings
            }
            #expect(endings.count { $0 == .answered(200) } == 20)
            #expect(endings.count { $0 == .cancelled } == 20)
        }
    }

    @Test func oneRequestTooManyFailsAtOnce() async throws {
        let server = try RawHTTPServer(always: .hang)
        let transport = HTTPTransport(configuration: .init(maximumRequests: 2))
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<2 {
                group.addTask { _ = await transport.ending(request(server, deadline: .seconds(50))) }
            }
            #expect(await eventually { server.requests.count == 2 })
            let (ending, message) = await transport.ending(request(server))
            #expect(ending == .notSent)
            #expect(message == "GET \(server.url): too many requests in flight, the limit is 2")
            group.cancelAll()
        }
    }

    @Test func shutdownEndsWhatIsInFlight() async throws {
        let server = try RawHTTPServer(always: .hang)
        let transport = HTTPTransport()
        let waiting = Task { await transport.ending(request(server, deadline: .seconds(50))) }
        #expect(await eventually { server.requests.count == 1 })
        transport.shutdown()
        let (ending, message) = await waiting.value
        #expect(ending == .unknownOutcome)
        #expect(message == "GET \(server.url): the transport is shut down")
        #expect(await eventually { server.openConnections == 0 })
        transport.shutdown()
        #expect(await transport.ending(request(server)).ending == .notSent)
    }

    @Test func nothingIsLeftOfAForgottenTransport() async throws {
        let server = try RawHTTPServer(always: .answer())
        @Sendable func count(_ folder: String) throws -> Int {
            try FileManager.default.contentsOfDirectory(atPath: folder).count
        }
        let before = (try count("/proc/self/fd"), try count("/proc/self/task"))
        for number in 0..<300 {
            let transport = HTTPTransport()
            #expect(await transport.ending(request(server)).ending == .answered(200))
            if number.isMultiple(of: 2) { transport.shutdown() }
        }
        #expect(await eventually { server.openConnections == 0 })
        // The other tests run meanwhile, with sockets and threads of their own.
        #expect(try await eventually { try count("/proc/self/fd") < before.0 + 200 })
        #expect(try await eventually { try count("/proc/self/task") < before.1 + 200 })
    }
}
