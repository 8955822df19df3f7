import GRDB

/// The tables. Migrations are named, run in one transaction each, and are only ever added to.
enum Schema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("history") { db in
            try db.execute(
                sql: """
                    CREATE TABLE settings (id INTEGER PRIMARY KEY, json TEXT NOT NULL UNIQUE);
                    CREATE TABLE tick (
                        pool TEXT NOT NULL, at INTEGER NOT NULL, settings INTEGER NOT NULL REFERENCES settings (id),
                        current INTEGER, target INTEGER, rule TEXT,
                        input TEXT NOT NULL, memory_before TEXT NOT NULL, output TEXT NOT NULL,
                        PRIMARY KEY (pool, at)
                    ) WITHOUT ROWID;
                    CREATE TABLE state (
                        pool TEXT PRIMARY KEY, at INTEGER NOT NULL, memory TEXT NOT NULL, observer TEXT NOT NULL
                    ) WITHOUT ROWID;
                    CREATE TABLE action (
                        id TEXT PRIMARY KEY, pool TEXT NOT NULL, at INTEGER NOT NULL, action TEXT NOT NULL,
                        outcome TEXT, closed_at INTEGER, found_done INTEGER
                    ) WITHOUT ROWID;
                    CREATE INDEX action_pool ON action (pool, at);
                    CREATE TABLE boot (
                        pool TEXT NOT NULL, replica TEXT NOT NULL, launched_at INTEGER NOT NULL,
                        ready_at INTEGER NOT NULL, PRIMARY KEY (pool, replica)
                    ) WITHOUT ROWID;
                    """)
        }
        migrator.registerMigration("learning") { db in
            // The last state of each day.
            try db.execute(
                sql: """
                    CREATE TABLE learning (
                        pool TEXT NOT NULL, day INTEGER NOT NULL, at INTEGER NOT NULL, state TEXT NOT NULL,
                        PRIMARY KEY (pool, day)
                    ) WITHOUT ROWID;
                    """)
        }
        migrator.registerMigration("learning alone") { db in
            // Until there was a state of all that is learned, that of the forecaster was kept by itself.
            try db.execute(sql: "DROP TABLE IF EXISTS forecaster")
        }
        return migrator
    }
}
