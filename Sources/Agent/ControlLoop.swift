package import Fleet
package import Logging
import Policy

/// Runs one pool's ticks on planned deadlines until its task is cancelled.
package struct ControlLoop<C: Clock>: Sendable where C.Duration == Duration {
    private let parts: PoolParts
    private let board: SnapshotBoard
    private let wakes: WakeBoard
    private let link: GatewayLink?
    private let logger: Logger
    private let clock: C
    private let wallClock: @Sendable () -> Timestamp
    private let afterTick: @Sendable (PoolTicker) async -> Void

    /// - Parameter afterTick: called with the ticker after every tick; the demo prints its lines there.
    package init(
        parts: PoolParts, board: SnapshotBoard, wakes: WakeBoard = WakeBoard(), link: GatewayLink? = nil,
        logger: Logger, clock: C, wallClock: @escaping @Sendable () -> Timestamp,
        afterTick: @escaping @Sendable (PoolTicker) async -> Void = { _ in }
    ) {
        self.parts = parts
        self.board = board
        self.wakes = wakes
        self.link = link
        self.logger = logger
        self.clock = clock
        self.wallClock = wallClock
        self.afterTick = afterTick
    }

    /// Deadlines are counted from the first one, so ticks do not drift; those that a slow tick ran past are left out.
    /// Being asked for a pool in which nobody serves makes for a tick in between.
    package func run() async {
        var ticker = await PoolTicker(parts: parts, link: link, at: wallClock(), logger: logger)
        let interval = parts.settings.interval
        var deadline = clock.now
        while !Task.isCancelled {
            let started = clock.now
            let now = wallClock()
            await ticker.tick(at: now, wake: wakes.take(parts.pool)) { started.duration(to: clock.now) }
            if Task.isCancelled { return }
            board.publish(ticker.snapshot, at: now)
            await afterTick(ticker)
            let behind = deadline.duration(to: clock.now) / interval
            if behind >= 0 { deadline = deadline.advanced(by: interval * max(1, Int(behind.rounded(.up)))) }
            if ticker.hasOrderedFirst || !ticker.canBeWoken { await look(ticker, until: deadline) }
            let earliest = started.advanced(by: .seconds(1))
            if ticker.canBeWoken, earliest < deadline {
                await sleep(until: deadline, orAskedFrom: earliest)
            } else {
                try? await clock.sleep(until: deadline, tolerance: nil)
            }
        }
    }

    /// While requests wait for the first replica, its address is told once it is known, not at the next tick.
    private func look(_ ticker: PoolTicker, until deadline: C.Instant) async {
        let pause = Duration.seconds(parts.driver == "local" ? 2 : 5)
        var isDue = ticker.hasOrderedFirst
        while isDue || ticker.isAwaited {
            let next = isDue ? clock.now : clock.now.advanced(by: pause)
            guard next < deadline, (try? await clock.sleep(until: next, tolerance: nil)) != nil else { return }
            if await ticker.look(at: wallClock()) { return }
            isDue = false
        }
    }

    private func sleep(until deadline: C.Instant, orAskedFrom earliest: C.Instant) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await clock.sleep(until: deadline, tolerance: nil) }
            group.addTask {
                await wakes.waitForCall(of: parts.pool)
                try? await clock.sleep(until: earliest, tolerance: nil)
            }
            await group.next()
            group.cancelAll()
        }
    }
}
