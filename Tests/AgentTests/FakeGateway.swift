import Agent
import Fleet
import Gateway
import Logging
import Synchronization

@testable import Admission

/// The gateway of this process: takes the news, and answers as it is told to when it is asked to close.
final class FakeGateway: Sendable {
    enum Mood: Sendable { case idle, busy, mute }

    static let settings = AdmissionSettings(models: ["llama": TestPool.id])

    let link: GatewayLink
    private let heard: Mutex<[FleetNews]>

    init(_ mood: Mood = .idle, wakes: WakeBoard = WakeBoard(), closesWithin: Duration = .seconds(60)) {
        link = GatewayLink(
            own: NewsReader(settings: Self.settings), wakes: wakes,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, closesWithin: closesWithin,
            now: { TestPool.start })
        heard = Mutex([])
        Task { [weak self, link] in
            for await news in link.news {
                self?.heard.withLock { $0.append(news) }
                guard case .closeIfIdle(let pool) = news else { continue }
                switch mood {
                case .idle: link.notify(.closed(pool))
                case .busy: link.notify(.notIdle(Self.demand(held: 1)))
                case .mute: break
                }
            }
        }
    }

    /// All news but reports, as short text, in order.
    var orders: [String] {
        heard.withLock { news in
            news.compactMap { news in
                switch news {
                case .closeIfIdle: "close"
                case .reopen: "reopen"
                case .wakeFailed(_, let reason): reason
                case .replicas, .boot, .configured: nil
                }
            }
        }
    }

    static func demand(held: Int = 0, inFlight: Int = 0) -> PoolDemand {
        PoolDemand(
            pool: TestPool.id, held: held, heldBodyBytes: 0, inFlight: inFlight, arrivals: 0, oldestWait: nil,
            isWaking: false, idleSince: nil, idleFor: nil, ready: 0)
    }
}
