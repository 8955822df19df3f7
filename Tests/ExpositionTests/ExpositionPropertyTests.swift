import TestSupport
import Testing

@testable import Exposition

@Suite struct ExpositionPropertyTests {
    @Test(arguments: ExpositionFormat.allCases, 0..<200 as Range<UInt64>)
    func whatIsWrittenReadsBackTheSame(format: ExpositionFormat, seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let families = randomFamilies(format, &random)
        var buffer: [UInt8] = []
        ExpositionWriter.write(format, into: &buffer) { for family in families { $0.write(family) } }
        let exposition = try Exposition(buffer, format: format)
        #expect(exposition.families.count == families.count)
        for (read, written) in zip(exposition.families, families) { #expect(read == written) }
        #expect(exposition.skipped.count == 0)
        #expect(exposition.duplicates == 0)
    }

    /// Whatever arrives, reading ends, and says no more samples than there are lines.
    @Test(arguments: ExpositionFormat.allCases, 0..<200 as Range<UInt64>)
    func damagedBodiesAreReadOrRefused(format: ExpositionFormat, seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let body = damagedBody(format, &random)
        guard let exposition = try? Exposition(body, format: format) else { return }
        let samples = exposition.families.reduce(0) { $0 + $1.samples.count }
        let lines = body.split(separator: Byte.lineFeed).count
        #expect(samples + exposition.duplicates + exposition.skipped.count <= lines + 1)
    }

    /// The parser remembers names of the lines before; what it makes of a line must not depend on them.
    @Test(arguments: 0..<200 as Range<UInt64>)
    func everyLineIsReadAsIfItWereAlone(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let body = damagedBody(.prometheusText, &random).filter { $0 != 0 }
        guard let together = try? elements(body[...]) else { return }
        let apart = try body.split(separator: Byte.lineFeed).flatMap { try elements($0 + [Byte.lineFeed]) }
        #expect(together == apart)
    }

    private func elements(_ body: ArraySlice<UInt8>) throws -> [String] {
        let bytes = Array(body)
        var parser = ExpositionParser(format: .prometheusText)
        var elements: [String] = []
        while let element = try parser.next(in: bytes.span) {
            switch element {
            case .sample(let name, let value):
                let labels = parser.labels.map { [$0.name.string(in: bytes.span), $0.value.string(in: bytes.span)] }
                elements.append("\(name.string(in: bytes.span)) \(labels) \(value)")
            case .type(let name, let type): elements.append("\(name.string(in: bytes.span)) \(type)")
            case .help(let name, let text), .unit(let name, let text):
                elements.append("\(name.string(in: bytes.span)) \(text.string(in: bytes.span))")
            }
        }
        return elements
    }

    private func damagedBody(_ format: ExpositionFormat, _ random: inout SeededGenerator) -> [UInt8] {
        var body: [UInt8] = []
        let families = randomFamilies(format, &random)
        ExpositionWriter.write(format, into: &body) { for family in families { $0.write(family) } }
        let alphabet = Array("{}\",=#\\ \t\n\r\0a1.:é+-".utf8) + [0xff]
        for _ in 0..<Int.random(in: 1...8, using: &random) where !body.isEmpty {
            let place = Int.random(in: 0..<body.count, using: &random)
            switch Int.random(in: 0..<3, using: &random) {
            case 0: body[place] = alphabet.randomElement(using: &random) ?? 0
            case 1: body.remove(at: place)
            default: body.insert(alphabet.randomElement(using: &random) ?? 0, at: place)
            }
        }
        return body
    }

    private func randomFamilies(_ format: ExpositionFormat, _ random: inout SeededGenerator) -> [MetricFamily] {
        // What text cannot say is not asked of it.
        let types: [MetricType] =
            format == .openMetrics ? MetricType.allCases : [.counter, .gauge, .histogram, .summary, .unknown]
        return (0..<Int.random(in: 0...6, using: &random)).map { index in
            let type = types.randomElement(using: &random) ?? .gauge
            let hasUnit = format == .openMetrics && Bool.random(using: &random)
            let suffix = (hasUnit ? "_seconds" : "") + (type.requiredSuffix ?? "")
            var family = MetricFamily(
                "ns:m\(index)_\(type)" + suffix, help: "h" + randomText(&random), type: type,
                unit: hasUnit ? "seconds" : nil)
            for row in 0..<Int.random(in: 1...3, using: &random) {
                let labels =
                    (0..<Int.random(in: 0...3, using: &random)).map {
                        MetricLabel("l\($0)", randomText(&random))
                    } + [MetricLabel("row", "\(row)")]
                if type == .histogram {
                    let bound = Double.random(in: -1...1e7, using: &random)
                    family.addHistogram(
                        labels: labels, buckets: [(bound, 1), (bound + 1, 2)], sum: randomValue(&random), count: 3)
                } else {
                    family.samples.append(MetricSample(labels: labels, value: randomValue(&random)))
                }
            }
            return family
        }
    }

    private func randomText(_ random: inout SeededGenerator) -> String {
        let letters: [Character] = ["a", "\\", "\"", "\n", "n", " ", "#", "}", ",", "é", "☃", "🚀", "\t", "\r", "="]
        let text = String(
            (0..<Int.random(in: 1...6, using: &random)).map { _ in letters.randomElement(using: &random) ?? "a" })
        // In help texts, blanks at the start and a carriage return at the end belong to the line.
        return text + "."
    }

    private func anyFinite(_ value: Double) -> Double { value.isFinite ? value : 0 }

    private func randomValue(_ random: inout SeededGenerator) -> Double {
        switch Int.random(in: 0..<5, using: &random) {
        case 0: Double(Int.random(in: -10...1_000_000, using: &random))
        case 1: Double.random(in: 0...1, using: &random)
        case 2: [.infinity, -.infinity, -0.0, .leastNonzeroMagnitude][Int.random(in: 0..<4, using: &random)]
        default:
            anyFinite(Double(bitPattern: random.next()))
        }
    }
}
