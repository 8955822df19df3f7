import ArgumentParser
import Fleet
import Policy
import Store

struct ReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Derives every recorded decision again with this version and shows what differs.",
        discussion: """
            Takes the inputs, the memory and the settings that were recorded, and what the pool had learned by then. Exit \
            status 0 when all is equal, bit for bit, 1 when not.
            """)

    @OptionGroup var record: RecordOptions

    @Option(help: ArgumentHelp("From when: a date, RFC 3339 or seconds since 1970; default is all.", valueName: "time"))
    var from: String?

    @Option(help: ArgumentHelp("Up to and not including this; default is all.", valueName: "time"))
    var to: String?

    @Flag(help: "Print JSON.")
    var json = false

    /// Differences that are printed as text.
    private static let printed = 20

    func run() async throws {
        let (from, to) = (try RecordOptions.moment(from, "--from"), try RecordOptions.moment(to, "--to"))
        try await record.read { record in
            let result = try await record.history.replay(
                of: record.pool, from: from ?? record.first, to: to ?? record.last + .milliseconds(1))
            guard let first = result.first, let last = result.last else {
                throw StartError(
                    "pool \(record.pool): nothing is recorded in this span, but from \(record.first) to \(record.last)")
            }
            if json {
                try Surroundings.printJSON(Answer(pool: record.pool, result: result))
            } else {
                print(
                    "\(record.pool), \(first) to \(last): \(result.ticks) decisions derived again, "
                        + (result.different == 0 ? "no difference" : "\(result.different) differ"))
                for difference in result.differences.prefix(Self.printed) { print(difference.text) }
            }
            if result.gaps > 0 {
                Surroundings.printError(
                    "ticks are missing from the record before \(result.gaps) of these: what they taught is not known")
            }
            if result.different > 0 { throw ExitCode.unreachable }
        }
    }

    private struct Answer: Encodable {
        var pool: PoolID
        var first, last: Timestamp?
        var ticks, different, gaps: Int
        var differences: [Difference]

        init(pool: PoolID, result: ReplayResult) {
            (self.pool, first, last) = (pool, result.first, result.last)
            (ticks, different, gaps) = (result.ticks, result.different, result.gaps)
            differences = result.differences.map {
                Difference(
                    at: $0.at.description, parts: $0.parts, step: $0.firstStep, recorded: $0.recorded.decision,
                    derived: $0.derived.decision)
            }
        }
    }

    private struct Difference: Encodable {
        var at: String
        var parts: [String]
        var step: Int?
        var recorded, derived: Decision
    }
}

extension TickDifference {
    /// The counts and the first step that differs, or what else does.
    fileprivate var text: String {
        func count(_ decision: Decision) -> String { decision.target.map(String.init) ?? "unknown" }
        var lines = [
            "  \(at): target \(count(recorded.decision)), now \(count(derived.decision)); "
                + "\(parts.joined(separator: ", ")) \(parts.count == 1 ? "differs" : "differ")"
        ]
        if let step = firstStep {
            for (name, decision) in [("recorded", recorded.decision), ("derived", derived.decision)] {
                let sentence = decision.steps.indices.contains(step) ? decision.steps[step].sentence : "no further step"
                lines.append("    step \(step + 1), \(name): \(sentence)")
            }
        }
        return lines.joined(separator: "\n")
    }
}
