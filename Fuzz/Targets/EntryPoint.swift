import FoundationEssentials

/// What is fuzzed: the ways in which bytes that others wrote come in. The variable `FUZZ_TARGET` chooses.
enum FuzzTarget: String, CaseIterable {
    case exposition
    case csv = "nvidia-smi-csv"
    case xml = "nvidia-smi-xml"
    case engine
    case config

    /// - Parameter bytes: in an allocation of just their size, so that a read beyond them is seen.
    func run(_ bytes: [UInt8]) {
        switch self {
        case .exposition: fuzzExposition(bytes)
        case .csv: fuzzNvidiaSMI(bytes, asXML: false)
        case .xml: fuzzNvidiaSMI(bytes, asXML: true)
        case .engine: fuzzEngine(bytes)
        case .config: fuzzConfig(bytes)
        }
    }

    static let chosen: FuzzTarget = {
        let name = ProcessInfo.processInfo.environment["FUZZ_TARGET"] ?? ""
        guard let target = FuzzTarget(rawValue: name) else {
            fatalError("FUZZ_TARGET is \(name); it must be one of \(allCases.map(\.rawValue))")
        }
        return target
    }()
}

@c(LLVMFuzzerTestOneInput)
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    FuzzTarget.chosen.run(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}

/// Stops the fuzzer, which keeps the input.
func require(_ holds: Bool, _ what: @autoclosure () -> String) {
    if !holds { fatalError(what()) }
}
