import Admission
import Fleet
import Glibc
import NIOCore
import NIOPosix

/// Everything that lives on one event loop: clients, requests, connections to replicas. Nothing of it leaves the loop.
final class Worker {
    static let tick: TimeAmount = .milliseconds(500)

    let loop: any EventLoop
    let settings: GatewaySettings
    let allocator = ByteBufferAllocator()
    let log: (@Sendable (RequestLine) -> Void)?
    let note: (@Sendable (String) -> Void)?
    private(set) var door: Door
    private(set) var models: [String: PoolID]
    var exchanges: [UInt64: Exchange] = [:]
    var numbers = GatewayNumbers()
    private(set) var isDraining = false
    /// The monotonic time as of the latest look.
    private(set) var clock = NIODeadline.now()
    private let gatekeeper: Gatekeeper
    private let index: Int
    private var requestCount: UInt64 = 0
    private let idPrefix = UInt64.random(in: 0 ... .max)
    private var clients: [ClientConnection] = []
    private var resting: [Destination: [UpstreamConnection]] = [:]
    /// Replicas that are gone as far as is known, by when that was heard.
    private(set) var lost: [Destination: NIODeadline] = [:]
    private var orders: [Order] = []
    private var isPerforming = false

    init(
        _ index: Int, _ gatekeeper: Gatekeeper, settings: GatewaySettings, keys: KeyRing?, models: [String: PoolID],
        log: (@Sendable (RequestLine) -> Void)?, note: (@Sendable (String) -> Void)?
    ) {
        self.index = index
        self.gatekeeper = gatekeeper
        loop = gatekeeper.loops[index]
        self.settings = settings
        self.models = models
        self.log = log
        self.note = note
        door = Door(settings: settings, keys: keys, models: models.keys.sorted())
    }

    func now() -> NIODeadline {
        clock = .now()
        return clock
    }

    // MARK: Admission

    /// Names this loop in its remainder.
    func nextID() -> RequestID {
        requestCount += 1
        return RequestID(rawValue: requestCount * UInt64(gatekeeper.loops.count) + UInt64(index))
    }

    var bodies: BodyBudget { gatekeeper.bodies }

    func isNews(_ fault: String?, of probe: Probe) -> Bool { gatekeeper.isNews(fault, of: probe) }

    func makeRequestID() -> String {
        requestCount += 1
        return "gw-" + String(idPrefix, radix: 36) + "-" + String(requestCount, radix: 36)
    }

    func tell(_ event: AdmissionEvent) { perform(gatekeeper.tell(event, from: index)) }

    /// Orders that come while others are carried out wait behind them.
    func perform(_ more: [Order]) {
        orders += more
        guard !isPerforming else { return }
        isPerforming = true
        defer { isPerforming = false }
        var next = 0
        while next < orders.count {
            perform(orders[next])
            next += 1
        }
        orders.removeAll(keepingCapacity: next < 64)
    }

    private func perform(_ order: Order) {
        switch order {
        case .dispatch(let id, let destination, let endpoint, let attempt):
            exchanges[id.rawValue]?.dispatch(to: destination, endpoint, attempt: attempt)
        case .reject(let id, let refusal): exchanges[id.rawValue]?.reject(refusal)
        case .heartbeat(let id, let eta): exchanges[id.rawValue]?.heartbeat(eta: eta)
        case .cut(let id): exchanges[id.rawValue]?.cut()
        case .ended(let record): exchanges[record.id.rawValue]?.ended(record)
        case .probe(let probe, let endpoint): ProbeRun(probe, endpoint, self, model: model(of: probe)).start()
        case .drop(let destination): dropConnections(to: destination)
        case .lost(let destination, let isLost): lost[destination] = isLost ? now() : nil
        case .wakeEnded(let record): numbers.add(record)
        case .models(let models):
            self.models = models
            door.models = models.keys.sorted()
        }
    }

    private func model(of probe: Probe) -> String? {
        door.models.first { models[$0] == probe.destination.pool }
    }

    func count(_ line: RequestLine) {
        numbers.requests["\(line.status) \(line.outcome)", default: 0] += 1
        if let waited = line.waited {
            numbers.wait.add(waited.seconds)
            if line.isCold { numbers.coldWait.add(waited.seconds) }
        }
        if let firstByte = line.firstByte { numbers.firstByte.add(firstByte.seconds) }
        log?(line)
    }

    // MARK: Clients

    func add(_ client: ClientConnection) {
        client.slot = clients.count
        clients.append(client)
        numbers.clientConnections += 1
    }

    func remove(_ client: ClientConnection) {
        guard clients.indices.contains(client.slot), clients[client.slot] === client else { return }
        clients.swapAt(client.slot, clients.count - 1)
        clients[client.slot].slot = client.slot
        clients.removeLast()
    }

    /// Looks after everything that may take too long.
    func checkTimes() {
        let now = now()
        if index == 0 { gatekeeper.tick() }
        for client in clients { client.checkTime(now) }
        for exchange in exchanges.values {
            exchange.checkSilence(now)
            exchange.checkHold(now)
        }
        if !lost.isEmpty {
            let inUse = Set(exchanges.values.compactMap(\.destination))
            lost = lost.filter { inUse.contains($0.key) }
        }
        for connection in resting.values.joined() {
            guard let since = connection.restingSince else { continue }
            if now - since > TimeAmount(settings.upstream.idleTime) { connection.close() }
        }
    }

    func drain() {
        isDraining = true
        checkTimes()
    }

    /// Clients that are still being sent what was answered.
    var unsent: Int { clients.count { $0.isUnsent } }

    /// Returns how many of them do not get it whole.
    func closeAll() -> Int {
        let unsent = unsent
        defer { for client in clients { client.abort(byReset: false) } }
        for connection in resting.values.joined() { connection.close() }
        return unsent
    }

    var isEmpty: Bool { clients.isEmpty }

    // MARK: Replicas

    func takeConnection(to destination: Destination, _ endpoint: Endpoint?) -> UpstreamConnection? {
        while let connection = resting[destination]?.popLast() {
            if connection.isActive, connection.endpoint == endpoint { return connection }
            connection.close()
        }
        return nil
    }

    func rest(_ connection: UpstreamConnection) {
        guard resting[connection.destination, default: []].count < settings.upstream.idleConnections else {
            return connection.close()
        }
        resting[connection.destination, default: []].append(connection)
    }

    func forget(_ connection: UpstreamConnection) {
        resting[connection.destination]?.removeAll { $0 === connection }
    }

    private func dropConnections(to destination: Destination) {
        for connection in resting.removeValue(forKey: destination) ?? [] { connection.close() }
    }

    /// Calls back with nil when there is no connection within the time for it.
    func connect(
        to destination: Destination, _ endpoint: Endpoint, _ completion: @escaping (UpstreamConnection?) -> Void
    ) {
        let bound = NIOLoopBound(self, eventLoop: loop)
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(TimeAmount(settings.upstream.connectTime))
            .channelOption(.autoRead, value: false)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            // A machine that vanishes says nothing: after a minute its connections end.
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(.tcpOption(.init(rawValue: TCP_KEEPIDLE)), value: 30)
            .channelOption(.tcpOption(.init(rawValue: TCP_KEEPINTVL)), value: 10)
            .channelOption(.tcpOption(.init(rawValue: TCP_KEEPCNT)), value: 3)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = UpstreamConnection(worker: bound.value, destination: destination, endpoint: endpoint)
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
        let connected =
            if let address = endpoint.address { bootstrap.connect(to: address) } else {
                bootstrap.connect(host: endpoint.host, port: endpoint.port)
            }
        connected.assumeIsolated().whenComplete { result in
            let channel = try? result.get()
            completion(try? channel?.pipeline.syncOperations.handler(type: UpstreamConnection.self))
        }
    }

    /// A request as a replica gets it: every field in its place and spelling, but for those of the one connection and
    /// the key of this door.
    func requestHead(_ head: MessageHead, _ request: RequestFraming, id: String) -> ByteBuffer {
        var capacity = head.bytes.count + 64
        if case .length(let bytes) = request.body, bytes < 4096 { capacity += bytes }
        var buffer = allocator.buffer(capacity: capacity)
        buffer.writeBytes(head.bytes[head.method])
        buffer.writeStaticString(" ")
        buffer.writeBytes(head.bytes[request.target])
        buffer.writeStaticString(" HTTP/1.1\r\n")
        var hasID = false
        for field in head.fields {
            switch field.kind {
            case .connection, .hopByHop, .expect: continue
            case .authorization where door.keys != nil || settings.upstream.authorization != nil: continue
            case .apiKey where door.keys != nil: continue
            case .requestID where hasID || !equal(head.bytes[field.value], id): continue
            case .requestID: hasID = true
            default: break
            }
            buffer.writeBytes(head.bytes[field.name.lowerBound..<field.value.upperBound])
            buffer.writeStaticString("\r\n")
        }
        if head.first(.host) == nil { buffer.writeStaticString("Host: gateway\r\n") }
        if let authorization = settings.upstream.authorization {
            buffer.writeString("Authorization: \(authorization)\r\n")
        }
        if !hasID { buffer.writeString("x-request-id: \(id)\r\n") }
        buffer.writeStaticString("\r\n")
        return buffer
    }

    private func equal(_ bytes: ArraySlice<UInt8>, _ text: String) -> Bool { bytes.elementsEqual(text.utf8) }
}

extension Exchange {
    /// Gives a replica up that says nothing, unless it only waits for a client that does not read.
    func checkSilence(_ now: NIODeadline) {
        guard let upstream, phase == .sent || phase == .answering, !upstream.isWaitingForClient else { return }
        let lostAt = worker.lost[upstream.destination]
        let isGone =
            lostAt.map { now - max($0, upstream.lastHeard) > TimeAmount(worker.settings.upstream.goneTime) } ?? false
        guard isGone || now - upstream.lastHeard > TimeAmount(worker.settings.upstream.silentTime) else { return }
        failed(phase == .answering && relay != .collect ? .midway : .unanswered)
    }
}
