package import Exposition
package import Fleet

/// How one family of engines names its signals: a table, so that another engine is another table and no code.
package struct EngineProfile: Hashable, Sendable {
    /// The engine family, as `EngineSample.engine` has it.
    package var engine: String
    /// What to say when a body holds nothing of this table.
    package var hint: String
    package var modelLabel: String
    /// The label of the engine core, where there are several behind one endpoint.
    package var engineLabel: String
    package var numbers: [NumberSignal]
    package var histograms: [HistogramSignal]
    package var sleep: SleepSignal?
    package var cache: CacheSignal?

    /// The families that the table reads, by their names in text 0.0.4.
    package var families: Set<String> {
        Set(
            numbers.flatMap { $0.sources.map(\.family) } + histograms.flatMap(\.families)
                + [sleep?.source.family, cache?.family].compactMap { $0 })
    }
}

/// Where a series is found.
package struct SignalSource: Hashable, Sendable {
    package var family: String
    /// The part of a histogram that is meant, such as `_count`.
    package var suffix: String
    /// The label that tells the series apart from others of its family.
    package var label: MetricLabel?

    package init(_ family: String, suffix: String = "", label: MetricLabel? = nil) {
        self.family = family
        self.suffix = suffix
        self.label = label
    }
}

package struct NumberSignal: Sendable {
    /// How the series of one model and engine core become one number.
    package enum Fold: Sendable {
        /// Counters that are split by a label, such as the reason of an end.
        case sum
        /// Gauges. A gauge may come once per process (`pid`), and then all but one are zero.
        case maximum
    }

    /// As in `EngineSample.missing`.
    package var name: String
    package var field: any WritableKeyPath<ModelSample, Double?> & Sendable
    package var fold: Fold
    /// Names over the versions of the engine, preferred first. Several at once say the same: the first is taken.
    package var sources: [SignalSource]
}

package struct HistogramSignal: Sendable {
    package var name: String
    package var field: any WritableKeyPath<ModelSample, HistogramSample?> & Sendable
    /// Preferred first.
    package var families: [String]
}

/// A gauge that is 1 while the engine is awake and 0 while it sleeps.
package struct SleepSignal: Hashable, Sendable {
    package var name: String
    package var source: SignalSource
}

/// A family whose labels, not its value, tell the size of the KV cache. Without a model label it holds for all models.
package struct CacheSignal: Hashable, Sendable {
    package var name: String
    package var family: String
    /// The label with the size in tokens.
    package var tokens: String
    /// The labels whose product is that size where the former is absent.
    package var blocks: String
    package var blockSize: String
}

// Written out because a key path that is `Sendable` is no longer `Hashable` to the compiler.

extension NumberSignal: Hashable {
    package static func == (a: NumberSignal, b: NumberSignal) -> Bool {
        a.name == b.name && a.field as AnyKeyPath == b.field as AnyKeyPath && a.fold == b.fold && a.sources == b.sources
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

extension HistogramSignal: Hashable {
    package static func == (a: HistogramSignal, b: HistogramSignal) -> Bool {
        a.name == b.name && a.field as AnyKeyPath == b.field as AnyKeyPath && a.families == b.families
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(name) }
}
