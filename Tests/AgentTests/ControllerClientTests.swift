import Admission
import Fleet
import FoundationEssentials
import Gateway
import Logging
import TestSupport
import Testing
import Transport

@testable import Agent

@Suite struct ControllerClientTests {
    @Test("the controller is asked once a second, and at once when something is wanted, but never without a pause")
    func pace() async throws {
        let body = try JSONEncoder().encode(FleetReport(now: TestPool.start, pools: []))
        let controller = try RawHTTPServer(always: .answer(body: String(decoding: body, as: UTF8.self)))
        let (clock, transport) = (ManualClock(), HTTPTransport())
        let client = ControllerClient(
            url: controller.url, token: nil, name: "g",
            reader: NewsReader(settings: FakeGateway.settings), transport: transport,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, clock: clock)
        let running = Task { await client.run() }
        func sleeps(until moment: Duration) async -> Bool {
            await eventually { clock.nextDeadline?.sinceStart == moment }
        }
        for second in 0..<3 {
            #expect(await sleeps(until: .seconds(second) + .milliseconds(50)))
            #expect(controller.requests.count == second + 1)
            clock.advance(by: .milliseconds(50))
            #expect(await sleeps(until: .seconds(second + 1)))
            if second < 2 { clock.advance(by: .milliseconds(950)) }
        }
        client.notify(.wake(TestPool.id))
        #expect(await sleeps(until: .milliseconds(2100)))
        #expect(controller.requests.count == 4)
        client.notify(.wake(TestPool.id))
        clock.advance(by: .milliseconds(50))
        #expect(await sleeps(until: .milliseconds(2150)))
        #expect(controller.requests.count == 5)
        running.cancel()
        await running.value
        #expect(controller.requests.count == 6, "it says goodbye")
        transport.shutdown()
        controller.stop()
    }
}
