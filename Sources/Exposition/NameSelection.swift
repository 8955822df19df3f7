/// The names of lines that are wanted, asked once a line.
///
/// Lines of a family follow each other, so the last verdict usually holds; otherwise names of the same length are
/// compared one by one.
struct NameSelection {
    private var namesByLength: [[[UInt8]]] = []
    private var last = ExpositionToken(start: 0, end: 0)
    private var lastVerdict = false

    /// - Parameter families: Names as in text 0.0.4. Wanted are all samples that a family of any type may have, and the
    ///   shorter name that OpenMetrics gives to counters and informations.
    init(families: Set<String>) {
        var names = families
        for family in families {
            for suffix in ["_bucket", "_sum", "_count", "_gsum", "_gcount"] { names.insert(family + suffix) }
            for suffix in ["_total", "_info"] where family.hasSuffix(suffix) {
                names.insert(String(family.dropLast(suffix.count)))
            }
        }
        for name in names.map({ Array($0.utf8) }) {
            while namesByLength.count <= name.count { namesByLength.append([]) }
            namesByLength[name.count].append(name)
        }
    }

    mutating func contains(_ name: ExpositionToken, in bytes: Span<UInt8>) -> Bool {
        if equals(bytes, name, last) { return lastVerdict }
        last = name
        lastVerdict = isListed(name, in: bytes)
        return lastVerdict
    }

    private func isListed(_ name: ExpositionToken, in bytes: Span<UInt8>) -> Bool {
        let length = name.end - name.start
        guard length < namesByLength.count else { return false }
        return namesByLength[length].contains { candidate in
            var i = 0
            while i < length, candidate[i] == bytes[name.start + i] { i += 1 }
            return i == length
        }
    }
}
