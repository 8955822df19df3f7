import CNVML
import Fleet

/// An initialised NVML, with the GPUs that it had then.
struct NVMLSession {
    private static let xidCritical: UInt64 = 8
    /// Events per reading; the rest waits for the next one.
    private static let eventLimit = 64
    private static let recoveryField: UInt32 = 230
    private static let smClock: UInt32 = 1

    private let library: cnvml
    private var events: cnvml_events?
    /// What does not change, or a `fault`; without a handle when the driver had none to give.
    private var devices: [(handle: cnvml_device?, identity: GPUSample)] = []

    init(_ library: cnvml, watching xids: inout XidCounts) throws(NVMLFailure) {
        self.library = library
        let started = library.start()
        guard started == 0 else {
            defer { cnvml_close(library) }
            throw NVMLFailure(started, library)
        }
        var count: UInt32 = 0
        let counted = library.count(&count)
        guard counted == 0 else {
            defer { close() }
            throw NVMLFailure(counted, library)
        }
        if library.events_create?(&events) != 0 { events = nil }
        let driver = text { library.driver_version?($0, $1) }
        for index in 0..<count {
            var identity = GPUSample(index: Int(index))
            identity.driverVersion = driver
            var handle: cnvml_device?
            let code = library.device(index, &handle)
            if code == 0, let handle {
                identity.uuid = text { library.uuid?(handle, $0, $1) }
                identity.name = text { library.name?(handle, $0, $1) }
                var pci = cnvml_pci()
                if library.pci?(handle, &pci) == 0 {
                    identity.pciBusID = withUnsafeBytes(of: pci.bus_id) { Self.string($0) }
                }
                let isWatched = events.flatMap { library.events_register?(handle, Self.xidCritical, $0) } == 0
                if isWatched, let uuid = identity.uuid { xids.watch(uuid) }
            } else {
                identity.fault = NVMLFailure(code, library).text
            }
            devices.append((handle, identity))
        }
    }

    func close() {
        if let events { _ = library.events_free?(events) }
        _ = library.stop?()
        cnvml_close(library)
    }

    /// - Throws: what ends the session. Whatever else a GPU does not tell is unknown, or its fault.
    func read(counting xids: inout XidCounts) throws(NVMLFailure) -> [GPUSample] {
        countXids(&xids)
        var samples: [GPUSample] = []
        for (handle, identity) in devices {
            var sample = identity
            sample.xidErrors = identity.uuid.flatMap { xids[$0] }
            if let handle { try read(handle, into: &sample) }
            samples.append(sample)
        }
        return samples
    }

    private func countXids(_ xids: inout XidCounts) {
        guard let events, let wait = library.events_wait else { return }
        var event = cnvml_event()
        for _ in 0..<Self.eventLimit {
            guard wait(events, &event, 0) == 0 else { return }
            let gpu = devices.first { $0.handle == event.device }?.identity.uuid
            if event.type == Self.xidCritical, let gpu { xids.add(Int(truncatingIfNeeded: event.data), of: gpu) }
        }
    }

    private func read(_ handle: cnvml_device, into sample: inout GPUSample) throws(NVMLFailure) {
        var gpu = Interview(library: library, handle: handle)
        sample.migEnabled = gpu.ask(UInt32()) {
            var pending: UInt32 = 0
            return library.mig_mode?($0, $1, &pending)
        }.map { $0 == 1 }
        // A partitioned GPU has no utilization of its own.
        if sample.migEnabled != true {
            let utilization = gpu.ask(cnvml_utilization()) { library.utilization?($0, $1) }
            sample.utilizationRatio = utilization.map { Double($0.gpu) / 100 }
        }
        var versioned = cnvml_memory_v2()
        versioned.version = cnvml_memory_v2_version
        if let memory = gpu.ask(versioned, { library.memory_v2?($0, $1) }) {
            sample.memoryReservedBytes = Double(memory.reserved)
            (sample.memoryUsedBytes, sample.memoryTotalBytes) = (Double(memory.used), Double(memory.total))
        } else if let memory = gpu.ask(cnvml_memory(), { library.memory?($0, $1) }) {
            (sample.memoryUsedBytes, sample.memoryTotalBytes) = (Double(memory.used), Double(memory.total))
        }
        sample.temperatureCelsius = gpu.ask(UInt32()) { library.temperature?($0, 0, $1) }.map(Double.init)
        if sample.temperatureCelsius == nil {
            var versioned = cnvml_temperature()
            versioned.version = cnvml_temperature_version
            let temperature = gpu.ask(versioned) { library.temperature_v?($0, $1) }
            sample.temperatureCelsius = temperature.map { Double($0.celsius) }
        }
        sample.powerWatts = gpu.ask(UInt32()) { library.power?($0, $1) }.map { Double($0) / 1000 }
        sample.powerLimitWatts = gpu.ask(UInt32()) { library.power_limit?($0, $1) }.map { Double($0) / 1000 }
        sample.energyJoules = gpu.ask(UInt64()) { library.energy?($0, $1) }.map { Double($0) / 1000 }
        sample.smClockHertz = gpu.ask(UInt32()) { library.clock?($0, Self.smClock, $1) }.map { Double($0) * 1e6 }
        let reasons =
            gpu.ask(UInt64()) { library.event_reasons?($0, $1) }
            ?? gpu.ask(UInt64()) { library.throttle_reasons?($0, $1) }
        sample.throttleReasons = reasons.map(GPUThrottleReason.all)
        sample.correctedECCErrors = gpu.ask(UInt64()) { library.ecc_errors?($0, 0, 0, $1) }.map(Double.init)
        sample.uncorrectedECCErrors = gpu.ask(UInt64()) { library.ecc_errors?($0, 1, 0, $1) }.map(Double.init)
        var recovery = cnvml_field()
        recovery.field = Self.recoveryField
        if let field = gpu.ask(recovery, { library.fields?($0, 1, $1) }), field.code == 0 {
            // A 32-bit value in the low half of a union.
            sample.recoveryAction = Int(UInt32(truncatingIfNeeded: field.value))
        }
        if let failure = gpu.failure {
            guard !failure.endsSession else { throw failure }
            sample.fault = failure.text
        }
    }

    private func text(_ ask: (UnsafeMutablePointer<CChar>?, UInt32) -> Int32?) -> String? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 96) { buffer in
            buffer.initialize(repeating: 0)
            // The last byte stays 0, whatever the library does.
            guard ask(buffer.baseAddress, UInt32(buffer.count - 1)) == 0 else { return nil }
            return Self.string(UnsafeRawBufferPointer(buffer))
        }
    }

    /// Up to the first zero byte.
    private static func string(_ bytes: UnsafeRawBufferPointer) -> String {
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
}

/// Asks one GPU for one value after the other.
private struct Interview {
    let library: cnvml
    let handle: cnvml_device
    /// The first answer that speaks of more than the value asked for.
    private(set) var failure: NVMLFailure?

    init(library: cnvml, handle: cnvml_device) {
        self.library = library
        self.handle = handle
    }

    /// - Parameter question: fills in the value and returns NVML's code; `nil` when this library lacks the function.
    /// - Returns: `nil` when the library or this GPU does not have it.
    mutating func ask<Value>(
        _ blank: Value, _ question: (cnvml_device, UnsafeMutablePointer<Value>) -> Int32?
    ) -> Value? {
        var value = blank
        guard let code = question(handle, &value) else { return nil }
        if code == 0 { return value }
        let failure = NVMLFailure(code, library)
        if failure.endsSession || failure.isFault { self.failure = self.failure ?? failure }
        return nil
    }
}
