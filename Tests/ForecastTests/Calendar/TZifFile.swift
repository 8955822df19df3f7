import Fleet
import Forecast
import FoundationEssentials

/// Writes TZif files by hand.
struct TZifFile {
    var version: UInt8 = UInt8(ascii: "2")
    var times: [Int] = []
    var kinds: [UInt8] = []
    var offsets = [0]
    var footer = ""
    var leapSeconds = 0
    /// What the first block of a later version says; readers pass over it.
    var legacy: [Int] = []

    var bytes: [UInt8] {
        guard version != 0 else { return block(times: times, width: 4) }
        return block(times: legacy, width: 4) + block(times: times, width: 8) + Array("\n\(footer)\n".utf8)
    }

    private func block(times: [Int], width: Int) -> [UInt8] {
        var bytes = Array("TZif".utf8) + [version] + [UInt8](repeating: 0, count: 15)
        // Kinds of UT and standard indicators, leap seconds, changes, kinds, letters of names.
        for count in [1, 1, leapSeconds, times.count, offsets.count, 4] { bytes += bigEndian(count, 4) }
        bytes += times.flatMap { bigEndian($0, width) }
        bytes += times.indices.map { kinds.indices.contains($0) ? kinds[$0] : 0 }
        for offset in offsets { bytes += bigEndian(offset, 4) + [0, 0] }
        bytes += Array("LMT\0".utf8) + [UInt8](repeating: 0, count: leapSeconds * (width + 4)) + [0, 0]
        return bytes
    }

    private func bigEndian(_ value: Int, _ width: Int) -> [UInt8] {
        (0..<width).reversed().map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }
}

extension CivilClock {
    /// A zone that follows a rule, or has one offset for ever.
    init(rule: String) throws {
        try self.init(name: "Test/Rule", tzif: TZifFile(footer: rule).bytes)
    }

    /// A zone of the system's.
    init(system name: String) throws {
        let url = URL(filePath: "\(SystemZones.folder)/\(name)")
        try self.init(name: name, tzif: [UInt8](Data(contentsOf: url)))
    }

    /// The wall clock's reading at a moment in UTC: `2026-03-29T03:00:00 +02:00`.
    func reading(at utc: String) throws -> String {
        let moment = try utcMoment(utc)
        let offset = offset(at: moment)
        let local = Timestamp(millisecondsSince1970: moment.millisecondsSince1970 + Int64(offset) * 1000)
        let minutes = abs(offset) / 60
        let zone = "\(offset < 0 ? "-" : "+")\(minutes / 60 + 100)".replacing("1", with: "", maxReplacements: 1)
        return "\(local.description.prefix(19)) \(zone):\(String(minutes % 60 + 100).dropFirst())"
    }
}

enum SystemZones {
    static let folder = "/usr/share/zoneinfo"
    static let available = FileManager.default.fileExists(atPath: folder + "/Europe/Berlin")
}

/// `2026-03-29T01:00` in UTC.
func utcMoment(_ utc: String) throws -> Timestamp {
    let (date, second) = try localTime(utc)
    return CivilClock.utc.moment(date, secondOfDay: second)
}

/// `2026-03-29T01:00`, or a date alone.
func localTime(_ text: String) throws -> (date: CivilDate, second: Int) {
    let numbers = text.split { "-T:".contains($0) }.compactMap { Int($0) }
    guard numbers.count >= 3, let date = CivilDate(year: numbers[0], month: numbers[1], day: numbers[2]) else {
        throw CocoaError(.formatting)
    }
    let time = numbers.dropFirst(3) + [0, 0, 0]
    return (date, time.prefix(3).reduce(0) { $0 * 60 + $1 })
}
