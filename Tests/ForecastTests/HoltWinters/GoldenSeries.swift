import FoundationEssentials
import TestSupport

/// One golden file: a series, and what other implementations make of it. `Tests/Fixtures/forecast/README.md` says what
/// the fields are. `FORECAST_GOLDEN` names another folder to read.
struct GoldenSeries: Decodable, Sendable {
    struct Record: Decodable, Sendable {
        /// By name; those of the dictionary `par` beside the others, those of `final` as `final.a` and so on.
        var numbers: [String: Double] = [:]
        var lists: [String: [Double]] = [:]
        /// The order of the states in the lists `initial` and `final`.
        var names: [String]?

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Key.self)
            for key in container.allKeys {
                let name = key.stringValue
                if name == "names" {
                    names = try container.decode([String].self, forKey: key)
                } else if let number = try? container.decode(Double.self, forKey: key) {
                    numbers[name] = number
                } else if let list = try? container.decode([Double].self, forKey: key) {
                    lists[name] = list
                } else if let group = try? container.decode([String: Double].self, forKey: key) {
                    for (state, value) in group { numbers[name == "par" ? state : "\(name).\(state)"] = value }
                }
            }
        }
    }

    private struct Key: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    var y: [Double]
    var m: Int
    var records: [String: Record] = [:]

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        y = try container.decode([Double].self, forKey: Key(stringValue: "y"))
        m = try container.decode(Int.self, forKey: Key(stringValue: "m"))
        for key in container.allKeys where key.stringValue.hasPrefix("R_") || key.stringValue.hasPrefix("sm_") {
            records[key.stringValue] = try container.decode(Record.self, forKey: key)
        }
    }

    static let folder =
        ProcessInfo.processInfo.environment["FORECAST_GOLDEN"]
        ?? SharedFixtures.repositoryRoot + "/Tests/Fixtures/forecast"

    /// The names of all files of a kind, `fixed` or `opt`.
    static func names(_ kind: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
            .filter { $0.hasPrefix(kind + "_") && $0.hasSuffix(".json") }
    }

    static func read(_ name: String) throws -> GoldenSeries {
        try JSONDecoder().decode(Self.self, from: Data(contentsOf: URL(filePath: folder + "/" + name)))
    }
}
