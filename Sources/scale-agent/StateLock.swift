import Foundation
import Glibc

/// Holds a state folder for one process: two agents on one history would both act.
///
/// The kernel lets go of the lock when the process ends, however it ends.
final class StateLock: Sendable {
    private let descriptor: Int32

    /// Creates the folder when it is missing.
    init(folder: String) throws(StartError) {
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw StartError("state folder \(folder) cannot be created: \(error.localizedDescription)")
        }
        let path = folder + "/lock"
        let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw StartError("\(path) cannot be opened: \(String(cString: strerror(errno)))") }
        guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
            let holder = (try? String(contentsOfFile: path, encoding: .utf8))?.trimmingCharacters(
                in: .whitespacesAndNewlines)
            close(file)
            throw StartError(
                "state folder \(folder) is in use by another scale-agent (process \(holder ?? "unknown")); "
                    + "stop it, or give this one a folder of its own with the key `state`, or --state of demo")
        }
        let text = "\(getpid())\n"
        // Only for the message above: nothing depends on what is written here.
        ftruncate(file, 0)
        _ = text.withCString { write(file, $0, strlen($0)) }
        descriptor = file
    }

    deinit { close(descriptor) }
}

/// Why the agent cannot start, in words for the operator.
struct StartError: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}
