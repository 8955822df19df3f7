import ArgumentParser
import Config
import Fleet

struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Validates the configuration.",
        discussion: "Prints every problem with its place and what would be right. Exit status 2 when there is one.")

    @OptionGroup var config: ConfigOption

    @Flag(help: "Print the configuration as it takes effect, with its defaults; secrets stay hidden.")
    var print = false

    func run() async throws {
        let loaded = try config.loadRequired(starts: true)
        if print {
            Swift.print(loaded.describe())
        } else {
            let pools = loaded.pools.map(\.id.rawValue).joined(separator: ", ")
            Swift.print("\(config.found ?? ""): valid; pools: \(pools)")
        }
    }
}
