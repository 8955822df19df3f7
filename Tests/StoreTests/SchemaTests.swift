import Foundation
import GRDB
import Testing

@testable import Store

@Suite struct SchemaTests {
    @Test("a database of an earlier version loses the table that nobody reads any more")
    func forecaster() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).sqlite").path()
        defer { for end in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + end) } }
        let old = try DatabaseQueue(path: path)
        try Schema.migrator.migrate(old, upTo: "learning")
        try old.write { try $0.execute(sql: "CREATE TABLE forecaster (pool TEXT, state TEXT NOT NULL)") }
        try old.close()
        _ = try HistoryStore(path: path)
        let new = try DatabaseQueue(path: path)
        #expect(try new.read { try $0.tableExists("forecaster") } == false)
        #expect(try new.read { try $0.tableExists("learning") })
    }
}
