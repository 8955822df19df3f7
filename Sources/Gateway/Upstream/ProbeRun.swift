import Admission
import NIOCore

/// One question to a replica: whether it answers by a 2xx, and says what it should.
///
/// Always over a fresh connection: it is new connections that a replica has to take once it serves.
final class ProbeRun: UpstreamUser {
    private static let maximumAnswer = 1 << 20

    private let probe: Probe
    private let endpoint: Endpoint?
    private let worker: Worker
    private let model: String?
    private var connection: UpstreamConnection?
    private var status = 0
    private var answer: [UInt8] = []
    private var isOver = false
    private var deadline: Scheduled<Void>?

    init(_ probe: Probe, _ endpoint: Endpoint?, _ worker: Worker, model: String?) {
        self.probe = probe
        self.endpoint = endpoint
        self.worker = worker
        self.model = model
    }

    func start() {
        guard let endpoint else { return end(false) }
        deadline = worker.loop.assumeIsolated().scheduleTask(in: TimeAmount(worker.settings.upstream.probeTime)) {
            self.end(false)
        }
        worker.connect(to: probe.destination, endpoint) { connection in
            guard !self.isOver, let connection else {
                connection?.close()
                return self.end(false)
            }
            self.connection = connection
            connection.start(self)
            connection.write(self.request(to: endpoint))
            connection.flush()
        }
    }

    private func request(to endpoint: Endpoint) -> ByteBuffer {
        var body = ""
        let path: String
        switch probe.step {
        case .health: path = "GET /health"
        case .models: path = "GET /v1/models"
        case .token:
            path = "POST /v1/completions"
            body = "{\"model\":\(jsonString(model ?? "")),\"prompt\":\"a\",\"max_tokens\":1,\"stream\":false}"
        }
        let authorization = worker.settings.upstream.authorization.map { "Authorization: \($0)\r\n" } ?? ""
        return ByteBuffer(
            string: "\(path) HTTP/1.1\r\nHost: \(endpoint.host):\(endpoint.port)\r\nUser-Agent: scale-agent\r\n"
                + authorization + "Connection: close\r\n"
                + (body.isEmpty
                    ? "\r\n" : "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n")
                + body)
    }

    private func end(_ passed: Bool) {
        guard !isOver else { return }
        isOver = true
        deadline?.cancel()
        connection?.close()
        connection = nil
        worker.tell(.probed(probe, passed: passed))
    }

    // MARK: UpstreamUser

    var takesMore: Bool { true }
    var takesPayload: Bool { true }
    var allowsReuse: Bool { false }

    func answerBegan(_ head: MessageHead, body: BodyFraming.State, upstream: UpstreamConnection) {
        status = head.status
    }

    func payload(_ bytes: UnsafeRawBufferPointer) {
        if answer.count + bytes.count <= Self.maximumAnswer { answer += bytes }
    }

    func answered(_ wire: ByteBuffer, payload: Int) {}

    func answerEnded(trailers: MessageHead?) {
        connection = nil
        var passed = (200..<300).contains(status)
        if probe.step == .models, let model {
            passed = passed && String(decoding: answer, as: UTF8.self).contains(jsonString(model))
        }
        end(passed)
    }

    func upstreamLost(_ loss: UpstreamLoss) {
        connection = nil
        end(false)
    }

    func upstreamBecameWritable() {}
    func flushAnswer() {}
}
