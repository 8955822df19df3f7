package import Fleet

/// Reads this host's GPUs by one run of `nvidia-smi` a reading.
///
/// It never throws and never answers later than its deadline. A failed reading keeps what the last good one said, with
/// its time and the error beside it; further readings then pause for 15 s, doubling to 5 min, so that a broken driver is
/// not hammered. Recovery needs no help.
package actor GPUCollector {
    private enum Query { case csv, xml }

    private let child: SingleChild
    private let deadline: Duration
    /// The columns were refused by this driver, so the whole document is read instead.
    private var query = Query.csv
    private var backOff = BackOff()
    private var latest = GPUObservation()
    private var isReading = false

    /// - Parameters:
    ///   - executable: a name to look up in `PATH`, or an absolute path.
    ///   - deadline: how long a reading may take; the child is killed then.
    ///   - outputLimit: bytes of output beyond which a run is a failure; 8 GPUs write 350 kB of XML.
    package init(
        executable: String = "nvidia-smi", deadline: Duration = .seconds(10), outputLimit: Int = 4 * 1_048_576
    ) {
        self.init(child: SingleChild(executable: executable, outputLimit: outputLimit), deadline: deadline)
    }

    init(child: SingleChild, deadline: Duration) {
        self.child = child
        self.deadline = deadline
    }

    /// What is known now. Runs `nvidia-smi` unless a pause after failures lasts or another call is reading, in which
    /// cases it answers with what is known already.
    package func read(now: Timestamp) async -> GPUObservation {
        guard !isReading, backOff.allows(now) else { return latest }
        isReading = true
        defer { isReading = false }
        settle(await attempt(), now)
        return latest
    }

    private enum Attempt {
        case read(GPUReading)
        case absent
        case failed(String)
    }

    private func attempt() async -> Attempt {
        let end = ContinuousClock.now + deadline
        let first = await run(query, until: end)
        guard query == .csv, case .read(let reading) = first, reading.error?.kind == .invalidQuery else { return first }
        let second = await run(.xml, until: end)
        if case .read(let reading) = second, reading.isUsable { query = .xml }
        return second
    }

    private func run(_ query: Query, until end: ContinuousClock.Instant) async -> Attempt {
        let arguments =
            switch query {
            case .csv: ["--query-gpu=" + NvidiaSMIFields.query.joined(separator: ","), "--format=csv"]
            case .xml: ["-q", "-x"]
            }
        switch (await child.run(arguments, until: end), query) {
        case (.exited(let code, let output), .csv): return .read(NvidiaSMICSV.read(output, exitCode: code))
        case (.exited(let code, let output), .xml): return .read(NvidiaSMIXML.read(output, exitCode: code))
        case (.missing, _): return .absent
        case (.overdue, _): return .failed("nvidia-smi gave no answer within \(deadline.seconds) s and was killed")
        case (.stuck, _): return .failed("an earlier nvidia-smi was killed and has not ended; the driver may hang")
        case (.failed(let reason), _): return .failed(reason)
        }
    }

    private func settle(_ attempt: Attempt, _ now: Timestamp) {
        switch attempt {
        case .read(let reading) where reading.isUsable:
            backOff.succeeded()
            let gpus = reading.gpus.map { $0.identified(by: latest.gpus) }.sorted { $0.index < $1.index }
            latest = GPUObservation(gpus: gpus, readAt: now, error: reading.error?.message)
            return
        case .read(let reading):
            for gpu in reading.gpus { latest.mark(gpu.identified(by: latest.gpus)) }
            latest.error = reading.error?.message
            latest.absent = false
        case .absent where latest.readAt == nil:
            latest = GPUObservation(absent: true)
        case .absent:
            latest.error = "nvidia-smi is no longer there"
        case .failed(let reason):
            latest.error = reason
            latest.absent = false
        }
        backOff.failed(at: now)
    }
}

extension GPUSample {
    /// A sample that has only a bus and a fault, with the index and the names that this GPU had earlier.
    fileprivate func identified(by earlier: [GPUSample]) -> GPUSample {
        guard fault != nil, uuid == nil, let known = earlier.first(where: { PCIBusID.same($0.pciBusID, pciBusID) })
        else { return self }
        var sample = self
        sample.index = known.index
        sample.uuid = known.uuid
        sample.name = name ?? known.name
        sample.driverVersion = driverVersion ?? known.driverVersion
        return sample
    }
}

extension GPUObservation {
    /// Puts a faulty GPU in its place among the earlier ones, which the driver did not speak of.
    fileprivate mutating func mark(_ gpu: GPUSample) {
        if let place = gpus.firstIndex(where: { PCIBusID.same($0.pciBusID, gpu.pciBusID) }) {
            gpus[place] = gpu
        } else {
            gpus.append(gpu)
            gpus.sort { $0.index < $1.index }
        }
    }
}
