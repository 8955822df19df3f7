import ArgumentParser
import Foundation

/// The files that a command line names for results: checked before the work begins, so that none of it is lost.
struct OutputFiles {
    /// The paths, each with the option that names it.
    var named: [(option: String, path: String)]

    /// - Parameter options: those without a path are left out.
    init(_ options: KeyValuePairs<String, String?>) {
        named = options.compactMap { option, path in path.map { (option, $0) } }
    }

    /// Refuses what would overwrite something that this command reads or writes itself.
    ///
    /// - Parameter input: the file that is read.
    func validate(input: String?) throws {
        let inputs = [input.map { ($0, $0) }, ("standard output", "/dev/stdout")].compactMap { $0 }
        var taken = inputs.compactMap { name, path in Self.identity(path).map { (name, $0) } }
        for (option, path) in named {
            guard path != "-" else {
                throw ValidationError("\(option) needs a file; for a pipe write \(option) /dev/stdout.")
            }
            guard !path.isEmpty else { throw ValidationError("\(option) needs a file, found an empty name.") }
            guard let identity = Self.identity(path) else { continue }
            if let other = taken.first(where: { $0.1 == identity }) {
                throw ValidationError("\(option) must not be the file of \(other.0): \(path).")
            }
            taken.append((option, identity))
        }
    }

    /// - Throws: `StartError` where a file could not be written later, as far as that can be told.
    func check() throws(StartError) {
        for (_, path) in named where !Self.isDangling(path) {
            let isThere = access(path, F_OK) == 0
            guard access(isThere ? path : Self.folder(of: path) + "/.", W_OK) == 0 else {
                throw StartError("\(path): \(String(cString: strerror(errno)))")
            }
            guard (Self.status(path)?.st_mode ?? 0) & S_IFMT != S_IFDIR else {
                throw StartError("\(path): \(String(cString: strerror(EISDIR)))")
            }
        }
    }

    /// Whether a whole file may take the place of this one in a single move: a device, a pipe or a link must stay.
    static func isReplaceable(_ path: String) -> Bool {
        guard let status = status(path) else { return !isDangling(path) }
        return status.st_mode & S_IFMT == S_IFREG
    }

    /// The path behind all links; itself where nothing is there.
    static func resolved(_ path: String) -> String {
        guard let real = realpath(path, nil) else { return path }
        defer { free(real) }
        return String(cString: real)
    }

    /// What comes before the last slash; by hand, since Foundation's way traps on a path of one character.
    static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// A link to nothing.
    private static func isDangling(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && access(path, F_OK) != 0
    }

    private static func status(_ path: String) -> stat? {
        var status = stat()
        return stat(path, &status) == 0 ? status : nil
    }

    /// What two names of one plain file have in common; `nil` for what is no plain file.
    private static func identity(_ path: String) -> String? {
        guard let status = status(path) else {
            return resolved(folder(of: path)) + "/" + (path.split(separator: "/").last ?? "")
        }
        return status.st_mode & S_IFMT == S_IFREG ? "\(status.st_dev):\(status.st_ino)" : nil
    }
}
