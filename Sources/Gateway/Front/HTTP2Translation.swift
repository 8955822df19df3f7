import NIOCore
import NIOHPACK
import NIOHTTP2

/// Brings one HTTP/2 stream into the form of an HTTP/1.1 connection with a single request, and its answer back.
///
/// So both versions meet the same rules; what cannot be written in HTTP/1.1 is refused.
final class HTTP2Translation: ChannelDuplexHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = HTTP2Frame.FramePayload

    private let limits: HeadLimits
    private var hasHead = false
    private var isChunked = false
    private var isHead = false
    private var answer = ByteBuffer()
    private var parser: HeadParser
    private var framing: BodyFraming?

    init(limits: HeadLimits) {
        self.limits = limits
        var own = HeadLimits()
        own.bytes = 1 << 20
        own.fields = 1000
        parser = HeadParser(.response, limits: own)
    }

    // MARK: Request

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .headers(let frame) where !hasHead:
            guard let head = requestHead(frame.headers, isWhole: frame.endStream) else { return reset(context) }
            hasHead = true
            context.fireChannelRead(wrapInboundOut(head))
        case .headers(let frame):
            guard isChunked else { return }
            var end = ByteBuffer(staticString: "0\r\n")
            for (name, value, _) in frame.headers {
                guard isSafe(name), isSafe(value) else { return reset(context) }
                end.writeString("\(name): \(value)\r\n")
            }
            end.writeStaticString("\r\n")
            context.fireChannelRead(wrapInboundOut(end))
        case .data(let frame):
            guard case .byteBuffer(var bytes) = frame.data else { return }
            var out = ByteBuffer()
            if isChunked {
                if bytes.readableBytes > 0 {
                    out.writeString(String(bytes.readableBytes, radix: 16) + "\r\n")
                    out.writeBuffer(&bytes)
                    out.writeStaticString("\r\n")
                }
                if frame.endStream { out.writeStaticString("0\r\n\r\n") }
            } else {
                out = bytes
            }
            if out.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(out)) }
        default:
            break
        }
    }

    private func requestHead(_ headers: HPACKHeaders, isWhole: Bool) -> ByteBuffer? {
        guard let method = headers.first(name: ":method"), let path = headers.first(name: ":path"),
            isSafe(path), isSafe(method), !path.contains(" "), !method.contains(" ")
        else { return nil }
        isHead = method == "HEAD"
        var head = ByteBuffer(string: "\(method) \(path) HTTP/1.1\r\n")
        if let authority = headers.first(name: ":authority") {
            guard isSafe(authority) else { return nil }
            head.writeString("host: \(authority)\r\n")
        }
        var hasLength = false
        for (name, value, _) in headers where !name.hasPrefix(":") {
            switch name {
            case "host" where headers.contains(name: ":authority"): continue
            case "connection", "transfer-encoding", "upgrade", "keep-alive", "proxy-connection": return nil
            case "content-length": hasLength = true
            default: break
            }
            guard isSafe(value), isSafe(name) else { return nil }
            head.writeString("\(name): \(value)\r\n")
        }
        isChunked = !isWhole && !hasLength
        head.writeString(isChunked ? "transfer-encoding: chunked\r\n\r\n" : "\r\n")
        return head
    }

    private func isSafe(_ text: String) -> Bool { text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 } }

    private func reset(_ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(.rstStream(.protocolError)), promise: nil)
        context.close(promise: nil)
    }

    // MARK: Answer

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        var bytes = unwrapOutboundIn(data)
        answer.writeBuffer(&bytes)
        do throws(HTTPFault) {
            while answer.readableBytes > 0 {
                if framing?.isDone ?? true {
                    guard let head = try parser.next(&answer) else { break }
                    try begin(head, context)
                } else {
                    try passBody(context)
                }
            }
        } catch {
            reset(context)
        }
        if answer.readableBytes == 0 { answer = ByteBuffer() }
        promise?.succeed()
    }

    private func begin(_ head: MessageHead, _ context: ChannelHandlerContext) throws(HTTPFault) {
        var headers = HPACKHeaders([(":status", "\(head.status)")])
        for field in head.fields {
            switch field.kind {
            case .connection, .hopByHop, .transferEncoding: continue
            default: headers.add(name: head.text(field.name).lowercased(), value: head.text(field.value))
            }
        }
        let isInterim = head.status < 200
        let body = isHead ? .done : try ResponseFraming.body(of: head)
        framing = isInterim ? nil : BodyFraming(body, limits: limits)
        write(.headers(.init(headers: headers, endStream: body == .done && !isInterim)), context)
    }

    private func passBody(_ context: ChannelHandlerContext) throws(HTTPFault) {
        guard var framing else { return }
        var ranges: [Range<Int>] = []
        let count = try answer.withUnsafeReadableBytes { (bytes) throws(HTTPFault) in
            try framing.walk(bytes) { ranges.append($0) }
        }
        self.framing = framing
        for range in ranges {
            guard let slice = answer.getSlice(at: answer.readerIndex + range.lowerBound, length: range.count) else {
                continue
            }
            write(.data(.init(data: .byteBuffer(slice))), context)
        }
        answer.moveReaderIndex(forwardBy: count)
        guard framing.isDone else { return }
        let trailers = framing.trailerBytes.isEmpty ? nil : try framing.trailers()
        if let trailers {
            let headers = HPACKHeaders(
                trailers.fields.map { (trailers.text($0.name).lowercased(), trailers.text($0.value)) })
            write(.headers(.init(headers: headers, endStream: true)), context)
        } else {
            write(.data(.init(data: .byteBuffer(ByteBuffer()), endStream: true)), context)
        }
    }

    private func write(_ payload: HTTP2Frame.FramePayload, _ context: ChannelHandlerContext) {
        context.write(wrapOutboundOut(payload), promise: nil)
    }
}

/// Ends HTTP/2 connections on which nothing is under way for too long, and all once the gateway drains.
final class HTTP2Idle: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame

    private let worker: Worker
    private var openStreams = 0
    private var isGoingAway = false
    private var quietSince = NIODeadline.now()
    private var task: RepeatedTask?

    init(worker: Worker) { self.worker = worker }

    func handlerAdded(context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        task = context.eventLoop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in
            bound.value.0.check(bound.value.1)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        task?.cancel()
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is NIOHTTP2StreamCreatedEvent { openStreams += 1 }
        if event is StreamClosedEvent { openStreams -= 1 }
        quietSince = .now()
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func check(_ context: ChannelHandlerContext) {
        let isIdle = openStreams <= 0
        if worker.isDraining, !isGoingAway {
            isGoingAway = true
            let frame = HTTP2Frame(
                streamID: .rootStream,
                payload: .goAway(lastStreamID: .maxID, errorCode: .noError, opaqueData: nil))
            context.channel.writeAndFlush(frame, promise: nil)
        }
        let time: NIODeadline = .now()
        if isIdle, isGoingAway || time - quietSince > TimeAmount(worker.settings.limits.idleTime) {
            context.close(promise: nil)
        }
    }
}
