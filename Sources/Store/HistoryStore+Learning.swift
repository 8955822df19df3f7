package import Fleet
import GRDB
package import Policy

/// What a pool has learned: one state a day, and the ticks since, from which the rest is learned again.
extension HistoryStore {
    /// Keeps what a pool has learned up to the tick at `moment`; of each day the last state stays, until `prune`. What a
    /// clock that was ahead has left is dropped.
    package func save(_ learning: PoolLearning, of pool: PoolID, at moment: Timestamp) async throws(HistoryError) {
        try await write("what \(pool) has learned") { db in
            try db.execute(
                sql: "INSERT OR REPLACE INTO learning (pool, day, at, state) VALUES (?, ?, ?, ?)",
                arguments: [
                    pool.rawValue, moment.wholeSecondsSince1970.floorDivided(by: 86_400).quotient,
                    moment.millisecondsSince1970, try Self.json(learning),
                ])
            try db.execute(
                sql: "DELETE FROM learning WHERE pool = ? AND at > ?",
                arguments: [pool.rawValue, moment.millisecondsSince1970])
        }
    }

    /// The latest state that was kept up to a moment, with the tick after which it was; `nil` without one.
    package func learning(
        of pool: PoolID, upTo moment: Timestamp
    ) async throws(HistoryError) -> (at: Timestamp, learning: PoolLearning)? {
        try await read("what \(pool) has learned") { db in
            let row = try Row.fetchOne(
                db, sql: "SELECT at, state FROM learning WHERE pool = ? AND at <= ? ORDER BY day DESC LIMIT 1",
                arguments: [pool.rawValue, moment.millisecondsSince1970])
            return try row.map { (Timestamp(millisecondsSince1970: $0["at"]), try Self.value($0["state"])) }
        }
    }

    /// When the states were that are kept, oldest first.
    package func learningKept(of pool: PoolID) async throws(HistoryError) -> [Timestamp] {
        try await read("what \(pool) has learned") { db in
            try Int64.fetchAll(
                db, sql: "SELECT at FROM learning WHERE pool = ? ORDER BY at", arguments: [pool.rawValue]
            )
            .map(Timestamp.init(millisecondsSince1970:))
        }
    }

    /// What a pool has learned before `now`: the state that was kept, taught by the recorded ticks since, each under the
    /// settings of its time, as the agent was. Reads no more of a tick than that takes, so weeks of them are quick.
    ///
    /// Under settings that make what was learned useless all begins anew, with the ticks of the last four weeks; they take
    /// about a second.
    package func learned(
        by pool: PoolID, _ settings: PolicySettings, since kept: (at: Timestamp, learning: PoolLearning)?,
        before now: Timestamp
    ) async throws(HistoryError) -> PoolLearning {
        try await read("the work of \(pool)") { db in
            var learning = kept?.learning
            var known: (id: Int64, settings: PolicySettings)?
            let start = kept.map { $0.at + .milliseconds(1) } ?? Timestamp(millisecondsSince1970: 0)
            try Self.eachWork(of: pool, from: start, to: now, db) { at, id, work in
                if known?.id != id {
                    let json = try String.fetchOne(db, sql: "SELECT json FROM settings WHERE id = ?", arguments: [id])
                    let settings: PolicySettings = try Self.value(json ?? "")
                    learning = try Self.adapted(learning, to: settings, of: pool, before: at, db)
                    known = (id, settings)
                }
                if let known { learning?.replay(work, known.settings, now: at) }
            }
            return try Self.adapted(learning, to: settings, of: pool, before: now, db)
        }
    }

    /// What was learned, for use under other settings; see `learned`.
    package func adapted(
        _ learning: PoolLearning, to settings: PolicySettings, of pool: PoolID, before now: Timestamp
    ) async throws(HistoryError) -> PoolLearning {
        try await read("the work of \(pool)") { db in
            try Self.adapted(learning, to: settings, of: pool, before: now, db)
        }
    }

    private static func adapted(
        _ learning: PoolLearning?, to settings: PolicySettings, of pool: PoolID, before now: Timestamp, _ db: Database
    ) throws -> PoolLearning {
        if var learning, learning.adopt(settings) { return learning }
        var fresh = PoolLearning(settings)
        // From a midnight on, so that a replay begins where a restart did.
        let start = (now.wholeSecondsSince1970.floorDivided(by: 86_400).quotient - 28) * 86_400
        try eachWork(of: pool, from: Timestamp(secondsSince1970: Double(start)), to: now, db) { at, _, work in
            fresh.replay(work, settings, now: at)
        }
        return fresh
    }

    private static func eachWork(
        of pool: PoolID, from start: Timestamp, to end: Timestamp, _ db: Database,
        _ body: (_ at: Timestamp, _ settings: Int64, PoolWork) throws -> Void
    ) throws {
        let rows = try Row.fetchCursor(
            db,
            sql: """
                SELECT at, settings, json_extract(output, '$.work') AS work FROM tick
                WHERE pool = ? AND at >= ? AND at < ? AND work IS NOT NULL ORDER BY at
                """,
            arguments: [pool.rawValue, start.millisecondsSince1970, end.millisecondsSince1970])
        while let row = try rows.next() {
            try body(Timestamp(millisecondsSince1970: row["at"]), row["settings"], try value(row["work"]))
        }
    }
}
