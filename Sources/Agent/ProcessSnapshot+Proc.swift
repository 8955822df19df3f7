import Exporters
import Fleet
import FoundationEssentials
import Glibc

extension ProcessSnapshot {
    /// This process as `/proc/self` shows it; fields stay absent where it does not.
    static func read() -> ProcessSnapshot {
        var snapshot = ProcessSnapshot()
        let ticks = Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
        // The second field is the command in parentheses, which may hold blanks; count from behind it.
        if let stat = text("/proc/self/stat"), let tail = stat.lastIndex(of: ")") {
            let fields = stat[stat.index(after: tail)...].split(separator: " ")
            if fields.count > 21, let user = Double(fields[11]), let system = Double(fields[12]) {
                snapshot.cpuSeconds = (user + system) / ticks
            }
            if fields.count > 21, let pages = Double(fields[21]) {
                snapshot.residentBytes = pages * Double(sysconf(Int32(_SC_PAGESIZE)))
            }
            if fields.count > 19, let started = Double(fields[19]), let boot = bootTime() {
                snapshot.startTime = Timestamp(secondsSince1970: boot + started / ticks)
            }
        }
        if let open = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd") {
            snapshot.openFiles = Double(open.count)
        }
        return snapshot
    }

    private static func bootTime() -> Double? {
        text("/proc/stat")?.split(separator: "\n").first { $0.hasPrefix("btime ") }.flatMap { Double($0.dropFirst(6)) }
    }

    private static func text(_ path: String) -> String? {
        guard let data = FileManager.default.contents(atPath: path) else { return nil }
        return String(decoding: data, as: UTF8.self)
    }
}
