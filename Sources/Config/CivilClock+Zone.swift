package import Forecast

/// A time zone that a command line names and this host does not have: what is wrong, and what would be right.
package struct UnknownZone: Error, Hashable, CustomStringConvertible {
    package var description: String
}

extension CivilClock {
    /// The clock of a zone of this host, by the same rules as `zone` in the configuration.
    package init(
        zone: String, environment: [String: String], readFile: @escaping (String) throws(UnreadableFile) -> [UInt8]
    ) throws(UnknownZone) {
        let kind = ZoneFiles(environment: environment, readFile: readFile).kind
        do {
            self = try kind.read(zone, true)
        } catch {
            let what = error.what ?? "expected \(kind.expected), found \(quotedBriefly(zone))"
            throw UnknownZone(description: "\(what); \(error.remedy ?? "write for example \(kind.example)")")
        }
    }
}
