import Fleet

/// What AWS says in prose when it has no machine to give. Scaling activities have nothing but this text.
struct AWSCapacityText: Sendable, Equatable {
    var text: String

    /// `nil` when the text tells of something else.
    init?(_ text: String) {
        let folded = text.lowercased()
        let shortage =
            folded.firstRange(of: "sufficient ").map { folded[$0.upperBound...].contains(" capacity") } ?? false
        guard shortage || Self.phrases.contains(where: { folded.contains($0) }) else { return nil }
        self.text = text
    }

    private static let phrases = [
        "insufficientinstancecapacity", "maxspotinstancecountexceeded", "vcpulimitexceeded", "vcpu capacity",
        "unfulfillablecapacity", "reservationcapacityexceeded", "insufficientfreeaddressesinsubnet",
    ]

    static func market(_ text: String) -> Market { text.contains("Spot") ? .spot : .onDemand }

    /// The first zone that the text names, such as `us-east-1a` or `us-west-2-lax-1a`.
    static func zone(_ text: String, in region: String) -> String? {
        text.split { !$0.isASCII || !($0.isLetter || $0.isNumber || $0 == "-") }
            .first { $0.hasPrefix(region) && $0.count > region.count && $0.last?.isLetter == true }
            .map(String.init)
    }
}
