import Subprocess

/// One `nvidia-smi -q -x --loop` that lives for as long as it answers: no process per reading.
///
/// Whole documents follow each other on its output, each parsed as it comes. It is killed when it falls silent, or when
/// it writes without end; as long as a killed one is not reaped no other is started.
actor NvidiaSMILoop {
    enum Answer: Sendable {
        case document(GPUReading, at: ContinuousClock.Instant)
        /// There was none before the child ended, or had to be killed; the output is what followed the last one.
        case none(ChildOutcome)
    }

    /// Runs the program, hands over its output as it comes, and kills it when cancelled.
    typealias Launch =
        @Sendable (_ arguments: [String], _ take: @Sendable ([UInt8]) async throws -> Void) async ->
        ChildOutcome

    struct OutputTooLong: Error {}

    private static let interval = 10
    /// A document this old was followed by none.
    private static let silence: Duration = .seconds(2 * interval)

    private let launch: Launch
    private let outputLimit: Int
    /// Exists until the child is reaped.
    private var child: Task<Void, Never>?
    /// The child was killed and is not reaped.
    private(set) var isStuck = false
    private var outcome: ChildOutcome?
    /// What has come since the last whole document.
    private var output: [UInt8] = []
    private var latest: (reading: GPUReading, at: ContinuousClock.Instant)?

    init(outputLimit: Int, launch: @escaping Launch) {
        self.outputLimit = outputLimit
        self.launch = launch
    }

    /// The newest document; starts the program when it does not run, and waits for what it writes first.
    func read(until deadline: ContinuousClock.Instant) async -> Answer {
        if child == nil { start() }
        guard !isStuck else { return .none(.stuck) }
        while true {
            if let latest, latest.at + Self.silence > .now { return .document(latest.reading, at: latest.at) }
            if let outcome { return .none(outcome) }
            guard ContinuousClock.now < deadline, !Task.isCancelled else { break }
            try? await Task.sleep(for: .milliseconds(20))
        }
        kill()
        return .none(.overdue)
    }

    /// Kills the program and gives it a second to end, also when the caller is cancelled.
    func close() async {
        guard child != nil else { return }
        kill()
        let end = ContinuousClock.now + .seconds(1)
        let wait = Task { while child != nil, .now < end { try? await Task.sleep(for: .milliseconds(5)) } }
        await wait.value
    }

    private func start() {
        (outcome, latest) = (nil, nil)
        output = []
        child = Task {
            ended(await launch(["-q", "-x", "--loop=\(Self.interval)"]) { try await self.take($0) })
        }
    }

    private func kill() {
        isStuck = true
        child?.cancel()
    }

    private func ended(_ outcome: ChildOutcome) {
        if case .exited(let code, _) = outcome {
            self.outcome = .exited(code: code, output: output)
        } else {
            self.outcome = outcome
        }
        child = nil
        isStuck = false
    }

    private func take(_ bytes: [UInt8]) throws {
        // The end tag may have begun in what was there before.
        var searched = max(0, output.count - NvidiaSMIXML.endTag.utf8CodeUnitCount)
        output += bytes
        while let end = output[searched...].firstRange(of: NvidiaSMIXML.endTag)?.upperBound {
            latest = (NvidiaSMIXML.read(Array(output[..<end]), exitCode: 0), .now)
            output.removeFirst(end)
            searched = 0
        }
        guard output.count <= outputLimit else { throw OutputTooLong() }
    }
}

extension NvidiaSMILoop {
    init(executable: String, outputLimit: Int) {
        self.init(outputLimit: outputLimit) { arguments, take in
            await ChildOutcome.of(executable) { program in
                let result = try await Subprocess.run(
                    program, arguments: Arguments(arguments), input: .none, output: .sequence, error: .discarded
                ) { execution in
                    for try await buffer in execution.standardOutput {
                        try await take(buffer.withUnsafeBytes { Array($0) })
                    }
                }
                return (result.terminationStatus, [])
            }
        }
    }
}
