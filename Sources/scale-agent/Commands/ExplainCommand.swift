import ArgumentParser
import Exporters
import Fleet
import Policy
import Store

struct ExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Why a recorded decision was made, and what it would have been without each rule.",
        discussion: """
            Times are dates, RFC 3339 or seconds since 1970, in UTC. Exit status 1 when nothing is recorded at or before that \
            time.
            """)

    @OptionGroup var record: RecordOptions

    @Option(help: ArgumentHelp("The last decision up to then; default is the newest.", valueName: "time"))
    var at: String?

    @Flag(help: "Print which rules settled the count, for how long, and what each added or denied.")
    var ledger = false

    @Option(help: ArgumentHelp("Where the ledger begins; default is a day before its end.", valueName: "time"))
    var since: String?

    @Option(help: ArgumentHelp("Where the ledger ends; default is the newest decision.", valueName: "time"))
    var until: String?

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        guard ledger ? at == nil : since == nil && until == nil else {
            throw ValidationError("--since and --until go with --ledger, --at does not.")
        }
    }

    func run() async throws {
        let at = try RecordOptions.moment(at, "--at")
        let (since, until) = (
            try RecordOptions.moment(since, "--since"), try RecordOptions.moment(until, "--until")
        )
        try await record.read { record in
            if ledger {
                // The newest decision holds until another comes.
                let end = until ?? record.last + .milliseconds(1)
                try await tell(record, from: since ?? max(record.first, end - .seconds(86_400)), to: end)
            } else {
                try await tell(record, at: at ?? record.last)
            }
        }
    }

    private func tell(_ record: RecordOptions.Record, at moment: Timestamp) async throws {
        guard let tick = try await record.history.tick(of: record.pool, upTo: moment) else {
            throw StartError(
                "pool \(record.pool): no tick at or before \(moment); recorded are \(record.first) to \(record.last), so the "
                    + "nearest is \(record.first)")
        }
        if moment > tick.output.nextTick + tick.settings.interval {
            Surroundings.printError("nothing is recorded between \(tick.input.now) and \(moment)")
        }
        var result: String?
        if let planned = tick.output.action {
            result = try await record.history.action(planned.id)?.fate
        }
        let explanation = TickExplanation(record.pool, tick, result: result)
        print(json ? String(decoding: explanation.json, as: UTF8.self) : explanation.text)
    }

    private func tell(_ record: RecordOptions.Record, from start: Timestamp, to end: Timestamp) async throws {
        let ledger = try await record.history.ledger(of: record.pool, from: start, to: end)
        guard !json else {
            return print(String(decoding: ledger.json(record.pool, from: start, to: end), as: UTF8.self))
        }
        print("\(record.pool), \(start) to \(end)")
        for line in ledger.table { print(line) }
    }
}

extension StoredAction {
    /// What became of it, in words.
    fileprivate var fate: String {
        let answer = outcome.map { "\($0)" } ?? "no answer was recorded"
        let found = foundDone.map { ", a later look at the fleet found it \($0 ? "done" : "not done")" } ?? ""
        return answer + (closedAt.map { " at \($0)" } ?? "") + found
    }
}
