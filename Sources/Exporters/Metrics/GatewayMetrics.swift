import Fleet

/// What is exported of the gateway of this process.
enum GatewayMetrics {
    static let gateway = MetricGroup<GatewaySnapshot>(
        title: "Gateway",
        metrics: [
            gauge("held_requests", "Requests that wait at the gateway.") { Double($0.held) },
            gauge("held_body_bytes", "Bodies of the requests that wait at the gateway.") { Double($0.heldBodyBytes) },
            gauge("in_flight_requests", "Requests that replicas work on.") { Double($0.inFlight) },
            gauge("oldest_wait_seconds", "For how long the request that is held longest has waited.") {
                $0.oldestWait?.seconds
            },
            gauge("waking", "1 while requests wait for a replica to become ready, else 0.") { $0.isWaking ? 1 : 0 },
            gauge("ready_replicas", "Replicas that get requests.") { Double($0.ready) },
            gauge("arrivals_total", "Requests that were let in.") { Double($0.arrivals) },
            Metric(
                "gateway_requests_total", labels: ["status", "outcome"],
                "Requests that have ended, by status (0: none was sent) and by what became of them: served, answered by "
                    + "the gateway itself, cancelled, cut, or the code of a refusal."
            ) { gateway in
                let first = GatewaySnapshot.Answer(status: 200, outcome: "served")
                return gateway.answers.merging([first: 0]) { known, _ in known }.sorted { $0.key < $1.key }.map {
                    ([String($0.key.status), $0.key.outcome], Double($0.value))
                }
            },
            Metric("gateway_wakes_total", label: "outcome", "Wakes that have ended: served, failed, abandoned.") {
                gateway in ["served", "failed", "abandoned"].map { ($0, Double(gateway.wakes[$0, default: 0])) }
            },
            Metric("gateway_wait_seconds", "From a request's head to a replica.", histogram: \.times.wait),
            Metric(
                "gateway_cold_wait_seconds", "The same, of those that waited for a wake.", histogram: \.times.coldWait),
            Metric(
                "gateway_first_byte_seconds", "From a request's head to the first byte of the answer's body.",
                histogram: \.times.firstByte),
            Metric(
                "gateway_inter_chunk_seconds", "Between two reads from the replica of one streamed answer.",
                histogram: \.times.interChunk),
            Metric(
                "gateway_wake_seconds", "From the first request that needed a wake to a ready replica.",
                histogram: \.times.wake),
            Metric("gateway_connections_total", "Connections of clients that were taken.") { Double($0.connections) },
            Metric("gateway_refused_connections_total", "Connections that were refused, by address or number.") {
                Double($0.refusedConnections)
            },
            Metric("gateway_heartbeats_total", "Comments sent to streaming requests that wait.") {
                Double($0.heartbeats)
            },
            Metric("gateway_controller_up", "1 when the controller elsewhere answers, else 0; absent without one.") {
                $0.controllerAnswers.map { $0 ? 1 : 0 }
            },
        ])

    private static func gauge(
        _ name: String, _ help: String, _ value: @escaping @Sendable (GatewaySnapshot.Pool) -> Double?
    ) -> Metric<GatewaySnapshot> {
        Metric("gateway_" + name, label: "pool", help) { $0.pools.map { ($0.pool.rawValue, value($0)) } }
    }
}

extension GatewaySnapshot.Answer: Comparable {
    package static func < (a: Self, b: Self) -> Bool { (a.status, a.outcome) < (b.status, b.outcome) }
}
