package import Admission
package import Fleet

/// All that can be set about the gateway's connections; what is let in and when is in `AdmissionSettings`.
package struct GatewaySettings: Sendable {
    package var listeners: [Listener]
    /// Event loops, each on a thread of its own.
    package var threads = 2
    package var limits = Limits()
    package var upstream = UpstreamSettings()
    /// SHA-256 of the keys that open the door, by file; `nil`: everybody may come in, as `anonymous`.
    package var keyFile: String?
    /// Further POST paths that are passed on like the known inference paths.
    package var extraPaths: Set<String> = []
    /// Whether a generation may run twice when a replica goes away without an answer. A request that kills its replica
    /// would then go on to the next one.
    package var repeatsGenerations = false
    /// After which a wake has failed that the controller shows no sign of having heard.
    package var controllerPatience: Duration = .seconds(120)
    /// How long a stopping gateway waits for what is under way.
    package var drain: Duration = .seconds(60)

    package init(listeners: [Listener]) { self.listeners = listeners }

    package struct Listener: Hashable, Sendable {
        package enum Address: Hashable, Sendable {
            /// Port 0 takes a free one.
            case tcp(host: String, port: Int)
            /// Replaces a socket that lies at the path.
            case unix(path: String)
        }
        package var address: Address
        package var tls: TLS?
        /// HTTP/2 without TLS, for clients that know beforehand.
        package var acceptsPriorKnowledge = true
        /// Who may connect, by address block; `nil`: everybody. A Unix socket has its permissions instead.
        package var allow: [AddressBlock]?
        /// Whether a key is asked for here, where there is a key file.
        package var needsKey = true

        package init(_ address: Address, tls: TLS? = nil) {
            self.address = address
            self.tls = tls
        }
    }

    /// PEM files.
    package struct TLS: Hashable, Sendable {
        package var certificateChain: String
        package var privateKey: String

        package init(certificateChain: String, privateKey: String) {
            self.certificateChain = certificateChain
            self.privateKey = privateKey
        }
    }

    /// What a client may take. Each is answered by 408, 413, 414, 431 or 503 where an answer is still possible.
    package struct Limits: Hashable, Sendable {
        package var connections = 10_000
        package var head = HeadLimits()
        package var bodyBytes = 64 << 20
        /// How much of a body is read to find the model's name, unless only one is configured, and kept of a request that
        /// may be sent again. What is behind stays in the client's socket while the request is held.
        package var heldBodyBytes = 1 << 20
        /// From the first byte of a request to the end of its head, and for the TLS handshake.
        package var headTime: Duration = .seconds(15)
        /// Without a request on an open connection.
        package var idleTime: Duration = .seconds(75)
        /// A body may take so long, and longer by what has come at the lowest speed.
        package var bodyTime: Duration = .seconds(30)
        package var bodyBytesPerSecond = 1 << 10
        /// How long a client may leave an answer unread.
        package var unreadTime: Duration = .seconds(60)
        package var streamsPerConnection = 100

        package init() {}
    }

    package struct UpstreamSettings: Hashable, Sendable {
        package var connectTime: Duration = .seconds(3)
        /// Without a byte from a replica that works on a request.
        package var silentTime: Duration = .seconds(600)
        /// The same for a replica that is gone as far as the controller knows, counted from then on.
        package var goneTime: Duration = .seconds(30)
        /// Connections kept for the next request, by replica and event loop, and for how long: less than the 5 s after
        /// which uvicorn, and so vLLM, ends them.
        package var idleConnections = 64
        package var idleTime: Duration = .seconds(4)
        /// A pooled connection that breaks so soon after a request, without a word, had been ended before.
        package var staleTime: Duration = .milliseconds(250)
        package var probeTime: Duration = .seconds(20)
        package var head = HeadLimits()
        /// Sent instead of the client's `Authorization`, such as `Bearer x`. Never logged.
        package var authorization: String?

        package init() {}
    }
}

/// A replica and where it listens.
package struct GatewayReplica: Hashable, Sendable {
    package var observed: ObservedReplica
    /// Such as `http://10.0.0.7:8000`; `nil` while it is not known.
    package var endpoint: String?

    package init(_ observed: ObservedReplica, endpoint: String?) {
        self.observed = observed
        self.endpoint = endpoint
    }
}

/// What the controller tells the gateway.
///
/// Moments in it are by a clock that shows `now`; `nil`: by the gateway's own. The two need not agree.
package enum FleetNews: Sendable {
    /// All replicas of a pool; one that is missing is gone.
    case replicas(PoolID, [GatewayReplica], now: Timestamp? = nil)
    case boot(PoolID, BootOutlook, now: Timestamp? = nil)
    case wakeFailed(PoolID, reason: String)
    case closeIfIdle(PoolID)
    case reopen(PoolID)
    case configured(AdmissionSettings)
}

/// What the gateway tells the controller.
package enum GatewayNotice: Sendable {
    /// Wanted: a replica. Once per wake, until the controller has heard.
    case wake(PoolID)
    case demand(PoolDemand)
    case closed(PoolID)
    case notIdle(PoolDemand)
    case drained(Destination, cut: Int)
    case ejected(Destination, until: Timestamp)
    case wakeEnded(WakeRecord)
}

/// The side that owns the replicas: in the same process, or behind HTTP.
package protocol GatewayController: Sendable {
    /// Ends when the controller does; the gateway then goes on with what it knows.
    var news: AsyncStream<FleetNews> { get }
    /// Returns at once: it is called while requests wait.
    func notify(_ notice: GatewayNotice)
}
