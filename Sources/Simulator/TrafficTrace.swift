import Fleet

/// Recorded traffic: how many requests came in each bin of one length.
package struct TrafficTrace: Hashable, Sendable {
    package struct Bin: Hashable, Sendable {
        package var requests: Double
        /// Sums over the requests of the bin; `nil` where the trace has no such column, or no token in all of it.
        package var promptTokens: Double?
        package var outputTokens: Double?
    }

    /// Seconds of the first bin's start on the trace's own clock.
    package var startSecond: Double
    package var resolution: Duration
    package var bins: [Bin]

    package var duration: Duration { resolution * bins.count }

    /// Requests from `from` up to, not including, `to`, counted from the start of the first bin; sorted by time.
    ///
    /// With a scale of 1 each bin has its recorded count, rounded; otherwise a Poisson draw around the scaled one, so
    /// that a big service's trace does not make a small one look smoother than it is. Lengths vary around the mean of
    /// the bin, or that of `lengths` where the trace does not tell.
    package func arrivals(from: Duration, to: Duration, seed: UInt64, scale: Double = 1, lengths: RequestLengths)
        -> [TrafficArrival]
    {
        guard from < to else { return [] }
        let wanted = Simulator.bins(of: resolution, from: from, to: to).clamped(to: 0..<Int64(bins.count))
        return wanted.flatMap { index -> [TrafficArrival] in
            let bin = bins[Int(index)]
            var generator = SplitMix64(seed: seed, stream: 2, cell: index)
            let count = scale == 1 ? Int(bin.requests.rounded()) : generator.poisson(mean: bin.requests * scale)
            var lengths = lengths
            if bin.requests > 0 {
                if let tokens = bin.promptTokens { lengths.meanPromptTokens = tokens / bin.requests }
                if let tokens = bin.outputTokens { lengths.meanOutputTokens = tokens / bin.requests }
            }
            return generator.arrivals(count, from: resolution * Int(index), over: resolution, lengths: lengths)
                .filter { $0.at >= from && $0.at < to }
        }
    }
}

/// Why a trace could not be read. `line` counts from 1.
package struct TraceError: Error, Hashable, CustomStringConvertible {
    package var line: Int
    package var message: String

    package var description: String { "line \(line): \(message)" }
}

extension TrafficTrace {
    /// Reads `t_s,count` rows, with or without a header; `t_s` is the start of the bin in seconds.
    ///
    /// Columns named `prompt_tokens` and `output_tokens` are read too, any other one is passed over. The bins follow one
    /// another without a gap, and the first two tell their length, which is a whole number of milliseconds.
    package init(csv bytes: [UInt8]) throws(TraceError) {
        var columns = (prompt: Int?.none, output: Int?.none)
        var starts: [Double] = []
        var read: [Bin] = []
        var step = 0.0
        var line = 0
        for raw in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            line += 1
            let text = raw.last == UInt8(ascii: "\r") ? raw.dropLast() : raw
            if text.isEmpty { continue }
            let fields = text.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).map {
                String(decoding: $0, as: UTF8.self)
            }
            guard fields.count >= 2 else {
                throw TraceError(line: line, message: "expected t_s and a count, found \"\(fields[0])\"")
            }
            if line == 1 && Double(fields[0]) == nil {
                guard fields[0] == "t_s" else {
                    throw TraceError(line: line, message: "expected the first column to be t_s, found \"\(fields[0])\"")
                }
                columns = (fields.firstIndex(of: "prompt_tokens"), fields.firstIndex(of: "output_tokens"))
                continue
            }
            func number(_ column: Int, _ name: String) throws(TraceError) -> Double {
                let field = column < fields.count ? fields[column] : ""
                guard let value = Double(field), value.isFinite, value >= 0, value < 0x1p53 else {
                    throw TraceError(line: line, message: "\(name): expected a number from 0 on, found \"\(field)\"")
                }
                return value
            }
            let start = try number(0, "t_s")
            if starts.count == 1 { step = start - starts[0] }
            let expected = (starts.first ?? start) + step * Double(starts.count)
            // The first gap defines the step, the later ones are held to it.
            guard starts.isEmpty || step >= 0.001 else {
                throw TraceError(line: line, message: "t_s: expected more than \(starts[0]), found \(start)")
            }
            guard (start - expected).magnitude < 0.0005 else {
                throw TraceError(line: line, message: "t_s: expected \(expected) after \(step) s, found \(start)")
            }
            var bin = Bin(requests: try number(1, "count"))
            if let column = columns.prompt { bin.promptTokens = try number(column, "prompt_tokens") }
            if let column = columns.output { bin.outputTokens = try number(column, "output_tokens") }
            starts.append(start)
            read.append(bin)
        }
        guard let first = starts.first, starts.count > 1 else {
            throw TraceError(line: max(line, 1), message: "expected at least two rows, found \(starts.count)")
        }
        // Traces without tokens write zeros there.
        if !read.contains(where: { ($0.promptTokens ?? 0) > 0 || ($0.outputTokens ?? 0) > 0 }) {
            read = read.map { Bin(requests: $0.requests) }
        }
        self.init(startSecond: first, resolution: .milliseconds(Int64((step * 1000).rounded())), bins: read)
    }
}

/// What of a trace counts as work.
package enum WorkUnit: String, Hashable, Sendable, CaseIterable {
    case requests
    case promptTokens
    case outputTokens
}

extension TrafficTrace {
    /// The work of each bin; `nil` where the trace does not tell it for every one.
    package func work(_ unit: WorkUnit) -> [Double]? {
        switch unit {
        case .requests: bins.map(\.requests)
        case .promptTokens: bins.allSatisfy { $0.promptTokens != nil } ? bins.compactMap(\.promptTokens) : nil
        case .outputTokens: bins.allSatisfy { $0.outputTokens != nil } ? bins.compactMap(\.outputTokens) : nil
        }
    }
}
