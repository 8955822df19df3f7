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
        guard let endpoint else { return end("no address over plain HTTP is known") }
        let time = worker.settings.upstream.probeTime
        deadline = worker.loop.assumeIsolated().scheduleTask(in: TimeAmount(time)) {
            self.end("\(self.path) does not answer within \(time)")
        }
        worker.connect(to: probe.destination, endpoint) { connection in
            guard !self.isOver, let connection else {
                connection?.close()
                return self.end("nobody listens at \(endpoint.host):\(endpoint.port)")
            }
            self.connection = connection
            connection.start(self)
            connection.write(self.request(to: endpoint))
            connection.flush()
        }
    }

    private var path: String {
        switch probe.step {
        case .health: "/health"
        case .models: "/v1/models"
        case .token: "/v1/completions"
        }
    }

    private func request(to endpoint: Endpoint) -> ByteBuffer {
        var body = ""
        if probe.step == .token {
            body = "{\"model\":\(jsonString(model ?? "")),\"prompt\":\"a\",\"max_tokens\":1,\"stream\":false}"
        }
        let authorization = worker.settings.upstream.authorization.map { "Authorization: \($0)\r\n" } ?? ""
        return ByteBuffer(
            string:
                "\(body.isEmpty ? "GET" : "POST") \(path) HTTP/1.1\r\nHost: \(endpoint.host):\(endpoint.port)\r\nUser-Agent: scale-agent\r\n"
                + authorization + "Connection: close\r\n"
                + (body.isEmpty
                    ? "\r\n" : "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n")
                + body)
    }

    /// - Parameter fault: why the step is not passed; nil when it is.
    private func end(_ fault: String?) {
        guard !isOver else { return }
        isOver = true
        deadline?.cancel()
        connection?.close()
        connection = nil
        if worker.isNews(fault, of: probe), let fault {
            worker.note?("\(probe.destination.pool)/\(probe.destination.replica) is not ready: \(fault)")
        }
        worker.tell(.probed(probe, passed: fault == nil))
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
        guard (200..<300).contains(status) else { return end("\(path) answers \(status)") }
        let text = String(decoding: answer, as: UTF8.self)
        guard probe.step == .models, let model, !text.contains(jsonString(model)) else { return end(nil) }
        let listed = text.split(separator: "\"id\"").dropFirst().prefix(5).compactMap { entry in
            entry.split(separator: "\"", maxSplits: 2, omittingEmptySubsequences: false).dropFirst().first
        }
        let names = listed.isEmpty ? "none" : listed.map { String($0.prefix(100)) }.joined(separator: ", ")
        end("\(path) does not list \(jsonString(model)), it lists \(names)")
    }

    func upstreamLost(_ loss: UpstreamLoss) {
        connection = nil
        end("\(path) is not answered over HTTP")
    }

    func upstreamBecameWritable() {}
    func flushAnswer() {}
}
