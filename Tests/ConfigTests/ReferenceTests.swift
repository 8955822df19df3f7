import FoundationEssentials
import TestSupport
import Testing

@testable import Config

@Suite struct ReferenceTests {
    /// Every key that the reader asks for, such as `pools[].policy.tolerance`.
    static func keys() throws -> Set<String> {
        let log = ProblemLog(file: example)
        for driver in ["aws_asg", "local"] {
            let forecast = "{holidays: [2026-12-25], events: [{}]}"
            let gateway = "{listen: [{tls: {}}], pools: [{}], key_limits: [{}], models: {}}"
            let yaml =
                "gateway: \(gateway)\npools: [{driver: {kind: \(driver)}, forecast: \(forecast), "
                + "policy: {schedules: [{}]}}, {groups: [{driver: {kind: \(driver)}}]}]"
            let root = try #require(YAMLDocument.root(of: Array(yaml.utf8), log: log))
            let secrets = SecretText(environment: [:], folder: "") { _ throws(UnreadableFile) in [] }
            _ = AgentConfig.read(MappingReader(root, path: "", position: nil, log: log), secrets)
        }
        // The driver of a group has the keys of the driver of a pool.
        return Set(log.keys.map { $0.replacing(/\[[0-9]\]/, with: "[]") })
            .filter { !$0.hasPrefix("pools[].groups[].driver.") }
    }

    @Test("the page names every key, and no other")
    func page() throws {
        let path = "\(SharedFixtures.repositoryRoot)/docs/configuration.md"
        let page = try String(contentsOfFile: path, encoding: .utf8)
        let rows = page.split(separator: "\n").filter { $0.hasPrefix("| `") }
        let named = rows.map { row in String(row.dropFirst(3).prefix { $0 != "`" }) }
        let keys = try Self.keys()
        #expect(keys.contains("pools[].policy.scale_up.load_above"))
        #expect(keys.subtracting(named).sorted() == [])
        #expect(Set(named).subtracting(keys).sorted() == [])
        #expect(Set(named).count == named.count)
    }
}
