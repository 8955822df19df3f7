import FoundationEssentials
import Glibc

/// Gives back the pages of code that only the start needed.
///
/// A statically linked program touches most of its code once while it starts, and the kernel maps whole neighbourhoods
/// with every touch. Those pages are clean and come back from the page cache on demand; what is used again stays.
package enum ResidentMemory {
    package static func releaseCode() {
        guard let maps = FileManager.default.contents(atPath: "/proc/self/maps") else { return }
        for line in String(decoding: maps, as: UTF8.self).split(separator: "\n") {
            // 55d0c2a00000-55d0c4f00000 r-xp 00000000 fe:00 1234   /usr/local/bin/scale-agent
            let fields = line.split(separator: " ", maxSplits: 5)
            let ends = fields.first?.split(separator: "-").compactMap { UInt($0, radix: 16) } ?? []
            guard fields.count == 6, fields[1].hasPrefix("r-x"), fields[5].contains("/"), ends.count == 2 else {
                continue
            }
            // Advice that is refused changes nothing.
            madvise(UnsafeMutableRawPointer(bitPattern: ends[0]), Int(ends[1] - ends[0]), MADV_DONTNEED)
        }
    }
}
