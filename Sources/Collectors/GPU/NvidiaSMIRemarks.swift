import Fleet

/// What `nvidia-smi` prints beside its rows or documents, on standard output: errors and warnings, a line each.
struct NvidiaSMIRemarks {
    struct LostGPU: Hashable {
        var index: Int?
        var busID: String
        var reason: String
    }

    /// More than any host has. Each is looked for among all GPUs.
    private static let maximumLost = 64

    /// Without blank lines.
    private let lines: [String]
    let lost: [LostGPU]

    init(_ lines: [String]) {
        self.lines = lines.map { String($0.trimmingBlanks) }.filter { !$0.isEmpty }
        lost = Array(self.lines.compactMap(Self.lostGPU).prefix(Self.maximumLost))
    }

    /// Puts rows, lost GPUs and errors together.
    ///
    /// - Parameter defect: what the parser found wrong with the output; the driver's own words come first.
    func reading(_ rows: [NvidiaSMIFields], exitCode: Int32, defect: String? = nil) -> GPUReading {
        // Where GPUs are not numbered, they follow the driver's numbering, which the lost ones are part of.
        let taken = Set(lost.compactMap(\.index))
        var position = -1
        var gpus = rows.map { row in
            repeat { position += 1 } while taken.contains(position)
            return row.sample(index: position)
        }
        for gpu in lost { Self.mark(gpu, in: &gpus) }
        gpus.sort { $0.index < $1.index }
        let told = error(exitCode: exitCode) ?? defect.map { GPUDriverError(.unreadable, $0) }
        let silent = rows.isEmpty ? GPUDriverError(.unreadable, "nvidia-smi listed no GPU and gave no reason") : nil
        return GPUReading(gpus: gpus, error: told ?? silent)
    }

    /// Sets the fault on the row of this GPU, or adds a sample that has nothing else.
    ///
    /// A driver that names the GPU by its bus alone leaves the index open: it is the lowest that no other GPU has,
    /// which is right for one lost GPU among rows, because lost GPUs keep their place in the numbering.
    private static func mark(_ gpu: LostGPU, in gpus: inout [GPUSample]) {
        let place = gpus.firstIndex { PCIBusID.same($0.pciBusID, gpu.busID) }
        if let place {
            gpus[place].fault = gpus[place].fault ?? gpu.reason
        } else {
            let free = (0...gpus.count).first { index in !gpus.contains { $0.index == index } }
            var sample = GPUSample(index: gpu.index ?? free ?? gpus.count)
            sample.pciBusID = gpu.busID
            sample.fault = gpu.reason
            gpus.append(sample)
        }
    }
}

// MARK: - Errors

extension NvidiaSMIRemarks {
    /// The words before the exit code: they are more exact, and 255 stands for half of them.
    private func error(exitCode: Int32) -> GPUDriverError? {
        for line in lines {
            if let kind = Self.kind(of: line) { return GPUDriverError(kind, line) }
        }
        if let kind = Self.kinds[exitCode] ?? (exitCode == 0 ? nil : .failed) {
            return GPUDriverError(kind, lines.first ?? "nvidia-smi ended with exit code \(exitCode)")
        }
        return lines.first.map { GPUDriverError(.unreadable, $0) }
    }

    private static func kind(of line: String) -> GPUDriverError.Kind? {
        if lostGPU(line) != nil { return .gpuLost }
        return phrases.first { line.contains($0.phrase) }?.kind
    }

    /// Order matters: the last one is also part of the mismatch.
    private static let phrases: [(phrase: String, kind: GPUDriverError.Kind)] = [
        ("couldn't communicate with the NVIDIA driver", .driverNotLoaded),
        ("version mismatch", .libraryMismatch),
        ("couldn't find libnvidia-ml", .libraryMissing),
        ("No devices were found", .noDevices),
        ("is not a valid field to query", .invalidQuery),
        ("infoROM is corrupted", .infoROMCorrupted),
        ("Insufficient Permissions", .noPermission),
        ("Failed to initialize NVML", .nvmlFailed),
    ]

    /// Exit codes are NVML's return values.
    private static let kinds: [Int32: GPUDriverError.Kind] = [
        2: .invalidQuery, 4: .noPermission, 6: .noDevices, 9: .driverNotLoaded, 12: .libraryMissing,
        14: .infoROMCorrupted, 15: .gpuLost, 18: .libraryMismatch,
    ]

    /// The GPU that a line reports as lost. Three forms are known:
    ///
    ///     Unable to determine the device handle for GPU 0000:02:00.0: GPU is lost.  Reboot the system ...
    ///     Unable to determine the device handle for GPU0000:CB:00.0: Unknown Error
    ///     GPU1: 0000:34:00.0: Unknown Error
    static func lostGPU(_ line: String) -> LostGPU? {
        var index: Int?
        for word in line.split(separator: " ") {
            guard word.last == ":" else { continue }
            let subject = word.dropLast().drop { "GPU".contains($0) }
            if let number = Int(subject) { index = number }
            guard PCIBusID.isOne(subject) else { continue }
            let reason = line[word.endIndex...].trimmingBlanks
            guard line.hasPrefix("Unable to determine the device handle") || NvidiaSMICell.faultText(reason) != nil
            else { return nil }
            return LostGPU(
                index: index, busID: String(subject),
                reason: NvidiaSMICell.faultText(reason) ?? String(reason.prefix(80)))
        }
        return nil
    }
}

/// Bus identifiers such as `00000000:0A:00.0`; drivers write the domain with four or eight digits.
enum PCIBusID {
    static func isOne(_ text: some StringProtocol) -> Bool { parts(text) != nil }

    static func same(_ a: String?, _ b: String?) -> Bool {
        guard let a = a.flatMap(parts), let b = b.flatMap(parts) else { return false }
        return a == b
    }

    /// Domain, bus, device and function.
    private static func parts(_ text: some StringProtocol) -> [Int]? {
        let words = text.split { $0 == ":" || $0 == "." }
        let numbers = words.compactMap { Int($0, radix: 16) }
        return words.count == 4 && numbers.count == 4 ? numbers : nil
    }
}
