import ArgumentParser
import Config
import Fleet
import Foundation
import Store

/// The record of one pool; shared by the commands that look back.
struct RecordOptions: ParsableArguments {
    @OptionGroup var config: ConfigOption

    @Option(help: ArgumentHelp("The agent's state folder; default is that of the configuration.", valueName: "folder"))
    var state: String?

    @Option(help: "The pool, where there are several.")
    var pool: String?

    /// What is recorded, and the span of time.
    struct Record {
        var history: HistoryStore
        var pool: PoolID
        var first: Timestamp
        var last: Timestamp
    }

    /// Looks into the record, and closes it after that. What fails is said, with exit status 1.
    func read(_ body: (Record) async throws -> Void) async throws {
        let folder = try state ?? config.loadRequired().stateDirectory
        let file = folder + "/history.sqlite"
        do {
            guard FileManager.default.fileExists(atPath: file) else {
                throw StartError("there is no history yet: \(file)")
            }
            let history = try HistoryStore(reading: file)
            defer { history.close() }
            let pools = try await history.pools()
            let named = pools.filter { pool == nil || $0.rawValue == pool }
            guard let only = named.first, named.count == 1 else {
                let known = pools.map(\.rawValue).joined(separator: ", ")
                throw ValidationError(
                    "--pool must name one of the recorded pools: \(known.isEmpty ? "none yet" : known).")
            }
            guard let span = try await history.span(of: only) else {
                throw StartError("no ticks of pool \(only) are recorded in \(file)")
            }
            try await body(Record(history: history, pool: only, first: span.first, last: span.last))
        } catch let error as HistoryError {
            Surroundings.printError(error.description)
            throw ExitCode.unreachable
        } catch let error as StartError {
            Surroundings.printError(error.description)
            throw ExitCode.unreachable
        }
    }

    static func moment(_ text: String?, _ option: String) throws -> Timestamp? {
        try text.map { try SeriesOptions.moment($0, option) }
    }
}
