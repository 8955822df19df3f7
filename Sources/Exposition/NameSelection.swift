/// Families that are wanted of a body, made once and asked once a line.
package struct NameSelection: Sendable {
    private var namesByLength: [[[UInt8]]] = []

    /// - Parameter families: Names as in text 0.0.4. Wanted are all samples that a family of any type may have, and the
    ///   shorter name that OpenMetrics gives to counters and informations.
    package init(families: Set<String>) {
        var names = families
        for family in families {
            for suffix in MetricType.partSuffixes { names.insert(family + suffix) }
            for suffix in ["_total", "_info"] where family.hasSuffix(suffix) {
                names.insert(String(family.dropLast(suffix.count)))
            }
        }
        for name in names.map({ Array($0.utf8) }) {
            while namesByLength.count <= name.count { namesByLength.append([]) }
            namesByLength[name.count].append(name)
        }
    }

    func contains(_ name: ExpositionToken, in bytes: Span<UInt8>) -> Bool {
        if name.isEscaped {
            var plain: [UInt8] = []
            name.append(to: &plain, from: bytes)
            return contains(ExpositionToken(start: 0, end: plain.count), in: plain.span)
        }
        let length = name.end &- name.start
        guard length < namesByLength.count else { return false }
        return namesByLength[length].contains { candidate in
            // The ends of names differ more often than their beginnings.
            var i = length
            while i > 0, candidate[i &- 1] == bytes[at: name.start &+ i &- 1] { i &-= 1 }
            return i == 0
        }
    }
}
