#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The few things the stand-in asks of its operating system.
enum SystemProcess {
    static var id: Int32 { getpid() }
    static var parentID: Int32 { getppid() }

    /// Unix seconds.
    static var wallClock: Double {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
    }

    /// Local time as Python's logging shows it: `11-21 01:37:30`.
    static var logTime: String {
        var seconds = time(nil)
        var parts = tm()
        localtime_r(&seconds, &parts)
        var text = [CChar](repeating: 0, count: 16)
        let length = strftime(&text, text.count, "%m-%d %H:%M:%S", &parts)
        return String(decoding: text.prefix(length).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// Writes a line to standard output at once, so that a reader of the log is never behind.
    static func printLine(_ line: String) {
        var rest = Array((line + "\n").utf8)[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { write(1, $0.baseAddress, $0.count) }
            guard written > 0 else { return }
            rest = rest.dropFirst(written)
        }
    }

    static func leave(_ status: Int32) -> Never {
        exit(status)
    }

    /// SIGTERM and SIGINT no longer end the process by themselves.
    static func ignoreTermination() {
        signal(SIGTERM, SIG_IGN)
        signal(SIGINT, SIG_IGN)
    }
}
