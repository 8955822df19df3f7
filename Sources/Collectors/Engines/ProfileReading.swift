import Exposition
package import Fleet

extension EngineProfile {
    /// What this body of `/metrics` says about the engine.
    ///
    /// A signal that the body lacks is `nil` in its row and, when no row has it, listed in `missing`. Values that are
    /// negative or not finite, and histograms that make no sense, count as absent.
    package func read(_ body: [UInt8], contentType: String?) throws(EngineReadError) -> EngineSample {
        guard metricsPath != nil else { return try readModels(body) }
        guard let format = ExpositionFormat(contentType: contentType) else {
            throw .contentType(contentType ?? "")
        }
        guard let last = body.last else { throw .empty }
        if let nul = body.firstIndex(of: 0) {
            throw .damaged(.nulByte(line: body[..<nul].count { $0 == UInt8(ascii: "\n") } + 1))
        }
        // OpenMetrics has an end mark of its own.
        guard last == UInt8(ascii: "\n") || format == .openMetrics else { throw .cut }
        let exposition: Exposition
        do throws(ExpositionError) {
            exposition = try Exposition(body, format: format, selecting: selection)
        } catch {
            throw .damaged(error)
        }
        guard exposition.families.contains(where: { !$0.samples.isEmpty }) else {
            throw .noSignals(hint: hint, skippedLines: exposition.skipped.count)
        }
        return sample(from: exposition)
    }

    /// The sample of the first of these profiles that finds something in the body.
    ///
    /// - Throws: what the first of them says, or, where there is nothing of any of them, that.
    package static func read(
        _ body: [UInt8], contentType: String?, as profiles: [EngineProfile]
    ) throws(EngineReadError) -> (profile: EngineProfile, sample: EngineSample) {
        var errors: [EngineReadError] = []
        for profile in profiles {
            do throws(EngineReadError) {
                return (profile, try profile.read(body, contentType: contentType))
            } catch { errors.append(error) }
        }
        if profiles.count > 1, case .noSignals(_, let skipped) = errors[0] {
            throw .noSignals(
                hint: "no series of \(profiles.map(\.engine).joined(separator: ", "))", skippedLines: skipped)
        }
        throw errors.first ?? .empty
    }

    private func readModels(_ body: [UInt8]) throws(EngineReadError) -> EngineSample {
        guard let names = ModelNames(body)?.names else { throw .noSignals(hint: hint, skippedLines: 0) }
        return EngineSample(
            engine: engine, models: Set(names).sorted().map { ModelSample(model: $0) },
            missing: Self.signalNames.sorted())
    }

    private func sample(from exposition: Exposition) -> EngineSample {
        var rows: [RowKey: ModelSample] = [:]
        for signal in numbers {
            for source in signal.sources {
                for (key, value) in values(of: source, in: exposition, fold: signal.fold) {
                    rows[key, default: key.emptyRow].fill(signal.field, with: value)
                }
            }
        }
        for signal in histograms {
            for family in signal.families {
                for series in exposition[family]?.histograms() ?? [] {
                    let key = key(of: series.labels)
                    rows[key, default: key.emptyRow].fill(signal.field, with: HistogramSample(series, signal.scale))
                }
            }
        }
        if let sleep {
            for (key, awake) in values(of: sleep.source, in: exposition, fold: .maximum) {
                rows[key, default: key.emptyRow].sleeping = awake.map { $0 == 0 }
            }
        }
        if let cache {
            for key in rows.keys { rows[key]?.kvCacheTokens = tokens(of: cache, for: key, in: exposition) }
        }
        let sorted = rows.sorted { $0.key < $1.key }.map(\.value)
        return EngineSample(
            engine: engine, models: sorted, missing: missing(in: sorted), skippedLines: exposition.skipped.count)
    }

    /// One number per row; `nil` where a series of the row has no usable one, as a part would pass for the whole.
    private func values(
        of source: SignalSource, in exposition: Exposition, fold: NumberSignal.Fold
    ) -> [RowKey: Double?] {
        var values: [RowKey: Double?] = [:]
        for sample in exposition[source.family]?.samples ?? [] where sample.suffix == source.suffix {
            if let label = source.label, sample[label.name] != label.value { continue }
            let key = key(of: sample.labels)
            guard let soFar = values[key, default: 0], let value = sample.value, value >= 0, (soFar + value).isFinite
            else {
                values[key] = .some(nil)
                continue
            }
            values[key] = fold == .sum ? soFar + value : max(soFar, value)
        }
        return values
    }

    /// The size that the labels tell, of the series for this engine core or, where they name none, of any.
    private func tokens(of cache: CacheSignal, for key: RowKey, in exposition: Exposition) -> Double? {
        for sample in exposition[cache.family]?.samples ?? [] {
            if let engine = engineLabel.flatMap({ sample[$0] }), engine != key.engine { continue }
            if let model = modelLabel.flatMap({ sample[$0] }), model != key.model { continue }
            func size(_ label: String) -> Double? {
                guard let size = sample[label].flatMap({ Double($0) }), size > 0, size.isFinite else { return nil }
                return size
            }
            if let tokens = size(cache.tokens) { return tokens }
            if let blocks = size(cache.blocks), let blockSize = size(cache.blockSize) { return blocks * blockSize }
        }
        return nil
    }

    private func missing(in rows: [ModelSample]) -> [String] {
        var names = numbers.filter { signal in rows.allSatisfy { $0[keyPath: signal.field] == nil } }.map(\.name)
        names += histograms.filter { signal in rows.allSatisfy { $0[keyPath: signal.field] == nil } }.map(\.name)
        if let sleep, rows.allSatisfy({ $0.sleeping == nil }) { names.append(sleep.name) }
        if let cache, rows.allSatisfy({ $0.kvCacheTokens == nil }) { names.append(cache.name) }
        return names.sorted()
    }

    private func key(of labels: [MetricLabel]) -> RowKey {
        RowKey(
            model: labels.first { $0.name == modelLabel }?.value ?? "",
            engine: labels.first { $0.name == engineLabel }?.value)
    }
}

/// What a row is about.
private struct RowKey: Hashable, Comparable {
    var model: String
    var engine: String?

    var emptyRow: ModelSample { ModelSample(model: model, engine: engine) }

    /// Engine cores are numbered: "2" comes before "10".
    static func < (a: RowKey, b: RowKey) -> Bool {
        if a.model != b.model { return a.model < b.model }
        let (left, right) = (a.engine ?? "", b.engine ?? "")
        return left.utf8.count != right.utf8.count ? left.utf8.count < right.utf8.count : left < right
    }
}

extension ModelSample {
    /// Sets the field where it is still unknown: preferred names come first.
    fileprivate mutating func fill<Value>(_ field: WritableKeyPath<ModelSample, Value?>, with value: Value?) {
        self[keyPath: field] = self[keyPath: field] ?? value
    }
}

extension HistogramSample {
    init(_ series: HistogramSeries, _ scale: Double) {
        self.init(
            buckets: series.buckets.map {
                Bucket(
                    upperBound: $0.upperBound.isFinite ? $0.upperBound * scale : nil,
                    cumulativeCount: $0.cumulativeCount)
            },
            sum: series.sum.map { $0 * scale }, count: series.count)
    }
}
