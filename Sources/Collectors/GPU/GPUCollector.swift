package import Fleet

/// Reads this host's GPUs: through NVML, else AMD's from files, else from a long-lived `nvidia-smi`, else by one run of
/// it a reading.
///
/// `nvidia-smi` is asked where there is no library, while a call of it does not return, and when it fails; if that fails
/// too, the library's word counts.
///
/// It never throws and never answers later than its deadline. A failed reading keeps what the last good one said, with
/// its time and the error beside it; further readings then pause for 15 s, doubling to 5 min, so that a broken driver is
/// not hammered. Recovery needs no help.
package actor GPUCollector {
    private enum Query { case csv, xml }

    private let nvml: NVMLThread?
    private let loop: NvidiaSMILoop?
    private let child: SingleChild
    private let deadline: Duration
    /// The loop gave nothing and single runs do.
    private var prefersSingleRuns = false
    /// The columns were refused by this driver, so the whole document is read instead.
    private var query = Query.csv
    private var backOff = BackOff()
    private var latest = GPUObservation()
    private var isReading = false

    /// - Parameters:
    ///   - executable: a name to look up in `PATH`, or an absolute path.
    ///   - usesNVML: as the first choice, and AMD's driver as the second.
    ///   - staysOpen: whether an `nvidia-smi` may be kept running between readings; `close` ends it.
    ///   - deadline: how long a reading may take; the child is killed then.
    ///   - outputLimit: bytes of output beyond which a run is a failure; 8 GPUs write 350 kB of XML.
    package init(
        executable: String = "nvidia-smi", usesNVML: Bool = true, staysOpen: Bool = true,
        deadline: Duration = .seconds(10), outputLimit: Int = 4 * 1_048_576
    ) {
        self.init(
            nvml: usesNVML ? NVMLThread(opening: NVML.installed, amd: "/sys/class/drm") : nil,
            loop: staysOpen ? NvidiaSMILoop(executable: executable, outputLimit: outputLimit) : nil,
            child: SingleChild(executable: executable, outputLimit: outputLimit), deadline: deadline)
    }

    init(nvml: NVMLThread? = nil, loop: NvidiaSMILoop? = nil, child: SingleChild, deadline: Duration) {
        self.nvml = nvml
        self.loop = loop
        self.child = child
        self.deadline = deadline
    }

    /// Ends the `nvidia-smi` that is kept running, if any.
    package func close() async { await loop?.close() }

    /// What is known now. Asks the driver unless a pause after failures lasts or another call is reading, in which
    /// cases it answers with what is known already.
    package func read(now: Timestamp) async -> GPUObservation {
        guard !isReading, backOff.allows(now) else { return latest }
        isReading = true
        defer { isReading = false }
        let began = ContinuousClock.now
        latest.exitCode = nil
        settle(await attempt(now, until: began + deadline), now)
        if !latest.absent { latest.took = ContinuousClock.now - began }
        return latest
    }

    private enum Attempt {
        case read(GPUReading, age: Duration = .zero)
        case absent
        case failed(String)

        var isUsable: Bool {
            if case .read(let reading, _) = self { reading.isUsable } else { false }
        }
    }

    private func attempt(_ now: Timestamp, until end: ContinuousClock.Instant) async -> Attempt {
        latest.source = .nvml
        let first = await askLibrary(now, until: end)
        if first.isUsable { return first }
        guard ContinuousClock.now < end else { return first }
        let second = await askTool(until: end)
        if case .absent = first {} else if !second.isUsable { return first }
        latest.source = .nvidiaSMI
        return second
    }

    private func askLibrary(_ now: Timestamp, until end: ContinuousClock.Instant) async -> Attempt {
        switch await nvml?.run(now, until: end) {
        case .read(let reading): return .read(reading)
        case .amd(let reading):
            latest.source = .amdgpu
            return .read(reading)
        case .absent, nil: return .absent
        case .overdue: return .failed("the driver gave no answer within \(deadline.seconds) s")
        case .stuck: return .failed("the driver has not returned from an earlier call; it may hang")
        case .failed(let reason): return .failed(reason)
        }
    }

    private func askTool(until end: ContinuousClock.Instant) async -> Attempt {
        if await child.isStuck { return understood(.stuck, .csv) }
        if let loop {
            if await loop.isStuck { return understood(.stuck, .xml) }
            if !prefersSingleRuns {
                switch await loop.read(until: end) {
                case .document(let reading, let at): return .read(reading, age: .now - at)
                case .none(.missing): return .absent
                case .none(.overdue):
                    prefersSingleRuns = true
                    return understood(.overdue, .xml)
                case .none: break
                }
            }
        }
        let attempt = await runOnce(until: end)
        prefersSingleRuns = attempt.isUsable
        return attempt
    }

    private func runOnce(until end: ContinuousClock.Instant) async -> Attempt {
        let first = await run(query, until: end)
        guard query == .csv, case .read(let reading, _) = first, reading.error?.kind == .invalidQuery else {
            return first
        }
        let second = await run(.xml, until: end)
        if second.isUsable { query = .xml }
        return second
    }

    private func run(_ query: Query, until end: ContinuousClock.Instant) async -> Attempt {
        let arguments =
            switch query {
            case .csv: ["--query-gpu=" + NvidiaSMIFields.query.joined(separator: ","), "--format=csv"]
            case .xml: ["-q", "-x"]
            }
        return understood(await child.run(arguments, until: end), query)
    }

    private func understood(_ outcome: ChildOutcome, _ query: Query) -> Attempt {
        switch outcome {
        case .exited(let code, let output):
            latest.exitCode = code
            let read = query == .csv ? NvidiaSMICSV.read : NvidiaSMIXML.read
            return .read(read(output, code))
        case .missing: return .absent
        case .overdue: return .failed("nvidia-smi gave no answer within \(deadline.seconds) s and was killed")
        case .stuck: return .failed("an earlier nvidia-smi was killed and has not ended; the driver may hang")
        case .failed(let reason): return .failed(reason)
        }
    }

    private func settle(_ attempt: Attempt, _ now: Timestamp) {
        switch attempt {
        case .read(let reading, let age) where reading.isUsable:
            backOff.succeeded()
            let told = reading.gpus.map { $0.identified(by: latest.gpus) }
            let gone = latest.gpus.filter { known in known.uuid != nil && !told.contains { $0.uuid == known.uuid } }
            latest.gpus = (told + gone.map(\.unlisted)).sorted { $0.index < $1.index }
            latest.readAt = now - age
            latest.error = reading.error?.message
            latest.absent = false
            return
        case .read(let reading, _):
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
    /// A sample that has only a bus, or an index, and a fault, with what was known of this GPU earlier.
    fileprivate func identified(by earlier: [GPUSample]) -> GPUSample {
        let known = earlier.first {
            pciBusID == nil ? $0.index == index : PCIBusID.same($0.pciBusID, pciBusID)
        }
        guard fault != nil, uuid == nil, var sample = known?.unlisted else { return self }
        sample.name = name ?? sample.name
        sample.driverVersion = driverVersion ?? sample.driverVersion
        sample.pciBusID = pciBusID ?? sample.pciBusID
        sample.fault = fault
        return sample
    }

    /// This GPU once the driver speaks of others only: who it is and its errors, and that it is gone.
    fileprivate var unlisted: GPUSample {
        var sample = GPUSample(index: index, uuid: uuid, name: name)
        (sample.driverVersion, sample.pciBusID, sample.xidErrors) = (driverVersion, pciBusID, xidErrors)
        sample.fault = fault ?? "the driver no longer lists this GPU"
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
