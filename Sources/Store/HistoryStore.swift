package import Fleet
import Foundation
import GRDB
package import Policy

/// What the agent remembers across restarts: one SQLite file in WAL mode, written by one process.
///
/// Ticks with all that their decisions depended on, the intent of every action before the call and its receipt after
/// it, and every cold start. Moments are stored as milliseconds since 1970, values as JSON with sorted keys.
package final class HistoryStore: Sendable {
    private let database: any DatabaseWriter

    /// Opens the file, creates it if it is missing, and brings it to the present schema.
    ///
    /// - Parameter path: `nil` keeps everything in memory.
    package init(path: String?) throws(HistoryError) {
        database = try Self.doing("open \(path ?? "a database in memory")") {
            var configuration = GRDB.Configuration()
            configuration.busyMode = .timeout(5)
            configuration.maximumReaderCount = 2
            let database: any DatabaseWriter
            if let path {
                let folder = URL(filePath: path).deletingLastPathComponent()
                try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
                configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = FULL") }
                database = try DatabasePool(path: path, configuration: configuration)
            } else {
                database = try DatabaseQueue(configuration: configuration)
            }
            try Schema.migrator.migrate(database)
            return database
        }
    }

    /// Opens an existing file for reading only, beside the agent that writes it.
    package init(reading path: String) throws(HistoryError) {
        database = try Self.doing("open \(path)") {
            var configuration = GRDB.Configuration()
            configuration.readonly = true
            configuration.busyMode = .timeout(5)
            return try DatabaseQueue(path: path, configuration: configuration)
        }
    }

    // MARK: Ticks

    /// Writes a tick, the intent of its action and the boots that it saw, all or nothing.
    package func append(_ record: TickRecord) async throws(HistoryError) {
        let (pool, at) = (record.pool.rawValue, record.input.now.millisecondsSince1970)
        try await write("a tick of \(pool)") { db in
            let settings = try Self.settingsID(record.settings, db)
            try db.execute(
                sql: """
                    INSERT OR REPLACE INTO tick (pool, at, settings, current, target, rule, input, memory_before, output)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    pool, at, settings, record.output.decision.current, record.output.decision.target,
                    record.output.decision.binding?.rule.rawValue, try Self.json(record.input),
                    try Self.json(record.memoryBefore), try Self.json(record.output),
                ])
            try db.execute(
                sql: "INSERT OR REPLACE INTO state (pool, at, memory, observer) VALUES (?, ?, ?, ?)",
                arguments: [pool, at, try Self.json(record.memoryAfter), try Self.json(record.observer)])
            if let planned = record.output.action {
                try db.execute(
                    sql: "INSERT INTO action (id, pool, at, action) VALUES (?, ?, ?, ?)",
                    arguments: [planned.id.rawValue, pool, at, try Self.json(planned.action)])
            }
            for case .booted(let id, let took) in record.output.events {
                try db.execute(
                    sql: "INSERT OR REPLACE INTO boot (pool, replica, launched_at, ready_at) VALUES (?, ?, ?, ?)",
                    arguments: [pool, id.rawValue, at - took.wholeMilliseconds, at])
            }
        }
    }

    /// The ticks of a pool from `start` up to and not including `end`, oldest first, at most `limit`.
    package func ticks(
        of pool: PoolID, from start: Timestamp, to end: Timestamp, limit: Int = 10_000
    ) async throws(HistoryError) -> [StoredTick] {
        try await read("ticks of \(pool)") { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT tick.input, tick.memory_before, tick.output, settings.json AS settings
                    FROM tick JOIN settings ON settings.id = tick.settings
                    WHERE pool = ? AND at >= ? AND at < ? ORDER BY at LIMIT ?
                    """,
                arguments: [pool.rawValue, start.millisecondsSince1970, end.millisecondsSince1970, limit])
            return try rows.map(Self.tick)
        }
    }

    private static func tick(_ row: Row) throws -> StoredTick {
        StoredTick(
            settings: try value(row["settings"]), input: try value(row["input"]),
            memoryBefore: try value(row["memory_before"]), output: try value(row["output"]))
    }

    /// The tick at a moment, or the last one before it; `nil` when there is none.
    package func tick(of pool: PoolID, upTo moment: Timestamp) async throws(HistoryError) -> StoredTick? {
        try await read("a tick of \(pool)") { db in
            try Row.fetchOne(
                db,
                sql: """
                    SELECT tick.input, tick.memory_before, tick.output, settings.json AS settings
                    FROM tick JOIN settings ON settings.id = tick.settings
                    WHERE pool = ? AND at <= ? ORDER BY at DESC LIMIT 1
                    """,
                arguments: [pool.rawValue, moment.millisecondsSince1970]
            ).map(Self.tick)
        }
    }

    /// The first and the last moment of which a tick is recorded; `nil` without any.
    package func span(of pool: PoolID) async throws(HistoryError) -> (first: Timestamp, last: Timestamp)? {
        try await read("the ticks of \(pool)") { db in
            let row = try Row.fetchOne(
                db,
                sql: """
                    SELECT (SELECT MIN(at) FROM tick WHERE pool = :pool) AS first,
                        (SELECT MAX(at) FROM tick WHERE pool = :pool) AS last
                    """, arguments: ["pool": pool.rawValue])
            guard let first: Int64 = row?["first"], let last: Int64 = row?["last"] else { return nil }
            return (Timestamp(millisecondsSince1970: first), Timestamp(millisecondsSince1970: last))
        }
    }

    /// The pools that have recorded ticks.
    package func pools() async throws(HistoryError) -> [PoolID] {
        try await read("the pools") { db in
            try String.fetchAll(db, sql: "SELECT pool FROM state ORDER BY pool").map(PoolID.init(rawValue:))
        }
    }

    /// Which rules settled a pool's size by the ticks from `start` up to and not including `end`, and at what cost.
    package func ledger(
        of pool: PoolID, from start: Timestamp, to end: Timestamp
    ) async throws(HistoryError) -> RuleLedger {
        try await read("the decisions of \(pool)") { db in
            let rows = try Row.fetchCursor(
                db,
                sql: """
                    SELECT at, json_extract(output, '$.decision') AS decision, json_extract(input, '$.fleet') AS fleet,
                        json_extract(output, '$.nextTick') AS next, json_extract(json, '$.usdPerHour') AS price
                    FROM tick JOIN settings ON settings.id = tick.settings
                    WHERE pool = ? AND at >= ? AND at < ? ORDER BY at
                    """,
                arguments: [pool.rawValue, start.millisecondsSince1970, end.millisecondsSince1970])
            var ledger = RuleLedger()
            var last: (at: Timestamp, decision: Decision, next: Timestamp, price: Double?)?
            while let row = try rows.next() {
                let at = Timestamp(millisecondsSince1970: row["at"])
                if let last {
                    ledger.add(last.decision, at: last.at, nextTick: last.next, next: at, usdPerHour: last.price)
                }
                let fleet: FleetState? = try (row["fleet"] as String?).map { try Self.value($0) }
                last = (
                    at, try Self.value(row["decision"]), Timestamp(millisecondsSince1970: row["next"]),
                    fleet?.usdPerReplicaHour(else: row["price"])
                )
            }
            return ledger
        }
    }

    /// What forecasts learn from each tick of a pool, from `start` up to and not including `end`, oldest first. Reads no
    /// more of a tick than that, so weeks of it are quick.
    package func demand(
        of pool: PoolID, from start: Timestamp, to end: Timestamp
    ) async throws(HistoryError) -> [StoredDemand] {
        try await read("the demand of \(pool)") { db in
            let rows = try Row.fetchCursor(
                db,
                sql: """
                    SELECT at, json_extract(output, '$.demand.running'), json_extract(output, '$.demand.waiting'),
                        json_extract(output, '$.demand.held'), json_extract(output, '$.demand.engines'),
                        json_extract(output, '$.demand.missing')
                    FROM tick WHERE pool = ? AND at >= ? AND at < ? ORDER BY at
                    """,
                arguments: [pool.rawValue, start.millisecondsSince1970, end.millisecondsSince1970])
            var demand: [StoredDemand] = []
            while let row = try rows.next() {
                let parts: [Double?] = [row[1], row[2], row[3]]
                let known = parts.compactMap { $0 }
                let requests = known.isEmpty ? nil : known.reduce(0, +)
                demand.append(
                    StoredDemand(
                        at: Timestamp(millisecondsSince1970: row[0]),
                        requests: Demand.sample(requests: requests, engines: row[4] ?? 0, missing: row[5] ?? 0)))
            }
            return demand
        }
    }

    // MARK: States

    /// Where the last recorded tick left the controller and the observer; `nil` without one.
    package func lastState(of pool: PoolID) async throws(HistoryError) -> LastState? {
        try await read("the last state of \(pool)") { db in
            let row = try Row.fetchOne(
                db, sql: "SELECT memory, observer FROM state WHERE pool = ?", arguments: [pool.rawValue])
            return try row.map {
                LastState(memory: try Self.value($0["memory"]), observer: try Self.value($0["observer"]))
            }
        }
    }

    /// The fleet as the latest tick that knew it saw it; `nil` without one.
    package func lastFleet(of pool: PoolID) async throws(HistoryError) -> FleetState? {
        try await read("the last fleet of \(pool)") { db in
            let fleet = try String.fetchOne(
                db,
                sql: """
                    SELECT json_extract(input, '$.fleet') AS fleet FROM tick
                    WHERE pool = ? AND fleet IS NOT NULL ORDER BY at DESC LIMIT 1
                    """, arguments: [pool.rawValue])
            return try fleet.map { try Self.value($0) }
        }
    }

    // MARK: Actions

    /// Writes what became of an action.
    package func record(_ outcome: ActionOutcome, at now: Timestamp) async throws(HistoryError) {
        // A lost answer leaves the intent open: only the fleet can close it.
        var closed: Int64? = now.millisecondsSince1970
        if case .failed(.outcomeUnknown) = outcome.result { closed = nil }
        try await write("the outcome of \(outcome.id)") { [closed] db in
            try db.execute(
                sql: "UPDATE action SET outcome = ?, closed_at = ? WHERE id = ?",
                arguments: [try Self.json(outcome.result), closed, outcome.id.rawValue])
        }
    }

    /// The actions whose outcome is not known, oldest first.
    package func openIntents(of pool: PoolID) async throws(HistoryError) -> [OpenIntent] {
        try await read("open actions of \(pool)") { db in
            let rows = try Row.fetchAll(
                db, sql: "SELECT id, at, action FROM action WHERE pool = ? AND closed_at IS NULL ORDER BY at, id",
                arguments: [pool.rawValue])
            return try rows.map { row in
                OpenIntent(
                    id: ActionID(rawValue: row["id"]), at: Timestamp(millisecondsSince1970: row["at"]),
                    action: try Self.value(row["action"]))
            }
        }
    }

    /// Closes an open action after a look at the fleet.
    package func close(_ id: ActionID, done: Bool, at now: Timestamp) async throws(HistoryError) {
        try await write("the end of \(id)") { db in
            try db.execute(
                sql: "UPDATE action SET closed_at = ?, found_done = ? WHERE id = ? AND closed_at IS NULL",
                arguments: [now.millisecondsSince1970, done, id.rawValue])
        }
    }

    /// The latest actions, newest first.
    package func actions(of pool: PoolID, limit: Int) async throws(HistoryError) -> [StoredAction] {
        try await read("actions of \(pool)") { db in
            try Row.fetchAll(
                db, sql: "SELECT * FROM action WHERE pool = ? ORDER BY at DESC, id DESC LIMIT ?",
                arguments: [pool.rawValue, limit]
            ).map(Self.action)
        }
    }

    package func action(_ id: ActionID) async throws(HistoryError) -> StoredAction? {
        try await read("action \(id)") { db in
            try Row.fetchOne(db, sql: "SELECT * FROM action WHERE id = ?", arguments: [id.rawValue]).map(Self.action)
        }
    }

    private static func action(_ row: Row) throws -> StoredAction {
        let outcome: String? = row["outcome"]
        let closed: Int64? = row["closed_at"]
        return StoredAction(
            id: ActionID(rawValue: row["id"]), at: Timestamp(millisecondsSince1970: row["at"]),
            action: try value(row["action"]), outcome: try outcome.map { try value($0) },
            closedAt: closed.map { Timestamp(millisecondsSince1970: $0) }, foundDone: row["found_done"])
    }

    // MARK: Boots

    /// The latest cold starts, newest first.
    package func boots(of pool: PoolID, limit: Int) async throws(HistoryError) -> [StoredBoot] {
        try await read("boots of \(pool)") { db in
            let rows = try Row.fetchAll(
                db, sql: "SELECT * FROM boot WHERE pool = ? ORDER BY ready_at DESC, replica LIMIT ?",
                arguments: [pool.rawValue, limit])
            return rows.map { row in
                StoredBoot(
                    replica: ReplicaID(rawValue: row["replica"]),
                    launchedAt: Timestamp(millisecondsSince1970: row["launched_at"]),
                    readyAt: Timestamp(millisecondsSince1970: row["ready_at"]))
            }
        }
    }

    // MARK: Retention

    /// Forgets what is older than `moment`; open actions stay, and so do the last state of what was learned before it and
    /// the ticks since, without which no later one could be derived again. Gives the room back to new rows, not to the
    /// disk.
    package func prune(before moment: Timestamp) async throws(HistoryError) {
        let limit = moment.millisecondsSince1970
        try await write("the end of retention") { db in
            let kept = try Row.fetchAll(
                db, sql: "SELECT pool, MAX(at) AS at FROM learning WHERE at < ? GROUP BY pool", arguments: [limit])
            for row in kept {
                let arguments: StatementArguments = [row["pool"] as String, row["at"] as Int64]
                try db.execute(sql: "DELETE FROM tick WHERE pool = ? AND at <= ?", arguments: arguments)
                try db.execute(sql: "DELETE FROM learning WHERE pool = ? AND at < ?", arguments: arguments)
            }
            try db.execute(
                sql: "DELETE FROM tick WHERE at < ? AND pool NOT IN (SELECT pool FROM learning)", arguments: [limit])
            try db.execute(sql: "DELETE FROM action WHERE at < ? AND closed_at IS NOT NULL", arguments: [limit])
            try db.execute(sql: "DELETE FROM boot WHERE ready_at < ?", arguments: [limit])
            try db.execute(sql: "DELETE FROM settings WHERE id NOT IN (SELECT DISTINCT settings FROM tick)")
        }
    }

    /// Brings the write-ahead log into the file, as far as readers let it, and closes. What fails here is made up for
    /// by SQLite at the next opening.
    package func close() {
        if database is DatabasePool {
            try? database.writeWithoutTransaction { db in _ = try db.checkpoint(.truncate) }
        }
        try? database.close()
    }

    // MARK: Helpers

    private static func settingsID(_ settings: PolicySettings, _ db: Database) throws -> Int64 {
        let text = try json(settings)
        try db.execute(sql: "INSERT OR IGNORE INTO settings (json) VALUES (?)", arguments: [text])
        return try Int64.fetchOne(db, sql: "SELECT id FROM settings WHERE json = ?", arguments: [text]) ?? 0
    }

    func write(
        _ what: String, _ body: @escaping @Sendable (Database) throws -> Void
    ) async throws(HistoryError) {
        do {
            try await database.write(body)
        } catch {
            throw HistoryError("write \(what): \(error)")
        }
    }

    func read<Value: Sendable>(
        _ what: String, _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(HistoryError) -> Value {
        do {
            return try await database.read(body)
        } catch {
            throw HistoryError("read \(what): \(error)")
        }
    }

    private static func doing<Value>(_ what: String, _ body: () throws -> Value) throws(HistoryError) -> Value {
        do {
            return try body()
        } catch {
            throw HistoryError("\(what): \(error)")
        }
    }

    static func json(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Demand on no replica at all is an infinite load.
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    static func value<Value: Decodable>(_ json: String) throws -> Value {
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return try decoder.decode(Value.self, from: Data(json.utf8))
    }
}

/// History could not be read or written: what was tried, and what SQLite said.
package struct HistoryError: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String
    package init(_ description: String) { self.description = description }
}
