import Dispatch
import Foundation
import Glibc
import Synchronization

/// A server on loopback that answers each request with scripted bytes, right or wrong ones.
///
/// A connection serves request after request until a script, or the client, ends it. It reads the bodies that
/// `Content-Length` announces and no other ones. Blocking sockets, a thread for each; `stop`, or the end of the last
/// reference, ends them all.
package final class RawHTTPServer: Sendable {
    package struct Request: Sendable {
        package var method: String
        package var target: String
        /// In the order and spelling in which they came.
        package var headers: [(name: String, value: String)]
        package var body: [UInt8]
        /// Which accepted connection it came on, counted from 0.
        package var connection: Int

        /// The first field of that name, whatever its case.
        package func header(_ name: String) -> String? {
            headers.first { $0.name.lowercased() == name.lowercased() }?.value
        }
    }

    package enum Step: Sendable {
        case bytes([UInt8])
        /// Byte by byte with that many milliseconds between two.
        case drip([UInt8], everyMilliseconds: Int32)
        /// Says nothing more; the connection stays until the client or `stop` ends it.
        case hang
        /// Ends the connection in order.
        case close
        /// Ends the connection by a reset.
        case reset

        package static func text(_ text: String) -> Step { .bytes(Array(text.utf8)) }

        /// A complete answer.
        package static func answer(_ status: Int = 200, headers: [String] = [], body: String = "") -> Step {
            let fields = (headers + ["Content-Length: \(body.utf8.count)"]).map { $0 + "\r\n" }.joined()
            return .text("HTTP/1.1 \(status) Status\r\n\(fields)\r\n\(body)")
        }
    }

    package enum Loopback: Sendable {
        case v4, v6
    }

    /// A socket call that failed, with its `errno`.
    package struct Unavailable: Error {
        package var call: String
        package var code: Int32
    }

    package let port: UInt16
    /// Scheme, address and port, without a path.
    package let url: String
    private let connections: Connections

    /// Listens on a free port and answers each request by the steps that `script` gives for it.
    package init(_ loopback: Loopback = .v4, _ script: @escaping @Sendable (Request) -> [Step]) throws(Unavailable) {
        let (listener, port) = try Self.listen(on: loopback)
        self.port = port
        url = loopback == .v4 ? "http://127.0.0.1:\(port)" : "http://[::1]:\(port)"
        connections = Connections(listener: listener, script: script)
        connections.start()
    }

    /// Answers every request alike.
    package convenience init(_ loopback: Loopback = .v4, always steps: Step...) throws(Unavailable) {
        try self.init(loopback) { _ in steps }
    }

    deinit {
        connections.stop()
    }

    package var acceptedConnections: Int { connections.accepted }

    /// Connections that neither side has ended.
    package var openConnections: Int { connections.open }

    /// Requests read completely so far.
    package var requests: [Request] { connections.requests }

    /// Ends every connection, frees the port and returns when the threads are gone.
    package func stop() {
        connections.stop()
    }

    /// A port on loopback that nobody listens on, at least a moment ago.
    package static func unusedPort() throws(Unavailable) -> UInt16 {
        let (listener, port) = try listen(on: .v4)
        close(listener)
        return port
    }

    private static func listen(on loopback: Loopback) throws(Unavailable) -> (listener: Int32, port: UInt16) {
        let family = loopback == .v4 ? AF_INET : AF_INET6
        let listener = socket(family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard listener >= 0 else { throw Unavailable(call: "socket", code: errno) }
        var storage = sockaddr_storage()
        var length: socklen_t
        switch loopback {
        case .v4:
            length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let address = sockaddr_in(
                sin_family: sa_family_t(AF_INET), sin_port: 0, sin_addr: in_addr(s_addr: INADDR_LOOPBACK.bigEndian),
                sin_zero: (0, 0, 0, 0, 0, 0, 0, 0))
            withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: address, as: sockaddr_in.self) }
        case .v6:
            length = socklen_t(MemoryLayout<sockaddr_in6>.size)
            let address = sockaddr_in6(
                sin6_family: sa_family_t(AF_INET6), sin6_port: 0, sin6_flowinfo: 0, sin6_addr: in6addr_loopback,
                sin6_scope_id: 0)
            withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: address, as: sockaddr_in6.self) }
        }
        let isListening = withUnsafeMutablePointer(to: &storage) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && Glibc.listen(listener, 256) == 0
                    && getsockname(listener, $0, &length) == 0
            }
        }
        guard isListening else {
            defer { close(listener) }
            throw Unavailable(call: "bind", code: errno)
        }
        // The port is at the same place in both kinds of address.
        let port = withUnsafeBytes(of: &storage) { $0.load(fromByteOffset: 2, as: UInt16.self) }
        return (listener, UInt16(bigEndian: port))
    }
}

/// The sockets and threads of a `RawHTTPServer`.
private final class Connections: Sendable {
    private struct State {
        var sockets: [Int: Int32] = [:]
        var accepted = 0
        var requests: [RawHTTPServer.Request] = []
        var isStopped = false
    }

    private let listener: Int32
    private let script: @Sendable (RawHTTPServer.Request) -> [RawHTTPServer.Step]
    private let threads = DispatchGroup()
    private let state = Mutex(State())

    init(listener: Int32, script: @escaping @Sendable (RawHTTPServer.Request) -> [RawHTTPServer.Step]) {
        self.listener = listener
        self.script = script
    }

    var accepted: Int { state.withLock { $0.accepted } }
    var open: Int { state.withLock { $0.sockets.count } }
    var requests: [RawHTTPServer.Request] { state.withLock { $0.requests } }

    func start() {
        inThread { $0.acceptAll() }
    }

    func stop() {
        let isFirst = state.withLock { state in
            defer { state.isStopped = true }
            for socket in state.sockets.values { shutdown(socket, Int32(SHUT_RDWR)) }
            return !state.isStopped
        }
        guard isFirst else { return }
        shutdown(listener, Int32(SHUT_RDWR))
        threads.wait()
        close(listener)
    }

    private func inThread(_ body: @escaping @Sendable (Connections) -> Void) {
        threads.enter()
        Thread.detachNewThread {
            body(self)
            self.threads.leave()
        }
    }

    private func acceptAll() {
        while true {
            let socket = accept(listener, nil, nil)
            guard socket >= 0 else { return }
            let number: Int? = state.withLock { state in
                guard !state.isStopped else { return nil }
                defer { state.accepted += 1 }
                state.sockets[state.accepted] = socket
                return state.accepted
            }
            guard let number else {
                close(socket)
                return
            }
            inThread { connections in
                connections.serve(socket, number)
                connections.state.withLock {
                    $0.sockets[number] = nil
                    close(socket)
                }
            }
        }
    }

    private func serve(_ socket: Int32, _ number: Int) {
        var reader = RequestReader(socket: socket, connection: number)
        while let request = reader.next() {
            state.withLock { $0.requests.append(request) }
            for step in script(request) {
                guard carryOut(step, on: socket) else { return }
            }
        }
    }

    /// Returns false when the connection has ended.
    private func carryOut(_ step: RawHTTPServer.Step, on socket: Int32) -> Bool {
        switch step {
        case .bytes(let bytes):
            return send(bytes[...], on: socket)
        case .drip(let bytes, let pause):
            return bytes.indices.allSatisfy { index in
                send(bytes[index...index], on: socket) && !hasEnded(socket, within: pause)
            }
        case .hang:
            _ = hasEnded(socket, within: -1)
            return false
        case .close:
            return false
        case .reset:
            var linger = linger(l_onoff: 1, l_linger: 0)
            setsockopt(socket, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
            return false
        }
    }

    /// Waits for the other side to end the connection, for ever with -1. Bytes that it sends meanwhile stay unread.
    private func hasEnded(_ socket: Int32, within milliseconds: Int32) -> Bool {
        let peerClosed: Int16 = 0x2000  // POLLRDHUP, which Glibc's module does not show.
        var waiting = pollfd(fd: socket, events: peerClosed, revents: 0)
        return poll(&waiting, 1, milliseconds) != 0
    }

    private func send(_ bytes: ArraySlice<UInt8>, on socket: Int32) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes { Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard sent > 0 else { return false }
            rest = rest.dropFirst(sent)
        }
        return true
    }
}

/// Cuts what comes from one socket into requests.
private struct RequestReader {
    let socket: Int32
    let connection: Int
    private var unread: [UInt8] = []

    init(socket: Int32, connection: Int) {
        self.socket = socket
        self.connection = connection
    }

    /// The next complete request; nil when the connection ended, or where what came is none.
    mutating func next() -> RawHTTPServer.Request? {
        let end = Array("\r\n\r\n".utf8)
        var searched = 0
        var headerEnd: Int?
        while headerEnd == nil {
            headerEnd = unread.indices.dropFirst(searched).first { unread[$0...].starts(with: end) }
            searched = max(0, unread.count - end.count)
            guard headerEnd != nil || receive() else { return nil }
        }
        guard let headerEnd else { return nil }
        let lines = String(decoding: unread[..<headerEnd], as: UTF8.self).components(separatedBy: "\r\n")
        unread.removeFirst(headerEnd + end.count)
        let words = lines[0].split(separator: " ")
        guard words.count == 3 else { return nil }
        var request = RawHTTPServer.Request(
            method: String(words[0]), target: String(words[1]), headers: [], body: [], connection: connection)
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { return nil }
            request.headers.append((String(parts[0]), parts[1].trimmingCharacters(in: .whitespaces)))
        }
        let length = request.header("Content-Length").flatMap { Int($0) } ?? 0
        while unread.count < length {
            guard receive() else { return nil }
        }
        request.body = Array(unread.prefix(length))
        unread.removeFirst(length)
        return request
    }

    private mutating func receive() -> Bool {
        let chunk = [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, count in
            count = max(0, recv(socket, buffer.baseAddress, buffer.count, 0))
        }
        unread += chunk
        return !chunk.isEmpty
    }
}
