import Subprocess

/// How a run of a program ended, or why it was not waited for.
enum ChildOutcome: Hashable, Sendable {
    case exited(code: Int32, output: [UInt8])
    /// There is no such executable.
    case missing
    /// The child did not end in time and was killed, which may or may not have ended it.
    case overdue
    /// Nothing was started: an earlier child, already killed, is still there.
    case stuck
    case failed(String)
}

/// Runs one program at a time and never waits for it beyond a deadline; the request is its arguments.
typealias SingleChild = SingleFlight<[String], ChildOutcome>

extension SingleFlight where Request == [String], Answer == ChildOutcome {
    init(launch: @escaping Launch) { self.init(overdue: .overdue, stuck: .stuck, launch: launch) }

    /// - Parameter outputLimit: bytes; more than that is a failure, and the child is killed.
    init(executable: String, outputLimit: Int) {
        self.init { arguments in
            await ChildOutcome.of(executable) { program in
                let result = try await Subprocess.run(
                    program, arguments: Arguments(arguments), output: .bytes(limit: outputLimit))
                return (result.terminationStatus, result.standardOutput)
            }
        }
    }
}

extension ChildOutcome {
    /// Does `run` with `executable`: a name is looked up in `PATH`, a path with a slash must be absolute.
    static func of(
        _ executable: String, run: (Executable) async throws -> (TerminationStatus, output: [UInt8])
    ) async -> ChildOutcome {
        do {
            let (status, output) = try await run(located(executable))
            return switch status {
            case .exited(let code): .exited(code: code, output: output)
            case .signaled(let signal): .failed("\(executable) was ended by signal \(signal)")
            }
        } catch let error as SubprocessError where error.code == .executableNotFound {
            return .missing
        } catch {
            return .failed("\(executable): \(error)")
        }
    }

    /// A path is looked up as its last component in its folder, which also tells a missing file from a failed start.
    private static func located(_ executable: String) async throws -> Executable {
        guard let slash = executable.lastIndex(of: "/") else { return .name(executable) }
        let folder = Environment.custom(["PATH": String(executable[..<slash])])
        let name = String(executable[executable.index(after: slash)...])
        return .path(try await Executable.name(name).resolveExecutablePath(in: folder))
    }
}
