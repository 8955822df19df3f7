/// Reads `nvidia-smi -q -x`.
///
/// Several documents may follow each other on one stream: the last whole one counts. When none is whole, the GPUs whose
/// elements were closed before the cut count, and the reading carries an error. Text around documents, such as an error
/// line before or a warning after, is the driver's remark and not a reason to drop the readings.
package enum NvidiaSMIXML {
    static let endTag: StaticString = "</nvidia_smi_log>"

    package static func read(_ output: [UInt8], exitCode: Int32) -> GPUReading {
        var remarks: [String] = []
        var last: NvidiaSMIDocument?
        var rest = output[...]
        while let start = rest.firstRange(of: "<nvidia_smi_log") {
            remarks += lines(rest[..<start.lowerBound])
            // A document that was cut ends where the next one starts.
            let next = rest[start.upperBound...].firstRange(of: "<nvidia_smi_log")?.lowerBound ?? rest.endIndex
            let end = rest[start.upperBound..<next].firstRange(of: endTag)?.upperBound
            let document = NvidiaSMIDocument(rest[start.lowerBound..<(end ?? next)], isWhole: end != nil)
            if document.isWhole || last?.isWhole != true { last = document }
            rest = rest[(end ?? next)...]
        }
        remarks += lines(rest)
        let rows = (last?.gpus ?? []).map { gpu in
            var gpu = gpu
            for (name, text) in last?.common ?? [] { gpu.note(name, text) }
            return gpu
        }
        return NvidiaSMIRemarks(remarks + (last?.remarks ?? [])).reading(rows, exitCode: exitCode, defect: last?.defect)
    }

    /// The lines that are no XML declaration or document type.
    private static func lines(_ bytes: ArraySlice<UInt8>) -> [String] {
        bytes.split { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }
            .map { String(decoding: $0, as: UTF8.self) }
            .filter { !$0.hasPrefix("<?") && !$0.hasPrefix("<!") }
    }
}

/// What one `<nvidia_smi_log>` holds.
struct NvidiaSMIDocument {
    /// The driver's own have 6. What is deeper is not its, and following it would take time by the square of its size.
    private static let maximumDepth = 32

    /// Whether all of it was read.
    private(set) var isWhole: Bool
    private(set) var gpus: [NvidiaSMIFields] = []
    /// Values beside the GPUs that belong to each of them, such as the driver's version.
    private(set) var common: [(String, String)] = []
    private(set) var remarks: [String] = []
    private var attached: Int?

    /// What is wrong with the document itself.
    var defect: String? {
        if !isWhole { return "the output of nvidia-smi was cut after \(gpus.count) GPUs" }
        guard let attached, attached > gpus.count else { return nil }
        return "nvidia-smi listed \(gpus.count) of \(attached) attached GPUs"
    }

    /// - Parameter bytes: from `<nvidia_smi_log` to its end tag or the cut.
    init(_ bytes: ArraySlice<UInt8>, isWhole: Bool) {
        self.isWhole = isWhole
        var reader = XMLPullReader(bytes)
        var path: [String] = []
        var leaf: String?
        var gpu: NvidiaSMIFields?
        while let token = reader.next() {
            switch token {
            case .open where path.count == Self.maximumDepth:
                self.isWhole = false
                return
            case .open(let name, let attributes):
                if path.count == 1, name == "gpu" {
                    gpu = NvidiaSMIFields()
                    gpu?.note("@id", attributes.split(separator: "\"").dropFirst().first ?? "")
                }
                path.append(name)
                leaf = nil
            case .text(let text):
                if path.count == 1, !text.trimmingBlanks.isEmpty {
                    remarks += text.split(separator: "\n").map(String.init)
                } else {
                    leaf = (leaf ?? "") + text
                }
            case .close(let name):
                // An end tag without its start tag closes nothing; one that skips others closes those too.
                guard let depth = path.lastIndex(of: name) else { continue }
                if let leaf, depth == path.count - 1 { note(leaf, at: path, in: &gpu) }
                path.removeSubrange(depth...)
                leaf = nil
                if path.count == 1, name == "gpu", let whole = gpu {
                    gpus.append(whole)
                    gpu = nil
                }
            }
        }
    }

    private mutating func note(_ text: String, at path: [String], in gpu: inout NvidiaSMIFields?) {
        if gpu != nil, path.count > 2 {
            gpu?.note(path[2...].joined(separator: "/"), text)
        } else if path.count == 2 {
            if path[1] == "attached_gpus" {
                attached = Int(text.trimmingBlanks)
            } else {
                common.append((path[1], text))
            }
        }
    }
}

extension ArraySlice<UInt8> {
    /// Where `text` first stands.
    func firstRange(of text: StaticString) -> Range<Int>? {
        let length = text.utf8CodeUnitCount
        guard count >= length else { return nil }
        let pattern = text.withUTF8Buffer { Array($0) }
        for start in startIndex...(endIndex - length)
        where self[start] == pattern[0] && self[start..<start + length].elementsEqual(pattern) {
            return start..<start + length
        }
        return nil
    }
}
