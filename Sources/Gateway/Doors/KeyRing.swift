import Admission
import FoundationEssentials
import NIOCore
import Synchronization

/// The keys that open the door, as hashes read from a file.
///
/// A line is the SHA-256 of the key in hexadecimal, blanks, and the key's name, as in
/// `printf %s "$KEY" | sha256sum | sed 's/-/team-a/'`. Empty lines and lines that begin with `#` do not count.
package final class KeyRing: Sendable {
    /// What is wrong with a key file, by line.
    package struct Problem: Error, CustomStringConvertible {
        package var description: String
    }

    private struct Entry {
        var hash: [UInt8]
        var key: KeyID
    }

    private let path: String
    private let entries: Mutex<[Entry]>

    package init(path: String) throws(Problem) {
        self.path = path
        entries = Mutex(try Self.read(path))
    }

    package var names: Set<String> { entries.withLock { Set($0.map(\.key.rawValue)) } }

    /// Reads the file again; on a problem the keys stay as they are.
    package func reload() throws(Problem) {
        let read = try Self.read(path)
        entries.withLock { $0 = read }
    }

    /// Whose key it is; nil when nobody's. The time it takes does not depend on which bytes of a hash are right.
    func owner(of secret: some Collection<UInt8>) -> KeyID? {
        let hash = sha256(secret)
        return entries.withLock { entries in
            var owner: KeyID?
            for entry in entries {
                var difference: UInt8 = 0
                for (a, b) in zip(entry.hash, hash) { difference |= a ^ b }
                if difference == 0 { owner = entry.key }
            }
            return owner
        }
    }

    private static func read(_ path: String) throws(Problem) -> [Entry] {
        let data: Data
        do {
            data = try Data(contentsOf: URL(filePath: path))
        } catch let error as CocoaError where error.code == .fileReadNoSuchFile {
            throw Problem(description: "\(path) cannot be read: there is no such file")
        } catch let error as CocoaError where error.code == .fileReadNoPermission {
            throw Problem(description: "\(path) cannot be read: permission denied")
        } catch {
            throw Problem(description: "\(path) cannot be read: it is no readable file")
        }
        var entries: [Entry] = []
        let lines = String(decoding: data, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        for (number, line) in lines.enumerated() {
            let words = line.split(whereSeparator: \.isWhitespace)
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            let digits = Array(first.utf8).compactMap(hexadecimal)
            guard digits.count == 64, first.utf8.count == 64, words.count == 2 else {
                throw Problem(description: "\(path):\(number + 1): expected 64 hexadecimal digits and a name")
            }
            let hash = stride(from: 0, to: 64, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
            entries.append(Entry(hash: hash, key: KeyID(rawValue: String(words[1]))))
        }
        return entries
    }
}
