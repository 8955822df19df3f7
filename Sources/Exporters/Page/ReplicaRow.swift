import Fleet
import Policy

/// A replica of the fleet, an engine, or both in one: a row of the status page.
struct ReplicaRow {
    var id: ReplicaID
    var replica: Replica?
    var engine: EngineObservation?
    /// Where the decision placed it; `nil` for an engine that is no replica, and for a replica that is going away.
    var place: String?
    var now: Timestamp

    /// All replicas, and those engines that are none, by identifier.
    static func all(_ pool: PoolSnapshot, now: Timestamp) -> [ReplicaRow] {
        var rows: [ReplicaID: ReplicaRow] = [:]
        for replica in pool.input?.fleet?.replicas ?? [] {
            rows[replica.id] = ReplicaRow(id: replica.id, replica: replica, now: now)
        }
        for engine in pool.input?.observation.engines ?? [] {
            rows[engine.id, default: ReplicaRow(id: engine.id, now: now)].engine = engine
        }
        for (state, ids) in pool.output?.supply?.places ?? [] {
            for id in ids { rows[id]?.place = state }
        }
        return rows.values.sorted { $0.id < $1.id }
    }

    var cells: [HTML] {
        [
            "<code>\(id.rawValue)</code>",
            badge(state, tone),
            cell(engine?.running),
            cell(engine?.waiting),
            shareCell(engine?.kvCacheUsage, full: 0.9),
            engine?.age.map { $0 < .seconds(1) ? "just now" : "\(spanText($0)) ago" } ?? unknown,
            engine?.answeringSince.map { "\(spanText(now - $0))" } ?? unknown,
            cell(replica?.usdPerHour, moneyText),
            (replica?.zone ?? replica?.endpoint).map { "\($0)" } ?? unknown,
        ]
    }

    /// The place, and what the engine or the control plane adds to it.
    private var state: String {
        let word = place ?? replica?.state.text ?? engine?.condition.name ?? "unknown"
        guard let engine else { return place == "failed" ? replica?.state.text ?? word : word }
        switch (word, engine.condition) {
        case ("serving", .answering), ("answering", _), ("booting", _), ("sleeping", _), ("draining", .answering):
            return word
        case (_, .silent(let why)): return "\(word), silent: \(why)"
        case (_, .dead(let why)): return word == "dead" ? "dead: \(why)" : "\(word), dead: \(why)"
        case (_, .leftoverGauges): return "\(word), gauges left over"
        case (_, .mute): return "\(word), load unknown"
        default: return word
        }
    }

    private var tone: Tone {
        switch (place, engine?.condition) {
        case ("stuck", _), ("dead", _), ("failed", _), (nil, .dead): .bad
        case ("lost", _), (_, .silent), (_, .mute): .warn
        case ("booting", _), ("draining", _), (nil, .starting): .busy
        case ("serving", _), (nil, .answering): .good
        default: .idle
        }
    }
}
