import Fleet

extension ShadowFleets: Decodable {
    /// Goes on bit for bit as the one that was encoded.
    ///
    /// - Throws: `DecodingError` when the parts do not fit together, so that a damaged state cannot do harm later.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func read<Value: Decodable>(_ key: CodingKeys) throws -> Value { try container.decode(Value.self, forKey: key) }
        self.init(settings: try read(.settings))
        let fresh = self
        (fleets, boots, ledgers) = (try read(.fleets), try read(.boots), try read(.ledgers))
        (budget, real, chosen) = (try read(.budget), try read(.real), try read(.chosen))
        (tick, learned, desired, required) = (
            try read(.tick), try read(.learned), try read(.desired), try read(.required)
        )
        last = try container.decodeIfPresent(Timestamp.self, forKey: .last)
        guard isSound(like: fresh) else {
            throw DecodingError.dataCorruptedError(
                forKey: .fleets, in: container, debugDescription: "the parts of shadow fleets do not fit together")
        }
    }

    private func isSound(like fresh: ShadowFleets) -> Bool {
        // Far more intervals than a clock has left, and far from overflow.
        (-1...1 << 48).contains(tick) && (0...1 << 48).contains(learned) && required.isFinite
            && settings.interval >= .seconds(1) && settings.halfLife > .zero
            && fleets.count == fresh.fleets.count && fleets.allSatisfy(\.isSound) && real.isSound
            && boots.fleets == fleets.count && ledgers.isSound(like: fresh.ledgers) && budget.isSound
            && chosen.count == fresh.chosen.count && chosen.allSatisfy(fleets.indices.contains)
            && fleets.indices.allSatisfy { boots.count(of: $0) == Int(fleets[$0].booting) }
    }
}
