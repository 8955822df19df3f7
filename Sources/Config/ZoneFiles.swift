import Forecast

/// The time zones of this host, which the package tzdata brings.
struct ZoneFiles {
    /// Without a slash at its end.
    private let folder: String
    private let readFile: (String) throws(UnreadableFile) -> [UInt8]

    /// - Parameter environment: of the process; an absolute path in `TZDIR` takes the place of `/usr/share/zoneinfo`.
    init(environment: [String: String], readFile: @escaping (String) throws(UnreadableFile) -> [UInt8]) {
        folder = environment["TZDIR"].flatMap { $0.hasPrefix("/") ? $0 : nil } ?? "/usr/share/zoneinfo"
        self.readFile = readFile
    }

    /// A name such as `Europe/Berlin`. `UTC` needs no file.
    var kind: ValueKind<CivilClock> {
        ValueKind(expected: "the name of a time zone", example: "Europe/Berlin") { text, _ throws(Misfit) in
            if text == "UTC" { return .utc }
            guard text.isZoneName else { throw Misfit() }
            guard !["local", "localtime"].contains(text) else {
                throw Misfit(
                    what: "what is local to this host may be otherwise on the next",
                    remedy: "write the name of the zone, for example Europe/Berlin")
            }
            guard let bytes = try? readFile("\(folder)/\(text)") else { throw unknown(text) }
            return try clock(text, bytes)
        }
    }

    private func clock(_ name: String, _ bytes: [UInt8]) throws(Misfit) -> CivilClock {
        let damage: String
        do throws(TZifError) {
            return try CivilClock(name: name, tzif: bytes)
        } catch {
            switch error {
            case .notTZif: throw unknown(name)
            case .countsLeapSeconds:
                throw Misfit(what: "this zone counts leap seconds", remedy: "write its name without right/")
            case .truncated: damage = "it ends too early"
            case .malformed(let what): damage = what
            }
        }
        throw Misfit(what: "\(folder)/\(name) is damaged: \(damage)", remedy: "install the package tzdata again")
    }

    private func unknown(_ text: String) -> Misfit {
        // Lines of country, place and zone.
        let table = (try? readFile("\(folder)/zone.tab")).map { String(decoding: $0, as: UTF8.self) } ?? ""
        let names = table.split(separator: "\n").filter { !$0.hasPrefix("#") }.compactMap { line in
            line.split(separator: "\t").dropFirst(2).first.map(String.init)
        }
        guard !names.isEmpty else {
            return Misfit(
                what: "\(folder) has no time zones", remedy: "install the package tzdata, or set TZDIR to their folder")
        }
        let given = text.lowercased()
        let near = names.map { (distance: distance(given, $0.lowercased()), name: $0) }
            .filter { $0.distance <= Swift.max(1, given.count / 4) }.sorted { $0 < $1 }
        // One that is another only by its capitals is meant.
        let nearest = near.first { $0.name.lowercased() == given }.map { [$0.name] } ?? near.prefix(3).map(\.name)
        return Misfit(
            what: "there is no time zone \(quotedBriefly(text))",
            remedy: nearest.isEmpty ? nil : "did you mean \(nearest.joined(separator: " or "))?")
    }
}

/// To the whole name, or to the city in it, whichever is less.
private func distance(_ given: String, _ zone: String) -> Int {
    let city = zone.split(separator: "/").last.map(String.init) ?? zone
    return min(editDistance(given, zone), editDistance(given, city))
}

extension String {
    /// A relative path below the folder of zones, and never out of it.
    fileprivate var isZoneName: Bool {
        let isPlain = utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
            case UInt8(ascii: "0")...UInt8(ascii: "9"): true
            default: "/_+-".utf8.contains(byte)
            }
        }
        return isPlain && utf8.count <= 64
            && split(separator: "/", omittingEmptySubsequences: false).allSatisfy { !$0.isEmpty }
    }
}
