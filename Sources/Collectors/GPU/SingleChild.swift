import Subprocess

/// Runs one program at a time and never waits for it beyond a deadline.
///
/// A program that talks to a wedged driver can hang in an uninterruptible sleep, where even SIGKILL does not end it. The
/// caller is answered at the deadline all the same, and as long as that child is not reaped no other one is started, so
/// that at most one process is ever stuck.
actor SingleChild {
    enum Outcome: Hashable, Sendable {
        case exited(code: Int32, output: [UInt8])
        /// There is no such executable.
        case missing
        /// The child did not end in time and was killed, which may or may not have ended it.
        case overdue
        /// Nothing was started: an earlier child, already killed, is still there.
        case stuck
        case failed(String)
    }

    typealias Launch = @Sendable (_ arguments: [String]) async -> Outcome

    private let launch: Launch
    /// Exists until the child is reaped, which may be long after its caller was answered.
    private var child: Task<Void, Never>?
    private var caller: CheckedContinuation<Outcome, Never>?
    /// Tells a late timer or child of an earlier run from the present one.
    private var run = 0

    /// - Parameter launch: runs the program to its end and kills it when cancelled; may take for ever to do so.
    init(launch: @escaping Launch) {
        self.launch = launch
    }

    /// Starts the program and answers when it ends, or at the deadline if that is earlier. A cancelled caller's child is
    /// killed at once.
    ///
    /// Calls must not overlap; one that does is told `stuck`.
    func run(_ arguments: [String], until deadline: ContinuousClock.Instant) async -> Outcome {
        guard child == nil else { return .stuck }
        run += 1
        let run = run
        // Unstructured, because a task group would wait for the child that cannot be killed.
        let child = Task {
            let outcome = await launch(arguments)
            if run == self.run {
                self.child = nil
                answer(outcome)
            }
        }
        self.child = child
        let timer = Task {
            guard (try? await Task.sleep(until: deadline, clock: .continuous)) != nil, run == self.run else { return }
            child.cancel()
            answer(.overdue)
        }
        defer { timer.cancel() }
        return await withTaskCancellationHandler {
            // Both tasks need this actor to answer, so neither can before the continuation is in place.
            await withCheckedContinuation { caller = $0 }
        } onCancel: {
            child.cancel()
        }
    }

    private func answer(_ outcome: Outcome) {
        caller?.resume(returning: outcome)
        caller = nil
    }
}

extension SingleChild {
    /// Runs `executable`: a name is looked up in `PATH`, a path with a slash must be absolute.
    ///
    /// - Parameter outputLimit: bytes; more than that is a failure, and the child is killed.
    init(executable: String, outputLimit: Int) {
        self.init { arguments in
            do {
                let result = try await Subprocess.run(
                    try await Self.located(executable), arguments: Arguments(arguments),
                    output: .bytes(limit: outputLimit))
                return switch result.terminationStatus {
                case .exited(let code): .exited(code: code, output: result.standardOutput)
                case .signaled(let signal): .failed("\(executable) was ended by signal \(signal)")
                }
            } catch let error as SubprocessError where error.code == .executableNotFound {
                return .missing
            } catch {
                return .failed("\(executable): \(error)")
            }
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
