import Synchronization
import TestSupport

/// Engines behind one loopback address, told apart by the first part of the path, that speak like vLLM.
final class FakeEngines: Sendable {
    enum Trouble: String, Sendable, CaseIterable {
        case status500, cut, hang, html, close
    }

    private final class World: Sendable {
        struct State {
            var load = 0.0
            var serving: [String] = []
            var trouble: Trouble?
            var steps = 0
        }
        let state = Mutex(State())
    }

    private let world: World
    private let server: RawHTTPServer

    init() throws {
        let world = World()
        self.world = world
        server = try RawHTTPServer { request in
            let path = request.target.split(separator: "/").map(String.init)
            return world.state.withLock { state in
                guard path.count == 2, state.serving.contains(path[0]) else { return [.close] }
                if path[1] == "health" { return [.answer()] }
                if state.load > 0 { state.steps += 1 }
                let body = Self.metrics(load: state.load / Double(state.serving.count), steps: state.steps)
                let type = "Content-Type: text/plain; version=0.0.4; charset=utf-8"
                return switch state.trouble {
                case nil: [.answer(headers: [type], body: body)]
                case .status500: [.answer(500)]
                case .cut: [.text("HTTP/1.1 200 OK\r\n\(type)\r\nContent-Length: 9999\r\n\r\n\(body)"), .close]
                case .hang: [.hang]
                case .html: [.answer(headers: ["Content-Type: text/html"], body: "<p>sign in</p>")]
                case .close: [.close]
                }
            }
        }
    }

    var url: String { server.url }

    /// Requests at all engines together; and which engines answer.
    func set(load: Double, serving: [String]) {
        world.state.withLock { ($0.load, $0.serving) = (load, serving) }
    }

    /// What is wrong with `/metrics`; health checks stay well.
    func set(trouble: Trouble?) {
        world.state.withLock { $0.trouble = trouble }
    }

    private static func metrics(load: Double, steps: Int) -> String {
        """
        # TYPE vllm:num_requests_running gauge
        vllm:num_requests_running{engine="0",model_name="m"} \(load)
        # TYPE vllm:num_requests_waiting gauge
        vllm:num_requests_waiting{engine="0",model_name="m"} 0.0
        # TYPE vllm:generation_tokens counter
        vllm:generation_tokens_total{engine="0",model_name="m"} \(steps * 100).0

        """
    }
}
