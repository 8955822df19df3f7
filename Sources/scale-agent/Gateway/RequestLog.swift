import Gateway
import Logging

/// Writes request lines away from the event loops; where they come faster than they can be written, the oldest go.
struct RequestLog: Sendable {
    private let lines: AsyncStream<RequestLine>
    private let input: AsyncStream<RequestLine>.Continuation
    private let logger: Logger

    init(logger: Logger) {
        (lines, input) = AsyncStream.makeStream(of: RequestLine.self, bufferingPolicy: .bufferingNewest(10_000))
        self.logger = logger
    }

    func add(_ line: RequestLine) { input.yield(line) }

    /// What was added before is still written.
    func finish() { input.finish() }

    /// Until it is finished.
    func run() async { for await line in lines { logger.info("request \(line.text)") } }
}
