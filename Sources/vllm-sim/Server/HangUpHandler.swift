import NIOCore

/// Tells the engine when a client hangs up, as uvicorn notices it: at the end of input, answered or not.
final class HangUpHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    private let engine: EngineDriver

    init(_ engine: EngineDriver) {
        self.engine = engine
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event {
            engine.disconnected(ObjectIdentifier(context.channel))
            context.close(promise: nil)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        engine.disconnected(ObjectIdentifier(context.channel))
        context.fireChannelInactive()
    }
}
