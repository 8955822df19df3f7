package import Fleet
package import Logging
import ServiceLifecycle

/// Runs one loop per pool, and swaps loops when the configuration changes.
///
/// A pool whose parts changed is stopped between two ticks and started again, which is nothing but a quick restart: it
/// goes on from what history holds. Pools that did not change are not touched.
package actor PoolSupervisor: Service {
    private let board: SnapshotBoard
    private let wakes: WakeBoard
    private let link: GatewayLink?
    private let logger: Logger
    private let wallClock: @Sendable () -> Timestamp
    private var loops: [PoolID: Task<Void, Never>] = [:]
    private let afterTick: @Sendable (PoolTicker) async -> Void

    /// How long a loop may take to leave when the process stops. A call that is still under way then has its intent in
    /// history, and is settled at the next start.
    private let patience: Duration

    package init(
        board: SnapshotBoard, wakes: WakeBoard = WakeBoard(), link: GatewayLink? = nil, logger: Logger,
        patience: Duration = .seconds(3), wallClock: @escaping @Sendable () -> Timestamp,
        afterTick: @escaping @Sendable (PoolTicker) async -> Void = { _ in }
    ) {
        self.board = board
        self.wakes = wakes
        self.link = link
        self.logger = logger
        self.patience = patience
        self.wallClock = wallClock
        self.afterTick = afterTick
    }

    /// Starts these pools; those of the same name that run are stopped first.
    package func start(_ parts: [PoolParts]) async {
        for parts in parts {
            await stop([parts.pool])
            let loop = ControlLoop(
                parts: parts, board: board, wakes: wakes, link: link, logger: logger, clock: ContinuousClock(),
                wallClock: wallClock, afterTick: afterTick)
            loops[parts.pool] = Task { await loop.run() }
        }
    }

    /// Stops these pools, each between two ticks, and takes them off the board.
    package func retire(_ pools: Set<PoolID>) async {
        await stop(pools)
        for pool in pools { link?.forget(pool) }
        board.keep(only: Set(loops.keys))
    }

    /// Lives until shutdown, then lets every loop finish what it has begun, for a while.
    package func run() async {
        try? await gracefulShutdown()
        let loops = Array(loops.values)
        for loop in loops { loop.cancel() }
        let (done, finish) = AsyncStream.makeStream(of: Void.self)
        let waiting = Task {
            for loop in loops { await loop.value }
            finish.finish()
        }
        let limit = Task {
            try? await Task.sleep(for: patience)
            finish.finish()
        }
        for await _ in done {}
        limit.cancel()
        waiting.cancel()
    }

    private func stop(_ pools: Set<PoolID>) async {
        for pool in pools.sorted() {
            guard let loop = loops.removeValue(forKey: pool) else { continue }
            loop.cancel()
            await loop.value
        }
    }
}
